"""When a limit applies: selectors and operators, and expressions."""

from __future__ import annotations

import functools
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from .examples import action, calls, configuration, configure, entries, limit, request, rule, service
from .proxy_wasm_host import Host

if TYPE_CHECKING:
    from .proxy_wasm_host import Program


def holds(host: Host, operator: str, value: str, sent: str | None) -> bool:
    """Whether a condition on a header holds."""
    condition = {"selector": "request.headers.x", "operator": operator, "value": value}
    configure(host, configuration(rule(action(limit(when=[condition])))))
    return bool(calls(host, request() if sent is None else request(x=sent)))


@pytest.mark.parametrize(
    ("operator", "value", "yes", "no"),
    [
        ("eq", "a", ["a"], ["", "A", "ab", None]),
        ("eq", "", ["", None], ["a"]),
        ("neq", "a", ["", "A", "ab", None], ["a"]),
        ("neq", "", ["a"], ["", None]),
        ("startswith", "ab", ["ab", "abc"], ["a", "xab", "", None]),
        ("startswith", "", ["", "a", None], []),
        ("endswith", "ab", ["ab", "cab"], ["b", "abx", "", None]),
        ("incl", "b", ["b", "a,b", "a, b ,c", "b,b"], ["", "ab", "a b", "a;b", None]),
        ("incl", "", ["", ",", "a,", None], ["a"]),
        ("excl", "b", ["", "ab", "a,bc", None], ["b", "a,b", "a, b"]),
        ("matches", "a*c", ["ac", "abc", "abcc"], ["a", "c", "acd", "xac", "", None]),
        ("matches", "a+c", ["abc", "abbc"], ["ac"]),
        ("matches", "a?c", ["ac", "abc"], ["abbc"]),
        ("matches", "a\\*c", ["a*c"], ["abc", "a\\*c"]),
        ("matches", "a\\\\c", ["a\\c"], ["ac"]),
        ("matches", "a\\", ["a\\"], ["a"]),
        ("matches", "", ["", None], ["a"]),
        ("matches", "*", ["", "a", None], []),
        ("matches", "+", ["a", "é"], ["", None]),
        ("matches", "??", ["", "a", "éé"], ["abc"]),
        ("matches", "é?", ["é", "éa"], ["e"]),
        ("matches", "[a-c].^$", ["[a-c].^$"], ["b.^$"]),
    ],
)
def test_the_operators(
    host: Host, operator: str, value: str, yes: list[str | None], no: list[str | None]
) -> None:
    assert [holds(host, operator, value, sent) for sent in yes] == [True] * len(yes)
    assert [holds(host, operator, value, sent) for sent in no] == [False] * len(no)


def glob(pattern: str, text: str) -> bool:
    """The meaning of a pattern, said as plainly as can be."""

    @functools.cache
    def rest(i: int, j: int) -> bool:
        if i == len(pattern):
            return j == len(text)
        one = j < len(text)
        match pattern[i]:
            case "*":
                return rest(i + 1, j) or (one and rest(i, j + 1))
            case "?":
                return rest(i + 1, j) or (one and rest(i + 1, j + 1))
            case "+":
                return one and (rest(i + 1, j + 1) or rest(i, j + 1))
            case "\\" if i + 1 < len(pattern):
                return one and pattern[i + 1] == text[j] and rest(i + 2, j + 1)
            case character:
                return one and character == text[j] and rest(i + 1, j + 1)

    return rest(0, 0)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(pattern=st.text("ab?*+\\é", max_size=10), text=st.text("abé\\*", max_size=12))
@example(pattern="a?*+b", text="aab")
@example(pattern="**?+", text="")
def test_a_pattern_means_what_it_says(program: Program, pattern: str, text: str) -> None:
    assert holds(_shared(program), "matches", pattern, text) == glob(pattern, text)


@functools.lru_cache(maxsize=1)
def _shared(program: Program) -> Host:
    return Host(program)


def test_a_pattern_with_many_stars_is_no_work(host: Host) -> None:
    assert not holds(host, "matches", "*a" * 50 + "b", "a" * 60_000)
    assert holds(host, "matches", "*" * 200, "a" * 60_000)


def test_a_pattern_counts_a_byte_that_is_no_text_as_one_character(host: Host) -> None:
    assert holds(host, "matches", "a?b", "a\udcffb")
    assert not holds(host, "matches", "aÿb", "a\udcffb")


