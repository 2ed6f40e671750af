"""The stand-ins for official shims mean by a configuration what those do, their odd sides among it."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import pytest

from ...stand_ins import stand_in  # noqa: TID252  (tests are no package)
from .examples import OK, OVER_LIMIT, UNKNOWN, fields, request
from .proxy_wasm_host import Host, Program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .proxy_wasm_host import GrpcCall, Header

pytestmark = pytest.mark.slow

Json = dict[str, Any]

ACTION_SETS = ("action-sets", "action-sets-conditional-data", "action-sets-conditional-data-v0.14")


@functools.cache
def _program(front: str) -> Program:
    return Program(stand_in(front))


def _configured(front: str, document: Json) -> Host:
    host = Host(_program(front))
    assert host.configure(json.dumps(document).encode()), host.errors
    return host


def _asked(host: Host, headers: Sequence[Header]) -> list[tuple[str, list[dict[str, str]]]]:
    """The calls of one request, each as its domain and its descriptors; every call is answered with OK."""
    before = len(host.calls)
    method = next(value for name, value in headers if name == b":method")
    host.request(headers, {"request\0method": method})
    found = []
    while len(host.calls) > before:
        call = host.calls[before]
        before += 1
        found.append((_domain(call), _descriptors(call)))
        host.answer(call, OK)
    return found


def _domain(call: GrpcCall) -> str:
    return str(fields(call.message)[0][1], "utf-8")


def _descriptors(call: GrpcCall) -> list[dict[str, str]]:
    return [
        {fields(entry)[0][1].decode(): fields(entry)[1][1].decode() for _, entry in fields(descriptor)}
        for number, descriptor in fields(call.message)
        if number == 2
    ]


# ---------------------------------------------------------------------- v0.4


def _pattern(selector: str, operator: str, value: str) -> Json:
    return {"selector": selector, "operator": operator, "value": value}


def _static(key: str, value: str = "1") -> Json:
    return {"static": {"key": key, "value": value}}


def _rule(*data: Json, all_of: Sequence[Sequence[Json]] = ()) -> Json:
    return {"conditions": [{"allOf": list(one)} for one in all_of], "data": list(data or [_static("k")])}


def _policy(*rules: Json, name: str = "ns/rlp", hostnames: Sequence[str] = ("*",)) -> Json:
    return {
        "name": name,
        "domain": name,
        "service": "kuadrant-rate-limiting-service",
        "hostnames": list(hostnames),
        "rules": list(rules or [_rule()]),
    }


def _v04(*policies: Json, mode: str = "deny") -> Host:
    return _configured("rate-limit-policies", {"failureMode": mode, "rateLimitPolicies": list(policies)})


def test_v04_every_rule_that_holds_adds_a_descriptor_to_one_call() -> None:
    post = _rule(_static("b"), all_of=[[_pattern("request.method", "eq", "POST")]])
    host = _v04(_policy(_rule(_static("a"), _static("a2", "x")), post))
    assert _asked(host, request(method="POST")) == [("ns/rlp", [{"a": "1", "a2": "x"}, {"b": "1"}])]
    assert _asked(host, request()) == [("ns/rlp", [{"a": "1", "a2": "x"}])]


def test_v04_a_later_policy_takes_the_place_of_one_with_the_same_host_name() -> None:
    host = _v04(
        _policy(name="first", hostnames=["a.com", "b.com"]), _policy(name="second", hostnames=["b.com"])
    )
    assert [domain for domain, _ in _asked(host, request(authority="a.com"))] == ["first"]
    assert [domain for domain, _ in _asked(host, request(authority="b.com"))] == ["second"]


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        ("a.com", "exact"),
        ("a.com:8080", "exact"),
        ("A.com", "wildcard"),
        ("b.a.com", "wildcard"),
        ("c.b.a.com", "wildcard"),
        ("com", "any"),
        ("[::1]:80", "any"),
    ],
)
def test_v04_the_longest_host_name_counts_in_the_case_it_was_sent_in(authority: str, expected: str) -> None:
    host = _v04(
        _policy(name="exact", hostnames=["a.com"]),
        _policy(name="wildcard", hostnames=["*.com"]),
        _policy(name="any", hostnames=["*"]),
    )
    assert [domain for domain, _ in _asked(host, request(authority=authority))] == [expected]


@pytest.mark.parametrize(
    ("operator", "value", "holds", "fails"),
    [
        ("eq", "bob", "bob", "bo"),
        ("neq", "bob", "bo", "bob"),
        ("startswith", "bo", "bob", "ob"),
        ("endswith", "ob", "bob", "bo"),
        ("matches", "b*b", "boob", "bo"),
    ],
)
def test_v04_operators(operator: str, value: str, holds: str, fails: str) -> None:
    host = _v04(_policy(_rule(all_of=[[_pattern("request.headers.X-User", operator, value)]])))
    assert _asked(host, request(x_user=holds))
    assert not _asked(host, request(x_user=fails))


def test_v04_a_header_that_is_not_there_is_empty_and_one_that_is_no_utf_8_fulfils_nothing() -> None:
    host = _v04(_policy(_rule(all_of=[[_pattern("request.headers.x-user", "neq", "admin")]])))
    assert _asked(host, request())
    assert not _asked(host, request(x_user="\udcff"))


def test_v04_one_value_that_is_not_there_takes_its_whole_descriptor_out() -> None:
    user = {"selector": {"selector": "request.headers.x-user"}}
    team = {"selector": {"selector": "request.headers.x-team", "key": "team", "default": "none"}}
    host = _v04(_policy(_rule(_static("a"), user), _rule(_static("b"), team)))
    assert _asked(host, request()) == [("ns/rlp", [{"b": "1", "team": "none"}])]
    assert _asked(host, request(x_user="eve", x_team="red")) == [
        ("ns/rlp", [{"a": "1", "request.headers.x-user": "eve"}, {"b": "1", "team": "red"}])
    ]


def test_v04_a_policy_without_rules_keeps_its_requests_from_a_wildcard() -> None:
    empty = {**_policy(hostnames=["a.com"]), "rules": []}
    host = _v04(_policy(hostnames=["*.com"]), empty)
    assert host.request(request(authority="a.com")).state == "continued"
    assert host.request(request(authority="b.com")).state == "paused"


def test_v04_waits_five_seconds_for_a_cluster_by_its_bare_name() -> None:
    host = _v04(_policy())
    host.request(request())
    assert (host.calls[0].target, host.calls[0].timeout_ms) == (b"kuadrant-rate-limiting-service", 5000)


@pytest.mark.parametrize(("mode", "state"), [("deny", "answered"), ("allow", "continued")])
def test_v04_failure_mode(mode: str, state: str) -> None:
    host = _v04(_policy(), mode=mode)
    stream = host.request(request())
    host.answer(host.calls[0], UNKNOWN)
    assert stream.state == state
    assert [(one.status, one.body) for one in stream.local_responses] == (
        [(500, b"Internal Server Error.\n")] if mode == "deny" else []
    )


def test_v04_over_limit_is_429() -> None:
    host = _v04(_policy())
    stream = host.request(request())
    host.answer(host.calls[0], OVER_LIMIT)
    assert (stream.response.status, stream.response.body) == (429, b"Too Many Requests\n")


def test_v04_takes_unknown_fields_but_no_unknown_data() -> None:
    host = Host(_program("rate-limit-policies"))
    policy = {**_policy(), "unknown": {"a": [1]}}
    assert host.configure(json.dumps({"failureMode": "deny", "rateLimitPolicies": [policy]}).encode())
    odd = _policy(_rule({"expression": {"key": "k", "value": "1"}}))
    assert not host.configure(json.dumps({"failureMode": "deny", "rateLimitPolicies": [odd]}).encode())
    assert not host.configure(b'{"rateLimitPolicies": []}')


# ---------------------------------------------------------------------- v0.9 and v0.12


def _expression(key: str, value: str = "1") -> Json:
    return {"expression": {"key": key, "value": value}}


def _action(front: str, *data: Json, predicates: Sequence[str] = (), scope: str = "ns/route") -> Json:
    """An action in the form of that front."""
    content: Json = {"predicates": list(predicates), "data": list(data or [_expression("k")])}
    own = content if front == "action-sets" else {"conditionalData": [content]}
    return {"service": "ratelimit-service", "scope": scope, **own}


def _set(*actions: Json, name: str = "set", hostname: str = "*", predicates: Sequence[str] = ()) -> Json:
    return {
        "name": name,
        "routeRuleConditions": {"hostnames": [hostname], "predicates": list(predicates)},
        "actions": list(actions),
    }


def _action_sets(front: str, *sets: Json, mode: str = "deny", **service: str) -> Host:
    own = {"type": "ratelimit", "endpoint": "kuadrant-ratelimit-service", "failureMode": mode, **service}
    return _configured(front, {"services": {"ratelimit-service": own}, "actionSets": list(sets)})


@pytest.mark.parametrize("front", ACTION_SETS)
def test_the_first_set_whose_predicates_hold_is_carried_out_and_no_other(front: str) -> None:
    host = _action_sets(
        front,
        _set(name="free", predicates=["request.url_path == '/free'"]),
        _set(_action(front, scope="post"), predicates=["request.method == 'POST'"]),
        _set(_action(front, scope="other")),
    )
    assert _asked(host, request("/free", "POST")) == []
    assert [domain for domain, _ in _asked(host, request("/", "POST"))] == ["post"]
    assert [domain for domain, _ in _asked(host, request())] == ["other"]


@pytest.mark.parametrize("front", ACTION_SETS)
def test_only_the_sets_of_the_longest_host_name_are_looked_at(front: str) -> None:
    never = _set(_action(front, scope="never"), hostname="a.com", predicates=["false"])
    host = _action_sets(front, _set(_action(front, scope="wildcard"), hostname="*.com"), never)
    assert _asked(host, request(authority="a.com")) == []
    assert [domain for domain, _ in _asked(host, request(authority="b.com:80"))] == ["wildcard"]
    assert _asked(host, request(authority="B.COM")) == []


def test_consecutive_actions_of_one_scope_are_one_call_with_one_descriptor() -> None:
    front = "action-sets"
    host = _action_sets(
        front,
        _set(
            _action(front, _expression("a")),
            _action(front, _expression("b"), predicates=["request.method == 'POST'"]),
            _action(front, _expression("c", "request.url_path"), _static("d", "x")),
            _action(front, scope="other"),
            _action(front, _expression("e")),
        ),
    )
    assert _asked(host, request()) == [
        ("ns/route", [{"a": "1", "c": "/", "d": "x"}]),
        ("other", [{"k": "1"}]),
        ("ns/route", [{"e": "1"}]),
    ]


def test_conditional_data_of_one_action_is_one_descriptor_and_actions_are_not_merged() -> None:
    action = {
        "service": "ratelimit-service",
        "scope": "ns/route",
        "conditionalData": [
            {"predicates": ["request.method == 'POST'"], "data": [_expression("a")]},
            {"data": [_expression("b")]},
        ],
    }
    host = _action_sets("action-sets-conditional-data", _set(action, action))
    assert _asked(host, request(method="POST")) == 2 * [("ns/route", [{"a": "1", "b": "1"}])]
    assert _asked(host, request()) == 2 * [("ns/route", [{"b": "1"}])]


def test_from_v010_on_data_of_an_action_means_nothing() -> None:
    old = {"service": "ratelimit-service", "scope": "ns/route", "data": [_expression("a")]}
    assert _asked(_action_sets("action-sets-conditional-data", _set(old)), request()) == []


@pytest.mark.parametrize("front", ACTION_SETS)
def test_no_entry_no_call(front: str) -> None:
    host = _action_sets(front, _set(_action(front, predicates=["request.method == 'POST'"])))
    assert _asked(host, request()) == []


@pytest.mark.parametrize("front", ACTION_SETS)
@pytest.mark.parametrize(("mode", "state"), [("deny", "answered"), ("allow", "continued")])
@pytest.mark.parametrize("part", ["predicate", "value"])
def test_an_action_that_fails_follows_the_failure_mode_as_a_whole(
    front: str, mode: str, state: str, part: str
) -> None:
    # To v0.9 a header that is not there is null, of which there is no text.
    missing = "string(request.headers['x-user'])"
    if part == "predicate":
        action = _action(front, predicates=[f"{missing} == 'a'"])
    else:
        action = _action(front, _expression("k"), _expression("user", missing))
    host = _action_sets(front, _set(action), mode=mode)
    stream = host.request(request())
    assert (stream.state, len(host.calls)) == (state, 0)


@pytest.mark.parametrize("front", ACTION_SETS)
@pytest.mark.parametrize(("mode", "state"), [("deny", "answered"), ("allow", "continued")])
def test_a_question_without_an_answer_follows_the_failure_mode(front: str, mode: str, state: str) -> None:
    host = _action_sets(front, _set(_action(front)), mode=mode)
    stream = host.request(request())
    host.answer(host.calls[0], UNKNOWN)
    assert stream.state == state


X_NONE = "request.headers['x-none']"
# Seen: GET /p, without a query and without the header, run beside the real v0.9.0, v0.12.3 and v0.14.1.
TABLE = [
    ("", "request.method == 'GET'", ("true", "true", "failed")),
    ("request.query == ''", "", ("free", "free", "free")),
    ("", "request.query", ("null", "null", "failed")),
    ("!request.query.contains('debug')", "", ("1", "1", "failed")),
    (f"{X_NONE} == 'x' || request.method == 'GET'", "", ("1", "failed", "1")),
    (f"{X_NONE} == 'x' && request.method == 'POST'", "", ("free", "failed", "free")),
    (f"{X_NONE} == 'x'", "", ("free", "failed", "failed")),
    ("", X_NONE, ("null", "failed", "failed")),
    # Read from their sources: an error beside && that would be none in CEL, and in v0.9 even with a guard.
    (
        "'x-none' in request.headers && request.headers['x-none'].startsWith('a')",
        "",
        ("failed", "free", "free"),
    ),
]


@pytest.mark.parametrize(("when", "counter", "seen"), TABLE)
def test_expressions_are_evaluated_as_that_version_does(
    when: str, counter: str, seen: tuple[str, ...]
) -> None:
    def outcome(front: str) -> str:
        data = [_expression("k", counter)] if counter else []
        host = _action_sets(front, _set(_action(front, *data, predicates=[when] if when else [])))
        stream = host.request(request("/p"))
        if not host.calls:
            return "free" if stream.state == "continued" else "failed"
        ((entries,),) = [_descriptors(call) for call in host.calls]
        return entries["k"]

    assert tuple(map(outcome, ACTION_SETS)) == seen


@pytest.mark.parametrize(
    ("order", "seen"),
    [
        ([f"string({X_NONE}) == 'x'", "request.method == 'POST'"], ("answered", "answered", "continued")),
        (["request.method == 'POST'", f"string({X_NONE}) == 'x'"], ("continued", "continued", "continued")),
    ],
)
def test_the_order_of_predicates_decides_before_v014(order: list[str], seen: tuple[str, ...]) -> None:
    hosts = [_action_sets(front, _set(_action(front, predicates=order))) for front in ACTION_SETS]
    assert tuple(host.request(request()).state for host in hosts) == seen


@pytest.mark.parametrize(
    ("front", "state"), list(zip(ACTION_SETS, ("answered", "continued", "answered"), strict=True))
)
def test_a_predicate_of_a_route_that_fails_is_500_or_in_v012_lets_the_request_pass(
    front: str, state: str
) -> None:
    failing = "string(request.headers['x-user']) == 'a'"
    host = _action_sets(front, _set(_action(front), predicates=[failing]), mode="allow")
    assert host.request(request()).state == state


@pytest.mark.parametrize(("text", "expected"), [(None, 20), ("100ms", 100), ("1.5s", 1500), ("1m1s", 61000)])
def test_the_timeout_of_a_service(text: str | None, expected: int) -> None:
    service = {} if text is None else {"timeout": text}
    host = _action_sets("action-sets", _set(_action("action-sets")), **service)
    host.request(request())
    assert (host.calls[0].target, host.calls[0].timeout_ms) == (b"kuadrant-ratelimit-service", expected)


@pytest.mark.parametrize("front", ACTION_SETS)
@pytest.mark.parametrize("damage", ["service", "timeout", "failureMode", "predicate"])
def test_a_configuration_that_cannot_be_carried_out_is_refused(front: str, damage: str) -> None:
    service: Json = {"type": "ratelimit", "endpoint": "c", "failureMode": "deny", "timeout": "1s"}
    predicates: list[str] = []
    if damage == "timeout":
        service["timeout"] = "-1s"
    elif damage == "failureMode":
        del service["failureMode"]
    elif damage == "predicate":
        predicates = ["request.method =="]
    name = "another" if damage == "service" else "ratelimit-service"
    document = {"services": {name: service}, "actionSets": [_set(_action(front), predicates=predicates)]}
    assert not Host(_program(front)).configure(json.dumps(document).encode())


@pytest.mark.parametrize("front", ["rate-limit-policies", *ACTION_SETS])
def test_a_configuration_of_another_form_is_refused(front: str) -> None:
    host = Host(_program(front))
    assert not host.configure(b'{"version": 1, "services": {}, "hosts": []}')
    assert any("is missing" in line for line in host.errors)
