"""Which rule a request belongs to."""

from __future__ import annotations

import json
import re
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .examples import (
    Json,
    action,
    calls,
    configuration,
    configure,
    entries,
    entry,
    limit,
    request,
    rule,
    service,
)
from .proxy_wasm_host import Host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .proxy_wasm_host import Header, Program


def named(name: str, **match: object) -> Json:
    """A rule that shows in the call which one it was."""
    return rule(action(limit(entry("rule", name))), name=name, **match)


def chosen(host: Host, headers: Sequence[Header]) -> str | None:
    """The rule that the request belongs to."""
    made = calls(host, headers)
    return entries(made[0])[0][1] if made else None


def path(kind: str, value: str) -> Json:
    return {"type": kind, "value": value}


# ---------------------------------------------------------------------- hosts


def hosts(*names: str) -> Json:
    return {
        "version": 1,
        "services": {"limiter": service()},
        "hosts": [{"hostname": name, "rules": [named(name)]} for name in names],
    }


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        ("api.toystore.com", "api.toystore.com"),
        ("API.ToyStore.COM", "api.toystore.com"),
        ("api.toystore.com:8080", "api.toystore.com"),
        ("API.toystore.com:80", "api.toystore.com"),
        ("api.toystore.com.", "*"),
        ("v1.api.toystore.com", "*.api.toystore.com"),
        ("a.v1.api.toystore.com", "*.api.toystore.com"),
        ("other.toystore.com", "*.toystore.com"),
        (".toystore.com", "*"),
        ("toystore.com", "*"),
        ("xtoystore.com", "*"),
        ("[::1]", "[::1]"),
        ("[::1]:8080", "[::1]"),
        ("[::2]", "*"),
        ("::1", "*"),
        # As for Envoy's router, anything after the last colon is a port
        # (tests/e2e/wasm_shim/test_routing.py).
        ("api.toystore.com:", "api.toystore.com"),
        ("api.toystore.com:http", "api.toystore.com"),
        ("api.toystore.com:80:80", "*"),
        ("api.toystore.com:]", "*"),
        ("", "*"),
        (None, "*"),
    ],
)
def test_the_most_specific_host_has_the_rules(host: Host, authority: str | None, expected: str) -> None:
    configure(host, hosts("*", "api.toystore.com", "*.toystore.com", "*.api.toystore.com", "[::1]"))
    assert chosen(host, request(authority=authority)) == expected


def test_the_rules_of_a_less_specific_host_are_not_looked_at(host: Host) -> None:
    document = hosts("*.toystore.com", "api.toystore.com")
    document["hosts"][1]["rules"] = []
    configure(host, document)
    assert chosen(host, request(authority="api.toystore.com")) is None


def test_an_unknown_host_costs_one_look_at_the_request(host: Host) -> None:
    configure(host, hosts("api.toystore.com"))
    host.host_calls.clear()
    assert chosen(host, request(authority="other.com")) is None
    assert host.host_calls == ["proxy_get_header_map_pairs"]


def test_a_host_of_a_million_labels_is_no_work(host: Host) -> None:
    configure(host, hosts("*.toystore.com"))
    assert chosen(host, request(authority="." * 1_000_000)) is None
    assert chosen(host, request(authority="a." * 500_000 + "toystore.com")) == "*.toystore.com"


# ---------------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/toys", "exact"),
        ("/toys?x=1", "exact"),
        ("/toys#x", "exact"),
        ("/toys/", "prefix"),
        ("/toys/1/2", "prefix"),
        ("/toys/1?a=/toys", "prefix"),
        ("/toystore", None),
        ("/Toys", None),
        ("/%74oys", None),
        ("//toys", None),
        ("/other/toys", None),
        ("/v12/x", "regex"),
        ("/v12/x\n", None),
        ("/xv12/x", None),
        ("/v/x", None),
        ("/", None),
        ("*", None),
        (None, None),
    ],
)
def test_a_path_is_exact_a_prefix_of_segments_or_a_regular_expression_for_all_of_it(
    host: Host, target: str | None, expected: str | None
) -> None:
    configure(
        host,
        configuration(
            named("exact", path=path("exact", "/toys")),
            named("prefix", path=path("prefix", "/toys")),
            named("regex", path=path("regex", "/v[0-9]+/.|/w")),
        ),
    )
    assert chosen(host, request(target)) == expected


