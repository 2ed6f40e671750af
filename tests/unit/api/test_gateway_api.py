"""What Gateway API's kinds may say, and what the API server fills in."""

from __future__ import annotations

import json

import msgspec
import pytest

from kuadrant.api.documents import Folder, read
from kuadrant.api.gateway import Gateway
from kuadrant.api.http_route import HTTPPathMatch, HTTPRoute, HTTPRouteMatch

VERSION = "gateway.networking.k8s.io/v1"


def of(kind: str, spec: object) -> Folder:
    document = {"apiVersion": VERSION, "kind": kind, "metadata": {"name": "a"}, "spec": spec}
    return read([("a.json", json.dumps(document))])


def mistakes(folder: Folder) -> list[tuple[str, str]]:
    return [(problem.field.removeprefix("spec."), problem.message) for problem in folder.problems]


def match(**parts: object) -> Folder:
    return of("HTTPRoute", {"rules": [{"matches": [parts]}]})


def messages(folder: Folder) -> list[str]:
    return [problem.message for problem in folder.problems]


# Defaults


def test_a_route_without_rules_takes_everything() -> None:
    [route] = of("HTTPRoute", {"parentRefs": [{"name": "gw"}]}).objects.http_routes
    [rule] = route.spec.rules
    assert rule.matches == (HTTPRouteMatch(path=HTTPPathMatch(type="PathPrefix", value="/")),)
    [parent] = route.spec.parent_refs
    assert (parent.group, parent.kind, parent.namespace) == ("gateway.networking.k8s.io", "Gateway", None)


@pytest.mark.parametrize("rule", [{}, {"matches": []}, {"matches": None}, {"matches": [{}]}])
def test_a_rule_always_has_a_match(rule: object) -> None:
    [route] = of("HTTPRoute", {"rules": [rule]}).objects.http_routes
    assert route.spec.rules[0].matches == (HTTPRouteMatch(),)


def test_parts_of_a_path_match_have_defaults() -> None:
    [route] = of(
        "HTTPRoute", {"rules": [{"matches": [{"path": {"value": "/a"}}, {"path": {"type": "Exact"}}]}]}
    ).objects.http_routes
    assert [(one.path.type, one.path.value) for one in route.spec.rules[0].matches] == [
        ("PathPrefix", "/a"),
        ("Exact", "/"),
    ]


def test_a_backend_is_a_service_of_weight_one() -> None:
    [route] = of("HTTPRoute", {"rules": [{"backendRefs": [{"name": "a", "port": 80}]}]}).objects.http_routes
    [backend] = route.spec.rules[0].backend_refs
    assert (backend.group, backend.kind, backend.weight, backend.namespace) == ("", "Service", 1, None)


def test_a_listener_takes_routes_of_its_own_namespace() -> None:
    [read_] = of("Gateway", gateway()).objects.gateways
    [listener] = read_.spec.listeners
    assert (listener.allowed_routes.namespaces.from_, listener.allowed_routes.kinds, listener.hostname) == (
        "Same",
        (),
        None,
    )


def test_objects_of_the_api_server_decode_to_the_same_struct() -> None:
    spec = {"parentRefs": [{"name": "gw"}], "rules": [{"matches": [{"method": "GET"}]}]}
    [route] = of("HTTPRoute", spec).objects.http_routes
    document = {"metadata": {"name": "a", "namespace": "default", "managedFields": [{}]}, "spec": spec}
    assert msgspec.json.decode(json.dumps(document), type=HTTPRoute) == route


# Routes


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("toys", 'must start with "/"'),
        ("", 'must start with "/"'),
        ("/a//b", 'must not contain "//"'),
        ("/a/./b", 'must not contain "/./"'),
        ("/a/../b", 'must not contain "/../"'),
        ("/a%2fb", 'must not contain "%2f"'),
        ("/a%2Fb", 'must not contain "%2F"'),
        ("/a#b", 'must not contain "#"'),
        ("/a/..", 'must not end in "/.."'),
        ("/a/.", 'must not end in "/."'),
        ("/a b", "must consist of letters, digits, /-._~!$&'()*+,;=:@ and %-escapes"),
        ("/a?b", "must consist of letters, digits, /-._~!$&'()*+,;=:@ and %-escapes"),
        ("/%zz", "must consist of letters, digits, /-._~!$&'()*+,;=:@ and %-escapes"),
        ("/\u00e4", "must consist of letters, digits, /-._~!$&'()*+,;=:@ and %-escapes"),
    ],
)
@pytest.mark.parametrize("kind", ["Exact", "PathPrefix"])
def test_paths_are_absolute_and_plain(kind: str, value: str, rule: str) -> None:
    shown = json.dumps(value, ensure_ascii=False)
    assert messages(match(path={"type": kind, "value": value})) == [f"is {shown}, {rule}"]


