"""Gateways, routes, policies and requests of every feature, from few names and values, so that they meet."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import strategies as st

from kuadrant.api.kinds import KINDS
from kuadrant.api.meta import Object  # noqa: TC001 - read by msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

GATEWAY_API = "gateway.networking.k8s.io"
GATEWAYS = {"g0": (80, 81), "g1": (80,)}
"""The ports of each gateway are always these, so that no listener comes or goes."""

Document = dict[str, Any]


class Asked(msgspec.Struct, frozen=True):
    """A request as the client sends it, to the port ``port`` of ``gateway``.

    An ``odd`` one may be refused by Envoy, or be seen by filters with another path than the one that was
    sent. Bytes that are no UTF-8 are written as surrogates.
    """

    gateway: str
    port: int
    authority: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    odd: bool = False


class Case(msgspec.Struct, frozen=True):
    """A configuration, and what is asked of it: how many seconds after the one before, and what."""

    documents: tuple[Document, ...]
    failure_mode: str
    asked: tuple[tuple[float, Asked], ...]

    @property
    def objects(self) -> tuple[Object, ...]:
        return tuple(msgspec.convert(one, KINDS[one["apiVersion"], one["kind"]]) for one in self.documents)


def _some(strategy: st.SearchStrategy[Any], most: int, least: int = 0) -> st.SearchStrategy[list[Any]]:
    return st.lists(strategy, min_size=least, max_size=most)


def _object(version: str, kind: str, key: tuple[str, str], created: str | None, spec: Document) -> Document:
    metadata = dict(zip(("namespace", "name"), key, strict=True))
    if created:
        metadata["creationTimestamp"] = created
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


# ------------------------------------------------------------------ gateways

_LISTENER_HOSTNAMES = st.lists(
    st.sampled_from([None, "*.x", "*.a.x", "a.x", "b.a.x", "y"]), min_size=1, max_size=3, unique=True
)
_CREATED = st.sampled_from(["2024-06-12T08:00:00Z", "2024-06-12T09:00:00Z"])
_ANY = {"namespaces": {"from": "All"}}
_ALLOWED = st.fixed_dictionaries(
    {
        "namespaces": st.sampled_from(
            [
                {"from": "All"},
                {"from": "All"},
                {"from": "All"},
                {"from": "Same"},
                {"from": "Selector", "selector": {"matchLabels": {"team": "a"}}},
                {
                    "from": "Selector",
                    "selector": {"matchExpressions": [{"key": "team", "operator": "Exists"}]},
                },
            ]
        )
    },
    optional={
        "kinds": st.sampled_from([[{"group": GATEWAY_API, "kind": "HTTPRoute"}], [{"kind": "GRPCRoute"}]])
    },
)


_IDENTITIES = st.sampled_from([None, "header:X-User", "header:x-tenant", "mtls"])


@st.composite
def _gateways(draw: st.DrawFn) -> list[Document]:
    gateways = []
    for name, ports in GATEWAYS.items():
        listeners: list[Document] = []
        for port in ports:
            hostnames = draw(st.just([None]) | st.just([None, "*.x"]) | _LISTENER_HOSTNAMES)
            for hostname in hostnames:
                listener = {"name": f"l{len(listeners)}", "port": port, "protocol": "HTTP"}
                listener["allowedRoutes"] = draw(st.sampled_from([_ANY, _ANY, _ANY, None])) or draw(_ALLOWED)
                if hostname:
                    listener["hostname"] = hostname
                listeners.append(listener)
        spec = {"gatewayClassName": "any", "listeners": listeners}
        gateway = _object(f"{GATEWAY_API}/v1", "Gateway", ("gw", name), None, spec)
        if identity := draw(_IDENTITIES):
            gateway["metadata"]["annotations"] = {"kuadrant.io/identity": identity}
        gateways.append(gateway)
    return gateways


_NAMESPACES = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gw"}},
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "app", "labels": {"team": "a"}}},
]

# ------------------------------------------------------------------ routes

_PATHS = ["/", "/a", "/a/", "/a/b", "/ab", "/a/b/c", "/it's", "/%C3%A9", "/b"]
_PATH_MATCHES = st.one_of(
    st.builds(lambda value: {"type": "PathPrefix", "value": value}, st.sampled_from(_PATHS)),
    st.builds(lambda value: {"type": "Exact", "value": value}, st.sampled_from(_PATHS)),
    st.builds(
        lambda value: {"type": "RegularExpression", "value": value},
        st.sampled_from(
            [
                "/a.*",
                "/[ab]+",
                "(/a|/b)",
                "/a|/b",
                "/a/?",
                "/it's.*",
                "(?i)/A",
                "/.{1,3}",
                r"/\x61\/.*",
                "/[",
                "",
            ]
        ),
    ),
)
_HEADER_NAMES = ["x-user", "X-Tenant", "x-list"]
_VALUES = ["", "1", "bob", "it's", 'say "hi"', "a,b", "Bücher", "日本", "b\\n", "long" * 20]
_REGEXES = ["bob|1", ".*", "()", "[a-z']+", "B.*r", ".+", r"\d", "(?i)BOB", "a"]
_HOST_MATCHES = st.sampled_from(
    [
        {"name": "host", "value": "a.x"},
        {"name": "Host", "type": "RegularExpression", "value": ".*a.*"},
        {"name": "x-forwarded-proto", "value": "http"},
        {"name": "user-agent", "value": "1"},
        {"name": "x-forwarded-for", "value": "10.0.0.1"},
        # What a gateway adds for a client on its own machine is an address of that machine.
        {"name": "x-forwarded-for", "type": "RegularExpression", "value": "10.0.0.1,.*"},
        {"name": "content-type", "value": "application/grpc"},
    ]
)


def _string_matches(names: list[str]) -> st.SearchStrategy[list[Document]]:
    exact = st.builds(
        lambda name, value: {"name": name, "value": value},
        st.sampled_from(names),
        st.sampled_from(_VALUES[1:]),
    )
    regex = st.builds(
        lambda name, value: {"name": name, "type": "RegularExpression", "value": value},
        st.sampled_from(names),
        st.sampled_from(_REGEXES),
    )
    return _some(exact | regex, 2)


_MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "path": _PATH_MATCHES,
        "method": st.sampled_from(["GET", "POST"]),
        "headers": _string_matches(_HEADER_NAMES) | _some(_HOST_MATCHES, 1, 1),
        "queryParams": _string_matches(["q", "p", "it's", "%71"]),
    },
)
_GRPC_MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "method": st.fixed_dictionaries(
            {},
            optional={
                "service": st.sampled_from(["p.S", "a"]),
                "method": st.sampled_from(["M", "b"]),
            },
        )
        | st.sampled_from(
            [
                {"type": "RegularExpression", "service": "p.S|a"},
                {"type": "RegularExpression", "method": "[Mb]"},
                {"type": "RegularExpression", "service": ".*", "method": "M"},
            ]
        ),
        "headers": _string_matches(_HEADER_NAMES),
    },
)
_ROUTE_HOSTNAMES = st.lists(
    st.sampled_from(["a.x", "b.a.x", "*.x", "*.a.x", "c.b.a.x", "y", "*.y"]), max_size=3, unique=True
)
_HOSTNAMES: st.SearchStrategy[list[str]] = st.just([]) | st.just(["*.x", "y"]) | _ROUTE_HOSTNAMES
_ROUTES = (
    ("HTTPRoute", "app", "r0"),
    ("HTTPRoute", "gw", "r1"),
    ("HTTPRoute", "app", "p0"),
    ("GRPCRoute", "app", "r2"),
)


@st.composite
def _parents(draw: st.DrawFn) -> list[Document]:
    parents = []
    for _ in range(draw(st.integers(1, 2))):
        parent: Document = {"namespace": "gw", "name": draw(st.sampled_from(["g0", "g0", "g0", "g0", "g1"]))}
        match draw(st.integers(0, 9)):
            case 8:
                parent["sectionName"] = draw(st.sampled_from(["l0", "l1", "l2", "nowhere"]))
            case 9:
                parent["port"] = draw(st.sampled_from([80, 81, 82]))
        parents.append(parent)
    return parents


@st.composite
def _route(draw: st.DrawFn, kind: str, namespace: str, name: str) -> Document:
    rules = []
    for index in range(draw(st.integers(1, 3))):
        # The response tells which rule it was; without a backend it is a 500.
        marker = {"name": "x-rule", "value": f"{kind}/{namespace}/{name}/{index}"}
        rule: Document = {
            "filters": [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [marker]}}]
        }
        if draw(st.booleans()):
            rule["name"] = f"named-{index}"
        matches: list[Document] = draw(_some(_MATCHES if kind == "HTTPRoute" else _GRPC_MATCHES, 3))
        if matches or draw(st.sampled_from([False, True])):
            rule["matches"] = matches
        rules.append(rule)
    spec = {"parentRefs": draw(_parents()), "hostnames": draw(_HOSTNAMES), "rules": rules}
    return _object(f"{GATEWAY_API}/v1", kind, (namespace, name), draw(_CREATED), spec)


# ------------------------------------------------------------------ policies

_LIMIT_NAMES = ["a", "b", "it's", 'say "hi"', "Zażółć", "a.b/c-d e", ""]
PREDICATES = [
    "true",
    "request.method == 'POST'",
    "request.method in ['GET', 'PUT'] // these",
    "request.url_path.startsWith('/a')",
    "request.path.matches('^/[ab]+') && request.query == 'q=1'",
    "request.host == 'a.x'",
    "'x-user' in request.headers && request.headers['x-user'] != 'bob'",
    "request.headers['x-user'] == 'it\\'s'",
    'request.headers["x-user"] == "say \\"hi\\""',
    "request.headers['x-list'] == 'a,b'",
    "request.headers['X-User'] == 'bob' && 'X-Tenant' in request.headers",
    "has(request.headers.Referer) || request.headers.exists(h, h == 'X-User')",
    "'' in request.headers || request.headers[''] == ''",
    "request.headers.exists(h, h.startsWith('x-t') && request.headers[h] == 'Bücher')",
    "size(request.headers['x-tenant']) == 2",
    "has(request.referer)",
    "has(request.useragent) && request.useragent.contains('t')",
    "int(request.headers['x-user']) + 1 == 2",
    "request.query == '' ? request.method == 'GET' : request.path.endsWith('1')",
    "request.scheme == 'http' && request.protocol == 'HTTP/1.1'",
    "!(request.size > 0) || request.size == 3",
    "source.address.startsWith('127.0.0.1:') && source.port > 0",
    "source.remote_address == '127.0.0.1'",
    "source.remote_address.startsWith('10.') || request.method == 'GET'",
    "destination.port > 0",
    "connection.mtls",
    "request.id != '' && request.total_size > 0",
    "request.time > timestamp('2020-01-01T00:00:00Z')",
    "request.headers['x-forwarded-proto'] == 'http' && request.headers['host'] == 'a.x'",
    "request.headers[':path'] == request.path && request.headers[':authority'] == request.host",
    "int(request.method) == 0",
    "request.headers['x-user'] == 'bob' || true",
    "request.headers['x-user'] == 'bob' && false",
    "request.nothing",
    "auth.identity.username == 'bob'",
    "has(auth.identity.username) && auth.identity.userid != 'bob'",
    "'username' in auth.identity ? auth.identity.size() == 2 : request.method == 'GET'",
    "request.path.lowerAscii() == '/a'",
    "true) || (true",
    "has(metadata.filter_metadata)",
]
_COUNTERS = [
    "request.headers['x-user']",
    "request.headers['X-User']",
    "request.method",
    "request.host",
    "request.url_path",
    "request.query",
    "request.headers['x-tenant'] + '/' + request.method",
    "size(request.path)",
    "request.headers['x-user'] == 'bob'",
    "1.5",
    "'\"'",
    "  request.path  ",
    "[request.path]",
    "source.address.size() > 3",
    "source.remote_address",
    "source.remote_address + '/' + request.method",
    "auth.identity.username",
    "auth.identity.?userid.orValue('nobody')",
]
_WINDOWS = ["1s", "2s", "1500ms", "10s", "1s", "2s", "999ms", "0s", "1m", "1h30m"]
_MAXIMA = st.sampled_from([3, 5, 10, 20, 50, 1, 2, 0, -1])
_ALGORITHMS = st.sampled_from(["FixedWindow", "SlidingWindow", "TokenBucket"])
SIGNALS = ("x-kuadrant-limit-exceeded", "X-Class")
_MODES: dict[str, st.SearchStrategy[object]] = {
    "mode": st.sampled_from(["Enforce", "Enforce", "Enforce", "Shadow", "Soft"]),
    "enforcePercent": st.sampled_from([100, 100, 0, 50]),
    "fallback": st.sampled_from(["Deny", "Allow"]),
    "softSignal": st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from(SIGNALS), "value": st.sampled_from(["a", "b", "a b"])}
        ),
        min_size=1,
        max_size=3,
    ).map(lambda headers: {"headers": headers}),
}
_COSTS = st.sampled_from(
    [
        "1",
        "2",
        "0",
        "1 + size(request.query)",
        "request.method == 'POST' ? 3 : 1",
        "request.headers['x-user'] == 'bob' ? 0 : 2",
        "uint(size(request.path))",
        "int(request.headers['x-user'])",
        "size(request.path) - 2",
        "request.size",
    ]
)


def _in_one_mode(limit: Document) -> Document:
    """A limit without what would contradict the rest."""
    needs_counters = limit.get("enforcePercent") == 50 and not limit.get("counters")
    gone = set()
    if limit.get("mode") in ("Shadow", "Soft") or needs_counters:
        gone.add("enforcePercent")
    if limit.get("mode") in ("Shadow", "Soft") or (limit.get("enforcePercent") == 0 and not needs_counters):
        gone.add("fallback")
    if limit.get("mode") != "Soft":
        gone.add("softSignal")
    return {name: value for name, value in limit.items() if name not in gone}


_V1_LIMIT = st.fixed_dictionaries(
    {"rates": _some(st.fixed_dictionaries({"limit": _MAXIMA, "window": st.sampled_from(_WINDOWS)}), 2)},
    optional={
        "algorithm": _ALGORITHMS,
        **_MODES,
        "cost": _COSTS,
        "when": _some(st.sampled_from(PREDICATES), 2).map(
            _each := lambda texts: [{"predicate": t} for t in texts]
        ),
        "counters": _some(st.sampled_from(_COUNTERS), 2).map(
            lambda texts: [{"expression": t} for t in texts]
        ),
    },
).map(_in_one_mode)
_TOLD: dict[str, st.SearchStrategy[Any]] = {
    "headers": st.sampled_from(["None", "Draft03", "RateLimit", "Both"]),
    "retryAfter": st.booleans(),
    "preflights": st.sampled_from(["Exempt", "Count"]),
    "overLimit": st.sampled_from(
        [
            {},
            {"code": 503, "headers": {"X-Own": {"value": "1"}}, "body": {"value": "{}"}},
            {"body": {"problem": True}},
            {"message": {"value": "Slow down"}},
            {
                "headers": {"x-own": {"expression": "'<' + request.headers['x-user'] + request.path"}},
                "body": {"expression": "request.url_path + ' ' + request.headers['x-tenant']"},
            },
            {
                "headers": {
                    "x-own": {"selector": "request.headers.x-list"},
                    "content-type": {"value": "application/json"},
                },
                "message": {"selector": "request.headers.x-user"},
                "body": {"expression": """'{"' + request.path + '":"' + request.headers['x-user'] + '"}'"""},
            },
        ]
    ),
}
_RESPONSE: st.SearchStrategy[Document] = st.sampled_from([{}, {}, {"response": {}}]).flatmap(
    lambda chosen: st.fixed_dictionaries({name: st.fixed_dictionaries({}, optional=_TOLD) for name in chosen})
)
_SELECTORS = [
    "request.method",
    "request.path",
    "request.url_path",
    "request.query",
    "request.host",
    "request.headers.x-user",
    "request.headers.X-Tenant",
    "request.headers.x-list",
    "request.headers.absent",
    "request.headers.x.y",
    r"request.headers.x\.y",
    "request.headers.host",
    "request.headers.:path",
    "request.scheme",
    "request.protocol",
    "request.size",
    "request.useragent",
    "request.referer",
    "source.remote_address",
    "source.address.x",
    "connection.mtls",
    "auth.identity.username",
    "request.nothing",
    "request..path",
    "metadata.filter_metadata.x",
]
_WHEN = st.fixed_dictionaries(
    {
        "selector": st.sampled_from(_SELECTORS),
        "operator": st.sampled_from(["eq", "neq", "startswith", "endswith", "incl", "excl", "matches"]),
        "value": st.sampled_from(
            [*_VALUES, "GET", "/a", "*", "?", "+", "/a*", "*'*", "b?b", "\\*", "a.x", "q=1", "B+r", "é"]
        ),
    }
)


def _v1beta2_limit(selectors: st.SearchStrategy[list[Document]]) -> st.SearchStrategy[Document]:
    rate = st.fixed_dictionaries(
        {
            "limit": _MAXIMA,
            "duration": st.sampled_from([1, 2, 10]),
            "unit": st.sampled_from(["second", "second", "minute", "day"]),
        }
    )
    return st.fixed_dictionaries(
        {"rates": _some(rate, 2)},
        optional={
            "algorithm": _ALGORITHMS,
            **_MODES,
            "when": _some(_WHEN, 3),
            "counters": _some(st.sampled_from(_SELECTORS), 2),
            "routeSelectors": selectors,
        },
    ).map(_in_one_mode)


_ROUTE_SELECTORS = _some(
    st.fixed_dictionaries({}, optional={"hostnames": _ROUTE_HOSTNAMES, "matches": _some(_MATCHES, 2)}),
    2,
)
_GATEWAY_TARGETS = (
    ("Gateway", "gw", "g0", ("l0", "l1", "nowhere")),
    ("Gateway", "gw", "g1", ("l0", "l1")),
)
_ROUTE_SECTIONS = ("rule-1", "rule-2", "named-0", "named-1")


def _in_a_bucket(rate: Document) -> st.SearchStrategy[Document]:
    """No limit, or one that counts as those of other policies do, or differently."""
    limit = {"rates": [rate], "bucket": "b"}
    kinds = [{}, {}, {}, limit, limit, {**limit, "mode": "Soft"}]
    return st.sampled_from(kinds).map(lambda one: {"in-bucket": one} if one else {})


@st.composite
def _policy(draw: st.DrawFn, name: str, routes: tuple[tuple[str, str, str], ...]) -> Document:
    targets = (*((*route, _ROUTE_SECTIONS) for route in routes), *_GATEWAY_TARGETS)
    kind, namespace, target, sections = draw(st.sampled_from(targets))
    reference = {"group": GATEWAY_API, "kind": kind, "name": target}
    created = draw(_CREATED)
    # Up to 14 limits, as many as v1beta2 may have.
    names = st.sampled_from(_LIMIT_NAMES) | st.integers(0, 13).map(lambda number: f"limit-{number}")
    if kind != "GRPCRoute" and draw(st.booleans()):
        limit = _v1beta2_limit(st.just([]) if kind == "Gateway" else _ROUTE_SELECTORS)
        block = draw(
            st.sampled_from(
                ["limits", "defaults", "overrides"] if kind == "Gateway" else ["limits", "defaults"]
            )
        )
        shared = draw(_in_a_bucket({"limit": 3, "duration": 10, "unit": "second"}))
        most = draw(st.sampled_from([2, 2, 2, 14 - len(shared)]))
        limits: Document = draw(st.dictionaries(names, limit, min_size=1, max_size=most))
        rules = {"limits": limits | shared, **draw(_RESPONSE)}
        spec = {"targetRef": reference, **(rules if block == "limits" else {block: rules})}
        return _object("kuadrant.io/v1beta2", "RateLimitPolicy", (namespace, name), created, spec)
    if draw(st.integers(0, 3)) == 0:
        reference["sectionName"] = draw(st.sampled_from(sections))
    limits = draw(
        st.dictionaries(names, _V1_LIMIT, min_size=1, max_size=draw(st.sampled_from([2, 2, 2, 14])))
    )
    block = draw(st.sampled_from(["limits", "defaults", "overrides"]))
    in_a_bucket = draw(_in_a_bucket({"limit": 3, "window": "10s"}))
    rules = {"limits": limits | in_a_bucket, **draw(_RESPONSE)}
    if draw(st.integers(0, 3)) == 0:
        rules["when"] = [{"predicate": text} for text in draw(_some(st.sampled_from(PREDICATES), 2, 1))]
    if block != "limits":
        rules["strategy"] = draw(st.sampled_from(["atomic", "merge"]))
    spec = {"targetRef": reference, **(rules if block == "limits" else {block: rules})}
    policy = _object("kuadrant.io/v1", "RateLimitPolicy", (namespace, name), created, spec)
    if draw(st.integers(0, 3)) == 3:
        policy["metadata"]["annotations"] = {"kuadrant.io/counters": "shared"}
    return policy


# ------------------------------------------------------------------ requests

_TARGET_PATHS = [*_PATHS, "/a/b/c/d", "/it's/x", "/p.S/M", "/a/x", "/abc", "/A"]
_QUERIES = [
    "",
    "",
    "?",
    "?q=1",
    "?q=bob&p=it's",
    "?p=1&q=&q=1",
    "?q",
    "?%71=1",
    "?q=B%C3%BCcher",
    "?q=a,b&it's=1",
]
_AUTHORITIES = [
    "a.x",
    "A.X",
    "a.x:80",
    "b.a.x",
    "c.b.a.x",
    "d.c.b.a.x",
    "z.x",
    "x",
    "y",
    "y:8080",
    "z.y",
    "other",
    "a,b.x",
    "a.x.",
]
# What a client may try in order to be taken for another, or for nobody.
_ODD_TARGETS = [
    "//a",
    "/a//b",
    "/a/./b",
    "/b/../a",
    "/../a",
    "/%61",
    "/a%2Fb",
    "/a%5cb",
    "/a;x=1",
    "/a/;/b",
    "/a#b",
    "/a#b?q=1",
    "/a?q=1#b",
    "/a?q=1?q=2",
    "/a?&&q=1&",
    "/a?=1",
    "/a?q==1",
    "/a?%71=1&q=bob",
    "/a?q=%31",
    "/a%",
    "/a%zz",
    "/a%00",
    "/a%0d%0a",
    "/a\\b",
    "/é",
    "/a\udcff",
    "/a?q=\udcff",
    "/a?q=it's\"",
    "/" + "a/" * 500,
    "/a" + "b" * 4000,
    "/a?" + "p=1&" * 1000 + "q=1",
    "http://a.x/a",
    "http://y/a?q=1",
    "*",
    "a",
    "?q=1",
]
_ODD_AUTHORITIES = [
    "a.x:",
    "a.x:x",
    "a.x:80:80",
    "A.x:99999",
    "b.A.X:1",
    ".x",
    "..x",
    "a..x",
    "*.x",
    "*",
    "a_b.x",
    "a.x..",
    "[::1]",
    "[::1]:80",
    "[a.x]",
    "user@a.x",
    "a.x/b",
    "xn--bcher-kva.x",
    "B\u00fccher.x",
    "a.x\udcff",
    "a" * 300 + ".x",
    "",
]
_ODD_METHODS = ["get", "BREW", "OPTIONS", "DELETE", "HEAD", "TRACE", "G-T"]
_ODD_HEADERS = [
    ("X-USER", "bob"),
    ("x-user", "bob, bob"),
    ("x-user", "bob\t"),
    ("x-user", " \t bob"),
    ("x-user", "\udcff\udcfe"),
    ("x-user", "x" * 10_000),
    ("x-list", "a,,b,"),
    ("x-list", ", a ,b"),
    ("x-forwarded-for", "10.0.0.1"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "y"),
    ("x-original-url", "/b"),
    ("x-envoy-original-path", "/b"),
    ("x-request-id", "mine"),
    ("host", "y"),
    ("content-type", "application/grpc-web"),
    ("cookie", "a=1"),
]

_OF_PREFLIGHTS = [
    ("origin", "https://shop.example"),
    ("access-control-request-method", "POST"),
]
_SENT_HEADERS = st.tuples(
    st.sampled_from(["x-user", "X-User", "x-tenant", "x-list", "x.y", "referer", "user-agent"]),
    st.sampled_from(_VALUES),
)
_PLACES = [(gateway, port) for gateway, ports in GATEWAYS.items() for port in ports]


@st.composite
def _asked(draw: st.DrawFn) -> Asked:
    gateway, port = draw(st.sampled_from([*[_PLACES[0]] * 6, *_PLACES]))
    headers = draw(_some(_SENT_HEADERS, 3))
    if draw(st.integers(0, 9)) == 0:
        headers.append(
            ("content-type", draw(st.sampled_from(["application/grpc", "application/grpc+proto"])))
        )
    asked = Asked(
        gateway=gateway,
        port=port,
        authority=draw(st.sampled_from(_AUTHORITIES)),
        method=draw(st.sampled_from(["GET", "GET", "GET", "POST", "PUT"])),
        target=draw(st.sampled_from(_TARGET_PATHS)) + draw(st.sampled_from(_QUERIES)),
        headers=tuple(headers),
    )
    match draw(st.integers(0, 19)):
        case 14 | 15:
            # One that only looks like a preflight has not all that one has.
            left_out = draw(st.sampled_from([None, None, *_OF_PREFLIGHTS]))
            more = (one for one in _OF_PREFLIGHTS if one != left_out)
            return msgspec.structs.replace(asked, method="OPTIONS", headers=(*asked.headers, *more))
        case 16:
            return msgspec.structs.replace(asked, odd=True, target=draw(st.sampled_from(_ODD_TARGETS)))
        case 17:
            return msgspec.structs.replace(asked, odd=True, authority=draw(st.sampled_from(_ODD_AUTHORITIES)))
        case 18:
            return msgspec.structs.replace(asked, odd=True, method=draw(st.sampled_from(_ODD_METHODS)))
        case 19:
            odd = draw(_some(st.sampled_from(_ODD_HEADERS), 2, 1))
            return msgspec.structs.replace(asked, odd=True, headers=(*asked.headers, *odd))
    return asked


@st.composite
def cases(draw: st.DrawFn, requests: int) -> Case:
    """A configuration with up to ``requests`` requests.

    Many are alike, so that limits are reached.
    """
    chosen = _ROUTES[: draw(st.integers(1, len(_ROUTES)))]
    routes = [draw(_route(*route)) for route in chosen]
    policies = [draw(_policy(f"p{number}", chosen)) for number in range(draw(st.integers(1, 4)))]
    different = draw(_some(_asked(), 8, 1))
    count = draw(st.sampled_from([1, 3, 10, requests // 2, requests, requests]))
    sequence = draw(
        st.lists(
            st.tuples(st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 2.0, 7.25]), st.sampled_from(different)),
            min_size=count,
            max_size=count,
        )
    )
    return Case(
        documents=(*draw(_gateways()), *_NAMESPACES, *routes, *policies),
        failure_mode=draw(st.sampled_from(["deny", "deny", "allow"])),
        asked=tuple(sequence),
    )


@st.composite
def edited(draw: st.DrawFn, requests: int) -> tuple[Case, Case]:
    """A configuration before and after somebody edits a policy or a route of it, mostly a little.

    Both are asked the same.
    """
    old = draw(cases(requests))
    routes = tuple(route for route in _ROUTES if _of(old, route[0], route[2]) is not None)
    documents = [*old.documents]
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        number = draw(st.sampled_from([n for n, one in enumerate(documents) if one["kind"] in _EDITED]))
        documents[number] = draw(_other(documents[number], routes))
    return old, msgspec.structs.replace(old, documents=tuple(documents))


_EDITED = {"RateLimitPolicy", "HTTPRoute", "GRPCRoute"}


def _of(case: Case, kind: str, name: str) -> Document | None:
    return next(
        (one for one in case.documents if (one["kind"], one["metadata"]["name"]) == (kind, name)), None
    )


def _other(document: Document, routes: tuple[tuple[str, str, str], ...]) -> st.SearchStrategy[Document]:
    """``document`` as another one of its name, or with one value of it changed."""
    name, kind = document["metadata"]["name"], document["kind"]
    whole = _policy(name, routes) if kind == "RateLimitPolicy" else _route(kind, _namespace(document), name)
    places = [*_places(document["spec"])]
    little = [_little(document, places)] * 3 if places else []
    more = [_told_otherwise(document), _in_another_mode(document)] if kind == "RateLimitPolicy" else []
    return st.one_of(whole, *little, *more)


@st.composite
def _told_otherwise(draw: st.DrawFn, document: Document) -> Document:
    """A policy with one thing of what clients are told said otherwise, or no more."""
    changed = copy.deepcopy(document)
    told = _block(changed).setdefault("response", {})
    name = draw(st.sampled_from([*_TOLD]))
    if name in told and draw(st.booleans()):
        del told[name]
    else:
        told[name] = draw(_TOLD[name])
    return changed


@st.composite
def _in_another_mode(draw: st.DrawFn, document: Document) -> Document:
    """A policy of which one limit refuses others than before."""
    changed = copy.deepcopy(document)
    limits = _block(changed)["limits"]
    name = draw(st.sampled_from([*limits]))
    what = draw(st.sampled_from([*_MODES]))
    limits[name] = _in_one_mode({**limits[name], what: draw(_MODES[what])})
    return changed


def _block(policy: Document) -> Document:
    """The part of a policy that its limits are in."""
    spec: Document = policy["spec"]
    return next((spec[name] for name in ("defaults", "overrides") if name in spec), spec)


def _namespace(document: Document) -> str:
    return str(document["metadata"]["namespace"])


_VALUES_OF: dict[str, st.SearchStrategy[Any]] = {
    "limit": _MAXIMA,
    "window": st.sampled_from(_WINDOWS),
    "duration": st.sampled_from([1, 2, 10]),
    "predicate": st.sampled_from(PREDICATES),
    "expression": st.sampled_from(_COUNTERS),
    "strategy": st.sampled_from(["atomic", "merge"]),
    "algorithm": _ALGORITHMS,
    "counters": st.just([]),
    "when": st.just([]),
    "matches": st.just([{}]),
    "hostnames": _HOSTNAMES,
    "method": st.sampled_from(["GET", "POST"]),
}


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the places of values of which others are known."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if key in _VALUES_OF and not (key == "method" and isinstance(inner, dict)):
            yield (*path, key)
        yield from _places(inner, (*path, key))


@st.composite
def _little(draw: st.DrawFn, document: Document, places: list[tuple[Any, ...]]) -> Document:
    *path, key = draw(st.sampled_from(places))
    changed = copy.deepcopy(document)
    value = changed["spec"]
    for step in path:
        value = value[step]
    if isinstance(value[key], dict):  # a limit that is called like a field
        return changed
    value[key] = draw(_VALUES_OF[key])
    return changed