def test_a_slash_at_the_end_of_a_prefix_means_nothing(host: Host) -> None:
    configure(host, configuration(named("prefix", path=path("prefix", "/toys/"))))
    assert [chosen(host, request(target)) for target in ("/toys", "/toys/1", "/toysX")] == [
        "prefix",
        "prefix",
        None,
    ]


def test_the_prefix_of_one_slash_is_every_path(host: Host) -> None:
    configure(host, configuration(named("all", path=path("prefix", "/"))))
    assert [chosen(host, request(target)) for target in ("/", "/a/b", "//", "*")] == [
        "all",
        "all",
        "all",
        None,
    ]


def test_a_rule_without_a_path_is_for_requests_without_one_too(host: Host) -> None:
    configure(host, configuration(named("any")))
    assert chosen(host, request(None, "CONNECT")) == "any"


def test_a_rule_without_actions_shields_its_requests(host: Host) -> None:
    configure(host, configuration({"name": "free", "path": path("prefix", "/free")}, named("all")))
    assert chosen(host, request("/free/x")) is None
    assert chosen(host, request("/x")) == "all"
    assert host.metrics["kuadrant.requests"] == 1


def test_a_long_path_of_slashes_is_no_work(host: Host) -> None:
    configure(host, configuration(named("deep", path=path("prefix", "/a" * 100))))
    assert chosen(host, request("/" * 100_000)) is None
    assert chosen(host, request("/a" * 50_000)) == "deep"


def test_five_thousand_rules_take_no_more_looks_at_the_request_than_one(host: Host) -> None:
    def looks(count: int) -> int:
        configure(
            host,
            configuration(
                *[named(f"{n}", path=path("exact" if n % 2 else "prefix", f"/{n}/x")) for n in range(count)]
            ),
        )
        host.host_calls.clear()
        assert chosen(host, request(f"/{count - 1}/x")) == f"{count - 1}"
        return len(host.host_calls)

    assert looks(1) == looks(5000)


# ---------------------------------------------------------------------- methods, headers, query