@pytest.mark.parametrize("value", ["/", "/toys", "/toys/", "/a.b/%20~", "/a..b/...", "/a:b@c"])
def test_sound_paths_are_admitted(value: str) -> None:
    assert not match(path={"value": value}).problems


@pytest.mark.parametrize(
    "parts",
    [
        {"path": {"type": "RegularExpression", "value": "/("}},
        {"headers": [{"type": "RegularExpression", "name": "a", "value": "/("}]},
        {"queryParams": [{"type": "RegularExpression", "name": "a", "value": "/("}]},
    ],
)
def test_regular_expressions_are_those_of_re2(parts: dict[str, object]) -> None:
    assert messages(match(**parts)) == ['is "/(", not a regular expression of RE2: missing ): /(']
    sound = json.loads(json.dumps(parts).replace("/(", "^/(a|b)[[:digit:]]+$"))
    assert not match(**sound).problems


def test_a_name_is_matched_once() -> None:
    headers = [{"name": "X-User", "value": "a"}, {"name": "x-user", "value": "b"}]
    parameters = [{"name": "a", "value": "a"}, {"name": "A", "value": "b"}, {"name": "a", "value": "b"}]
    assert mistakes(match(headers=headers, queryParams=parameters)) == [
        ("rules[0].matches[0].headers[1].name", 'is "x-user" as in headers[0]; give it once'),
        ("rules[0].matches[0].queryParams[2].name", 'is "a" as in queryParams[0]; give it once'),
    ]


@pytest.mark.parametrize(
    ("spec", "field", "meant"),
    [
        ({"rules": [{"mathes": []}]}, "rules[0].mathes", "matches"),
        ({"rules": [{"matches": [{"header": []}]}]}, "rules[0].matches[0].header", "headers"),
        ({"hostname": ["a.com"]}, "hostname", "hostnames"),
        ({"parentRef": [{"name": "a"}]}, "parentRef", "parentRefs"),
    ],
)
def test_a_misspelt_field_never_widens_a_match(spec: object, field: str, meant: str) -> None:
    assert mistakes(of("HTTPRoute", spec)) == [(field, f'is not a field; did you mean "{meant}"?')]


@pytest.mark.parametrize(
    "hostname", ["API.com", "*", "a.*.com", "*a.com", "a_b.com", "a.com.", ".a", "a:80", ""]
)
def test_hostnames_are_names_or_wildcards(hostname: str) -> None:
    assert [field for field, _ in mistakes(of("HTTPRoute", {"hostnames": [hostname]}))] == ["hostnames[0]"]


@pytest.mark.parametrize("method", ["get", "FETCH", ""])
def test_methods_are_those_of_http(method: str) -> None:
    [message] = messages(match(method=method))
    assert "must be one of GET, HEAD, POST" in message


def test_every_filter_of_gateway_api_is_read() -> None:
    filters = [
        {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "a", "value": "b"}]}},
        {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["a"]}},
        {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "b", "port": 80}, "percent": 10}},
        {"type": "ExtensionRef", "extensionRef": {"group": "a.com", "kind": "B", "name": "c"}},
        {"type": "CORS", "cors": {"allowOrigins": ["*"]}},
        {
            "type": "URLRewrite",
            "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
        },
    ]
    assert not of("HTTPRoute", {"rules": [{"filters": filters}]}).problems
    redirect = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
    assert not of("HTTPRoute", {"rules": [{"filters": [redirect]}]}).problems


def test_a_filter_has_the_field_of_its_type() -> None:
    rule = {"filters": [{"type": "URLRewrite", "requestRedirect": {}}]}
    assert set(mistakes(of("HTTPRoute", {"rules": [rule]}))) == {
        ("rules[0].filters[0].requestRedirect", "does not belong to a filter of type URLRewrite"),
        ("rules[0].filters[0].urlRewrite", "is missing; a filter of type URLRewrite needs it"),
    }


def test_a_redirect_excludes_backends_and_rewrites() -> None:
    rule = {
        "filters": [
            {"type": "RequestRedirect", "requestRedirect": {}},
            {"type": "URLRewrite", "urlRewrite": {}},
        ],
        "backendRefs": [{"name": "a", "port": 80}],
    }
    assert set(mistakes(of("HTTPRoute", {"rules": [rule]}))) == {
        ("rules[0].filters[1]", "a rule that redirects cannot rewrite as well"),
        ("rules[0].backendRefs", "a rule that redirects has no backends"),
    }


def test_a_filter_is_given_once() -> None:
    change = {"type": "RequestHeaderModifier", "requestHeaderModifier": {}}
    assert mistakes(of("HTTPRoute", {"rules": [{"filters": [change, change]}]})) == [
        ("rules[0].filters[1].type", "is RequestHeaderModifier as in filters[0]; a rule has one at most")
    ]