SELECTED = request(
    "/toys/1?a=b&c", "PUT", "API.example.com:8080", user_agent="curl", X_Up="", x_user="bob"
)  # names as HTTP/2 has them
ATTRIBUTES = {
    "source\0address": b"[2001:db8::1]:4711",
    "source\0port": struct.pack("<q", 4711),
    "request\0size": struct.pack("<q", -1),
    "request\0time": struct.pack("<q", 1_700_000_000_250_000_000),
    "request\0protocol": b"HTTP/2",
    "request\0useragent": b"curl",
    "connection\0mtls": b"\x01",
    "metadata\0filter_metadata\0envoy.filters.http.x\0k": b"v",
}


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ("request.method", "PUT"),
        ("request.path", "/toys/1?a=b&c"),
        ("request.url_path", "/toys/1"),
        ("request.query", "a=b&c"),
        ("request.host", "api.example.com"),
        ("request.protocol", "HTTP/2"),
        ("request.useragent", "curl"),
        ("request.headers.x-user", "bob"),
        ("request.headers.X-User", "bob"),
        ("request.size", "-1"),
        ("request.time", "2023-11-14T22:13:20.25Z"),
        ("source.address", "[2001:db8::1]:4711"),
        ("source.remote_address", "2001:db8::1"),
        ("source.port", "4711"),
        ("connection.mtls", "true"),
        ("metadata.filter_metadata.envoy\\.filters\\.http\\.x.k", "v"),
        ("request.nothing", ""),
    ],
)
def test_a_selector_names_an_attribute(host: Host, selector: str, text: str) -> None:
    counter = {"key": "k", "selector": selector, "default": ""}
    condition = {"selector": selector, "operator": "eq", "value": text}
    configure(host, configuration(rule(action(limit(counter, when=[condition])))))
    (call,) = calls(host, SELECTED, ATTRIBUTES)
    assert entries(call) == [("k", text)]


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (b"10.0.0.1:80", "10.0.0.1"),
        (b"[::1]:80", "::1"),
        (b"[::1]", "::1"),
        (b"10.0.0.1", "10.0.0.1"),
        (b"/run/socket", "/run/socket"),
    ],
)
def test_the_remote_address_is_the_address_without_its_port(host: Host, address: bytes, text: str) -> None:
    configure(host, configuration(rule(action(limit({"key": "k", "selector": "source.remote_address"})))))
    (call,) = calls(host, request(), {"source\0address": address})
    assert entries(call) == [("k", text)]


def test_all_conditions_have_to_hold(host: Host) -> None:
    conditions = [
        {"selector": "request.method", "operator": "eq", "value": "GET"},
        {"expression": "request.headers['x'] == '1'"},
        {"expression": "request.path.startsWith('/a')"},
    ]
    configure(host, configuration(rule(action(limit(when=conditions)))))
    assert len(calls(host, request("/a", x="1"))) == 1
    assert calls(host, request("/a", "PUT", x="1")) == []
    assert calls(host, request("/a", x="2")) == []
    assert calls(host, request("/b", x="1")) == []


def test_an_expression_may_end_in_a_comment(host: Host) -> None:
    configure(
        host,
        configuration(
            rule(
                action(
                    limit({"key": "k", "expression": "1 + 1 // two"}, when=[{"expression": "true // yes"}])
                )
            )
        ),
    )
    assert [entries(call) for call in calls(host, request())] == [[("k", "2")]]


def test_an_attribute_is_read_once_for_all_limits_of_a_request(host: Host) -> None:
    def reads(count: int) -> int:
        limits = [limit({"key": str(n), "selector": "request.headers.x"}) for n in range(count)]
        configure(host, configuration(rule(action(*limits))))
        host.host_calls.clear()
        assert len(entries(calls(host, request(x="1"))[0])) == count
        return host.host_calls.count("proxy_get_property")

    assert reads(20) == reads(1)


def test_an_attribute_is_read_again_for_the_next_request(host: Host) -> None:
    configure(host, configuration(rule(action(limit({"key": "k", "selector": "request.headers.x"})))))
    assert [entries(calls(host, request(x=value))[0]) for value in "12"] == [[("k", "1")], [("k", "2")]]


BROKEN = [
    pytest.param({"expression": "request.headers['absent'] == 'x'"}, id="error"),
    pytest.param({"expression": "request.method"}, id="no boolean"),
]


@pytest.mark.parametrize("condition", BROKEN)
def test_a_condition_that_cannot_be_evaluated_refuses_the_request_for_a_service_that_denies(
    host: Host, condition: dict[str, str]
) -> None:
    configure(host, configuration(rule(action(limit(when=[condition])))))
    stream = host.request(request())
    assert (stream.response.status, stream.response.body) == (500, b"Internal Server Error.\n")
    assert host.calls == []
    assert host.metrics["kuadrant.errors"] == 1


@pytest.mark.parametrize("condition", BROKEN)
def test_it_takes_its_limit_out_of_the_call_to_a_service_that_allows(
    host: Host, condition: dict[str, str]
) -> None:
    limits = [limit({"key": "broken", "value": "1"}, when=[condition]), limit({"key": "whole", "value": "1"})]
    configure(host, configuration(rule(action(*limits)), services={"limiter": service(failureMode="allow")}))
    (call,) = calls(host, request())
    assert entries(call) == [("whole", "1")]
    assert host.metrics["kuadrant.errors"] == 1


FALSE = {"expression": "request.method == 'POST'"}
FALSE_SELECTOR = {"selector": "request.method", "operator": "eq", "value": "POST"}
FAILING = {"expression": "request.headers['absent'] == 'x'"}
TRUE = {"expression": "request.method == 'GET'"}


@pytest.mark.parametrize("mode", ["deny", "allow"])
@pytest.mark.parametrize(
    "order", [[FALSE, FAILING], [FAILING, FALSE], [FAILING, FALSE_SELECTOR], [TRUE, FAILING, FALSE]]
)
def test_a_condition_that_does_not_hold_wins_over_one_that_fails_in_any_order(
    host: Host, order: list[dict[str, str]], mode: str
) -> None:
    document = configuration(rule(action(limit(when=order))), services={"limiter": service(failureMode=mode)})
    configure(host, document)
    stream = host.request(request())
    assert (stream.state, host.calls, host.metrics.get("kuadrant.errors", 0)) == ("continued", [], 0)


@pytest.mark.parametrize("order", [[TRUE, FAILING], [FAILING, TRUE]])
def test_a_condition_that_fails_wins_over_one_that_holds_in_any_order(
    host: Host, order: list[dict[str, str]]
) -> None:
    configure(host, configuration(rule(action(limit(when=order)))))
    assert host.request(request()).response.status == 500