@pytest.mark.parametrize(
    ("method", "expected"), [("POST", "post"), ("post", None), ("POSTS", None), ("GET", None)]
)
def test_a_method_is_compared_as_it_is(host: Host, method: str, expected: str | None) -> None:
    configure(host, configuration(named("post", method="POST")))
    assert chosen(host, request(method=method)) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([("x-tenant", "a")], "exact"),
        ([("x-tenant", "A")], None),
        ([("x-tenant", "")], None),
        ([], None),
        # every value of a header that came twice counts, as for Envoy's router since 1.39
        ([("x-tenant", "b"), ("x-tenant", "a")], "exact"),
        ([("x-tenant", "b"), ("x-tenant", "c")], None),
        ([("x-tenant", "b,a"), ("x-tenant", "c")], None),
        ([("x-pair", "a"), ("x-pair", "b")], None),
        ([("x-pair", "a,b")], "pair"),
        ([("x-pair", "a, b")], None),
        ([("x-empty", "")], "empty"),
        ([("x-version", "v12")], "regex"),
        ([("x-version", "xv12")], None),
        ([("x-version", "v12x")], None),
        ([("x-version", "x"), ("x-version", "v2")], "regex"),
        ([("x-version", "v1,v2")], None),
    ],
)
def test_every_value_of_a_header_is_compared(
    host: Host, sent: list[tuple[str, str]], expected: str | None
) -> None:
    configure(
        host,
        configuration(
            named("exact", headers=[{"name": "x-tenant", "type": "exact", "value": "a"}]),
            named("pair", headers=[{"name": "x-pair", "type": "exact", "value": "a,b"}]),
            named("empty", headers=[{"name": "x-empty", "type": "exact", "value": ""}]),
            named("regex", headers=[{"name": "x-version", "type": "regex", "value": "v[0-9]+"}]),
        ),
    )
    assert chosen(host, request("/", "GET", "example.com", *sent)) == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ((1, 38), "joined"),
        ((1, 39), "each"),
        ((1, 40), "each"),
        ((2, 0), "each"),
        ((0, 99), "joined"),
        (None, "each"),
    ],
)
def test_before_1_39_envoys_router_compares_the_joined_values(
    host: Host, version: tuple[int, int] | None, expected: str
) -> None:
    configure(
        host,
        configuration(
            named("joined", headers=[{"name": "x", "type": "exact", "value": "a,b"}]),
            named("each", headers=[{"name": "x", "type": "regex", "value": "b"}]),
        ),
    )
    attributes = {
        f"xds\0node\0user_agent_build_version\0version\0{part}_number": struct.pack("<Q", number)
        for part, number in zip(("major", "minor"), version or (), strict=False)
    }
    (call,) = calls(host, request("/", "GET", "h", ("x", "a"), ("x", "b")), attributes)
    assert entries(call) == [("rule", expected)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=a", "exact"),
        ("x=1&q=a&y=2", "exact"),
        ("q=a&q=b", "exact"),
        ("q=b&q=a", None),
        ("q=%61", None),
        ("%71=a", None),
        ("q=a%20", None),
        ("Q=a", None),
        ("q", None),
        ("q=", None),
        ("q=a=b", None),
        ("?q=a", None),
        ("&&q=a&", "exact"),
        ("e", "empty"),
        ("e=", "empty"),
        ("e&e=1", "empty"),
        ("e=1&e", None),
        ("v=v12", "regex"),
        ("v=xv12", None),
        ("v=v12x", None),
        ("v=x&v=v12", None),
        ('v="', "quote"),
        ("v=\\n", "backslash"),
        ("", None),
    ],
)
def test_the_first_value_of_a_query_parameter_counts_as_it_was_sent(
    host: Host, query: str, expected: str | None
) -> None:
    configure(
        host,
        configuration(
            named("exact", query=[{"name": "q", "type": "exact", "value": "a"}]),
            named("empty", query=[{"name": "e", "type": "exact", "value": ""}]),
            named("regex", query=[{"name": "v", "type": "regex", "value": "v[0-9]+"}]),
            named("quote", query=[{"name": "v", "type": "regex", "value": '["]'}]),
            named("backslash", query=[{"name": "v", "type": "regex", "value": "\\\\n"}]),
        ),
    )
    assert chosen(host, request(f"/?{query}")) == expected


def test_all_parts_of_a_rule_have_to_hold(host: Host) -> None:
    whole = {
        "path": path("prefix", "/toys"),
        "method": "POST",
        "headers": [
            {"name": "a", "type": "exact", "value": "1"},
            {"name": "b", "type": "regex", "value": "[0-9]"},
        ],
        "query": [
            {"name": "c", "type": "exact", "value": "1"},
            {"name": "d", "type": "regex", "value": "[0-9]"},
        ],
    }
    configure(host, configuration(named("all", **whole)))
    assert chosen(host, request("/toys?c=1&d=2", "POST", a="1", b="2")) == "all"
    assert chosen(host, request("/toy?c=1&d=2", "POST", a="1", b="2")) is None
    assert chosen(host, request("/toys?c=1&d=2", "GET", a="1", b="2")) is None
    assert chosen(host, request("/toys?c=1&d=2", "POST", a="2", b="2")) is None
    assert chosen(host, request("/toys?c=1&d=2", "POST", a="1", b="x")) is None
    assert chosen(host, request("/toys?c=2&d=2", "POST", a="1", b="2")) is None
    assert chosen(host, request("/toys?c=1&d=x", "POST", a="1", b="2")) is None