@pytest.mark.parametrize("matches", [[{"path": {"type": "Exact", "value": "/a"}}], [{}, {}]])
def test_only_the_prefix_of_one_match_can_be_replaced(matches: object) -> None:
    path = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/b"}
    rule = {"matches": matches, "filters": [{"type": "URLRewrite", "urlRewrite": {"path": path}}]}
    assert [field for field, _ in mistakes(of("HTTPRoute", {"rules": [rule]}))] == [
        "rules[0].filters[0].urlRewrite.path.type"
    ]


def test_a_new_path_has_the_field_of_its_type() -> None:
    rewrite = {"path": {"type": "ReplaceFullPath", "replacePrefixMatch": "/b"}}
    rule = {"filters": [{"type": "URLRewrite", "urlRewrite": rewrite}]}
    assert {message for _, message in mistakes(of("HTTPRoute", {"rules": [rule]}))} == {
        "is missing; a path of type ReplaceFullPath needs it",
        "does not belong to a path of type ReplaceFullPath",
    }


def test_a_header_is_changed_once() -> None:
    change = {"set": [{"name": "A", "value": "b"}, {"name": "a", "value": "c"}], "remove": ["b", "B"]}
    rule = {"filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": change}]}
    assert [
        field.removeprefix("rules[0].filters[0].")
        for field, _ in mistakes(of("HTTPRoute", {"rules": [rule]}))
    ] == [
        "requestHeaderModifier.set[1]",
        "requestHeaderModifier.remove[1]",
    ]


@pytest.mark.parametrize(
    ("mirror", "field"),
    [
        ({"backendRef": {"name": "a", "port": 1}, "percent": 1, "fraction": {"numerator": 1}}, "fraction"),
        ({"backendRef": {"name": "a", "port": 1}, "fraction": {"numerator": 101}}, "fraction.numerator"),
        ({"backendRef": {"name": "a"}}, "backendRef.port"),
        ({}, "backendRef"),
    ],
)
def test_a_mirror_has_a_backend_and_one_share(mirror: object, field: str) -> None:
    rule = {"filters": [{"type": "RequestMirror", "requestMirror": mirror}]}
    assert [one for one, _ in mistakes(of("HTTPRoute", {"rules": [rule]}))] == [
        f"rules[0].filters[0].requestMirror.{field}"
    ]


def test_a_service_needs_a_port_and_others_do_not() -> None:
    backends = [{"name": "a"}, {"group": "a.com", "kind": "B", "name": "c"}]
    assert mistakes(of("HTTPRoute", {"rules": [{"backendRefs": backends}]})) == [
        ("rules[0].backendRefs[0].port", "is missing; a Service needs it")
    ]


def test_an_attempt_takes_no_longer_than_the_request() -> None:
    def timeouts(request: str, backend: str) -> list[str]:
        rule = {"timeouts": {"request": request, "backendRequest": backend}}
        return messages(of("HTTPRoute", {"rules": [rule]}))

    assert timeouts("1s", "1500ms") == ["is 1500ms, must not be longer than request (1s)"]
    assert not timeouts("1s", "1000ms")
    assert not timeouts("0s", "1h")


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute"])
def test_rule_names_and_parents_are_unique(kind: str) -> None:
    parents = [{"name": "gw"}, {"name": "gw", "sectionName": "a"}, {"name": "gw", "kind": "Gateway"}]
    rules = [{"name": "a"}, {}, {}, {"name": "a"}]
    assert set(mistakes(of(kind, {"parentRefs": parents, "rules": rules}))) == {
        ("parentRefs[2]", "is the same as parentRefs[0]"),
        ("rules[3].name", 'is "a" as in rules[0]; names are unique'),
    }


def test_a_route_has_at_most_128_matches() -> None:
    matches = [{"path": {"value": f"/{n}"}} for n in range(64)]
    rules = [{"matches": matches}, {"matches": matches}, {}]
    assert messages(of("HTTPRoute", {"rules": rules})) == ["have 129 matches together, must have at most 128"]
    assert not of("HTTPRoute", {"rules": rules[:2]}).problems


@pytest.mark.parametrize(
    ("method", "field"),
    [
        ({}, "method"),
        ({"service": "a b"}, "method.service"),
        ({"service": "a.B", "method": "c.d"}, "method.method"),
        ({"type": "RegularExpression", "service": "("}, "method.service"),
        ({"type": "RegularExpression", "service": "a.*", "method": "("}, "method.method"),
    ],
)
def test_grpc_methods_are_names_or_regular_expressions(method: object, field: str) -> None:
    spec = {"rules": [{"matches": [{"method": method}]}]}
    assert [one for one, _ in mistakes(of("GRPCRoute", spec))] == [f"rules[0].matches[0].{field}"]


def test_sound_grpc_routes_are_admitted() -> None:
    spec = {"rules": [{"matches": [{"method": {"service": "foo.Bar", "method": "Login"}}]}, {}]}
    [route] = of("GRPCRoute", spec).objects.grpc_routes
    assert len(route.spec.rules[1].matches) == 1


# Gateways


def gateway(*listeners: dict[str, object]) -> dict[str, object]:
    return {
        "gatewayClassName": "istio",
        "listeners": listeners or [{"name": "http", "port": 80, "protocol": "HTTP"}],
    }


def test_listeners_are_told_apart() -> None:
    first = {"name": "a", "port": 80, "protocol": "HTTP"}
    assert mistakes(of("Gateway", gateway(first, first))) == [
        ("listeners[1]", "has the same port, protocol and hostname as listeners[0]"),
        ("listeners[1].name", 'is "a" as in listeners[0]; names are unique'),
    ]
    assert not of("Gateway", gateway(first, {**first, "name": "b", "hostname": "*.a.com"})).problems


def test_listeners_without_http_have_no_hostname() -> None:
    listener = {"name": "a", "port": 80, "protocol": "TCP", "hostname": "a.com"}
    assert mistakes(of("Gateway", gateway(listener))) == [
        ("listeners[0].hostname", "has no meaning for the protocol TCP; leave it out")
    ]


@pytest.mark.parametrize(
    ("namespaces", "field"),
    [
        ({"from": "Selector"}, "selector"),
        ({"from": "Everywhere"}, "from"),
        (
            {"from": "Selector", "selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
            "selector.matchExpressions[0].values",
        ),
        (
            {
                "from": "Selector",
                "selector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]},
            },
            "selector.matchExpressions[0].values",
        ),
        ({"form": "All"}, "form"),
    ],
)
def test_whose_routes_a_listener_takes_is_said_soundly(namespaces: object, field: str) -> None:
    listener = {"name": "a", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": namespaces}}
    assert [one for one, _ in mistakes(of("Gateway", gateway(listener)))] == [
        f"listeners[0].allowedRoutes.namespaces.{field}"
    ]


def test_a_gateway_has_a_class_and_a_listener() -> None:
    assert mistakes(of("Gateway", {"listeners": []})) == [
        ("gatewayClassName", "is missing"),
        ("listeners", "must have at least 1 item"),
    ]


def test_a_gateway_without_spec_is_missing_it() -> None:
    document = {"apiVersion": VERSION, "kind": Gateway.kind, "metadata": {"name": "a"}}
    [problem] = read([("a", json.dumps(document))]).problems
    assert (problem.field, problem.message) == ("spec", "is missing")


def test_what_grants_and_slices_need_is_told() -> None:
    grant = {"from": [{"group": VERSION.partition("/")[0], "kind": "HTTPRoute", "namespace": "a"}], "to": []}
    assert mistakes(of("ReferenceGrant", grant)) == [("to", "must have at least 1 item")]
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "a"},
        "addressType": "IP",
        "endpoints": [{"addresses": []}],
    }
    assert mistakes(read([("a", json.dumps(endpoints))])) == [
        ("addressType", 'is "IP", must be one of IPv4, IPv6, FQDN'),
        ("endpoints[0].addresses", "must have at least 1 item"),
    ]


# What Envoy would refuse all routes of a listener for


@pytest.mark.parametrize(
    ("route_filter", "field"),
    [
        (
            {
                "type": "RequestHeaderModifier",
                "requestHeaderModifier": {"set": [{"name": "a", "value": "b\r\nc: d"}]},
            },
            "requestHeaderModifier.set[0].value",
        ),
        (
            {
                "type": "ResponseHeaderModifier",
                "responseHeaderModifier": {"add": [{"name": "a", "value": "\0"}]},
            },
            "responseHeaderModifier.add[0].value",
        ),
        (
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": [""]}},
            "requestHeaderModifier.remove[0]",
        ),
        (
            {
                "type": "URLRewrite",
                "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/\n"}},
            },
            "urlRewrite.path.replaceFullPath",
        ),
    ],
)
def test_filters_hold_no_control_characters(route_filter: object, field: str) -> None:
    folder = of("HTTPRoute", {"rules": [{"filters": [route_filter]}]})

    assert [name for name, _ in mistakes(folder)] == [f"rules[0].filters[0].{field}"]


def test_a_regular_expression_holds_no_nul() -> None:
    folder = match(path={"type": "RegularExpression", "value": "/a\0("})

    assert messages(folder) == ['is "/a\\u0000(", not a regular expression of RE2: a NUL; write it as \\x00']