def test_a_rule_that_cannot_be_tried_is_refused_or_passed_over_by_its_failure_mode(host: Host) -> None:
    # The host evaluates nothing here: it lost its expressions.
    rules = [named("regex", path=path("regex", "/a.*")), named("rest")]
    for mode, status in (("deny", 500), ("allow", None)):
        configure(host, configuration(*rules, services={"limiter": service(failureMode=mode)}))
        for token in list(host.expressions):
            host.break_expression(token)
        stream = host.request(request("/a"))
        if status:
            assert stream.response.status == status
        else:
            assert entries(host.calls[-1]) == [("rule", "rest")]


# ---------------------------------------------------------------------- against the obvious way

SEGMENTS = ("", "a", "b", "ab", "%61")
PATHS = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
PATH_MATCHES = st.one_of(
    st.builds(path, st.just("exact"), PATHS),
    st.builds(path, st.just("prefix"), PATHS.map(lambda value: value.rstrip("/") or "/")),
    st.builds(path, st.just("regex"), st.sampled_from(["/a.*", "/(a|b)/?", "/.*b", ".*", "/a|/b"])),
)
VALUES = st.sampled_from(["", "1", "2", "12", "1,2"])
VALUE_MATCHES: st.SearchStrategy[Json] = st.one_of(
    st.builds(dict, name=st.sampled_from("xy"), type=st.just("exact"), value=VALUES),
    st.builds(
        dict,
        name=st.sampled_from("xy"),
        type=st.just("regex"),
        value=st.sampled_from(["1.*", "[0-9]", "", "1|2"]),
    ),
)
MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "path": PATH_MATCHES,
        "method": st.sampled_from(["GET", "POST"]),
        "headers": st.lists(VALUE_MATCHES, max_size=2),
        "query": st.lists(VALUE_MATCHES, max_size=2),
    },
)
REQUESTS = st.builds(
    lambda target, query, method, headers: request(
        target + "".join(f"{sign}{name}={value}" for sign, (name, value) in zip("?&&", query, strict=False)),
        method,
        "h",
        *headers,
    ),
    PATHS,
    st.lists(st.tuples(st.sampled_from("xy"), VALUES), max_size=3),
    st.sampled_from(["GET", "POST"]),
    st.lists(st.tuples(st.sampled_from("xy"), VALUES), max_size=3),
)


def fits(wanted: Json, value: str | None) -> bool:
    if value is None:
        return False
    return (
        re.fullmatch(wanted["value"], value) is not None
        if wanted["type"] == "regex"
        else value == wanted["value"]
    )


def belongs(match: Json, headers: Sequence[Header]) -> bool:
    """Whether a request belongs to a rule, said as plainly as can be."""
    found: dict[str, list[str]] = {}
    for key, text in headers:
        found.setdefault(key.decode(), []).append(text.decode())
    target, _, query = found[":path"][0].partition("?")
    parameters: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        parameters.setdefault(name, value)
    wanted = match.get("path")
    if wanted is not None and wanted["type"] == "prefix":
        prefix = wanted["value"].rstrip("/")
        if target != prefix and not target.startswith(prefix + "/"):
            return False
    elif wanted is not None and not fits(wanted, target):
        return False
    if "method" in match and [match["method"]] != found[":method"]:
        return False
    return all(
        any(fits(one, value) for value in found.get(one["name"], [])) for one in match.get("headers", [])
    ) and all(fits(one, parameters.get(one["name"])) for one in match.get("query", []))


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(matches=st.lists(MATCHES, max_size=8), requests=st.lists(REQUESTS, min_size=1, max_size=8))
def test_the_tables_find_what_trying_one_rule_after_the_other_finds(
    program: Program, matches: list[Json], requests: list[list[Header]]
) -> None:
    host = Host(program)
    document = configuration(*[named(str(number), **match) for number, match in enumerate(matches)])
    document["hosts"][0]["rules"] = document["hosts"][0]["rules"] if matches else []
    assert host.configure(json.dumps(document).encode()), host.errors
    for headers in requests:
        expected = next(
            (str(number) for number, match in enumerate(matches) if belongs(match, headers)), None
        )
        assert chosen(host, headers) == expected
