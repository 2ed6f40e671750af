"""What the data plane does with one request: route, limits, counters, answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.api.limitador import Limit
from kuadrant.compiler.program import (
    Action,
    GatewayProgram,
    HostProgram,
    LimitAction,
    ListenerProgram,
    RuleProgram,
)
from kuadrant.policy.condition import (
    ExpressionCondition,
    ExpressionCounter,
    PolicyCondition,
    SelectorCondition,
    SelectorCounter,
)
from kuadrant.policy.identifiers import descriptor_entry, limit_condition
from kuadrant.policy.match import PathMatch, RequestMatch
from kuadrant.reference_model import Counters, Request, RequestDecision, decide

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMITED = RequestMatch(PathMatch("/limited"))


def _limit(
    key: str, most: int, seconds: int = 10, *, scope: str = "ns/route", variables: Sequence[str] = ()
) -> Limit:
    return Limit(
        namespace=scope,
        max_value=most,
        seconds=seconds,
        conditions=(limit_condition(key),),
        variables=tuple(map(descriptor_entry, variables)),
        name=key,
    )


def _program(*actions: Action, hosts: Sequence[HostProgram] = ()) -> GatewayProgram:
    rules = (
        RuleProgram("limited", "ns/route", LIMITED, actions),
        RuleProgram("free", "ns/route", RequestMatch()),
    )
    listener = ListenerProgram(("http",), 80, "HTTP", (HostProgram("a.x", rules), *hosts))
    return GatewayProgram("ns", "gw", (listener,), ())


def _action(*limits: LimitAction, scope: str = "ns/route") -> Action:
    return Action(scope, limits)


def _decide(
    program: GatewayProgram,
    limits: Sequence[Limit],
    *times: float,
    failure_mode: Any = "deny",
    **request: Any,
) -> list[RequestDecision]:
    counters, decisions = Counters(tuple(limits)), []
    for now in times:
        one = Request(**{"authority": "a.x", "target": "/limited", **request})
        decisions.append(decide(program, one, counters, now, failure_mode=failure_mode))
        counters = decisions[-1].counters
    return decisions


def _outcomes(decisions: Sequence[RequestDecision]) -> list[str]:
    return [decision.outcome for decision in decisions]


def test_as_many_as_the_limit_says_are_admitted_in_a_window_that_begins_with_the_first() -> None:
    program = _program(_action(LimitAction("limit.a")))
    decisions = _decide(program, [_limit("limit.a", 2)], 100, 101, 109.9, 110, 111, 112)
    assert _outcomes(decisions) == ["admitted", "admitted", "limited", "admitted", "admitted", "limited"]


def test_the_headers_tell_what_is_left() -> None:
    program = _program(_action(LimitAction("limit.a"), LimitAction("limit.b")))
    limits = [_limit("limit.a", 5), _limit("limit.b", 1, 60)]
    admitted, limited = _decide(program, limits, 100, 107.5)
    assert admitted.headers == (
        ("x-ratelimit-limit", '1, 1;w=60;name="limit.b", 5;w=10;name="limit.a"'),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "60"),
    )
    assert (limited.status, limited.headers[1:]) == (
        429,
        (("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "53")),
    )


@pytest.mark.parametrize("order", [("limit.a", "limit.b"), ("limit.b", "limit.a")])
def test_of_two_limits_with_the_same_condition_both_hold(order: tuple[str, str]) -> None:
    """No limit shadows another (limitador#513), and a denied request counts in neither."""
    condition = (ExpressionCondition("request.method == 'GET'"),)
    program = _program(_action(*(LimitAction(key, condition) for key in order)))
    limits = [_limit(order[0], 3, 60), _limit(order[1], 1, 5)]
    decisions = _decide(program, limits, 0, 1, 5, 10, 15)
    assert _outcomes(decisions) == ["admitted", "limited", "admitted", "admitted", "limited"]


def test_requests_are_counted_apart_by_the_values_of_the_counters() -> None:
    program = _program(_action(LimitAction("limit.a", counters=(SelectorCounter("request.headers.x-user"),))))
    limits = [_limit("limit.a", 1, variables=["request.headers.x-user"])]
    counters = Counters(tuple(limits))
    outcomes = []
    for user in ("bob", "eve", "bob"):
        request = Request(authority="a.x", target="/limited", headers=(("x-user", user),))
        decision = decide(program, request, counters, 0)
        counters = decision.counters
        outcomes.append(decision.outcome)
    assert outcomes == ["admitted", "admitted", "limited"]


def test_a_limit_whose_selector_has_no_value_does_not_apply() -> None:
    program = _program(_action(LimitAction("limit.a", counters=(SelectorCounter("auth.identity.username"),))))
    (decision,) = _decide(program, [_limit("limit.a", 0, variables=["auth.identity.username"])], 0)
    assert (decision.outcome, decision.questions) == ("admitted", ())


FAILS = ExpressionCondition("int(request.method) == 0")
FAILING = LimitAction("limit.a", (FAILS,))


def test_what_cannot_be_evaluated_is_refused_before_anything_is_counted() -> None:
    program = _program(_action(LimitAction("limit.b"), scope="a"), _action(FAILING, scope="b"))
    (decision,) = _decide(program, [_limit("limit.b", 1, scope="a")], 0)
    assert (decision.outcome, decision.status, decision.questions) == ("failed", 500, ())
    assert not decision.counters.windows


def test_what_cannot_be_evaluated_takes_only_its_own_limit_out_if_failures_are_allowed() -> None:
    program = _program(_action(FAILING, LimitAction("limit.b")))
    limits = [_limit("limit.a", 0), _limit("limit.b", 1)]
    assert _outcomes(_decide(program, limits, 0, 1, failure_mode="allow")) == ["admitted", "limited"]


@pytest.mark.parametrize("mode", ["deny", "allow"])
def test_what_cannot_be_evaluated_in_shadow_takes_its_own_limit_out_in_either_mode(mode: str) -> None:
    failing = LimitAction("limit.a", (FAILS,), refuses=False)
    limits = [_limit("limit.a", 0), _limit("limit.b", 1)]
    program = _program(_action(failing, LimitAction("limit.b")))
    assert _outcomes(_decide(program, limits, 0, 1, failure_mode=mode)) == ["admitted", "limited"]
    (alone,) = _decide(_program(_action(failing)), limits, 0, failure_mode=mode)
    assert (alone.outcome, alone.questions) == ("admitted", ())


def test_limits_in_shadow_are_asked_last_and_named_to_who_answers() -> None:
    shadow = LimitAction("limit.a", refuses=False)
    (decision,) = _decide(_program(_action(shadow, LimitAction("limit.b"))), [], 0)
    assert decision.questions[0].entries == (
        ("limit.b", "1"),
        ("limit.a", "1"),
        ("kuadrant:shadow", "limit.a"),
    )
    (alone,) = _decide(_program(_action(shadow)), [], 0)
    assert alone.questions[0].entries == (("limit.a", "1"),)


@pytest.mark.parametrize("mode", ["deny", "allow"])
def test_a_condition_that_does_not_hold_wins_over_one_that_fails_in_any_order(mode: str) -> None:
    never = SelectorCondition("request.method", "eq", "PUT")
    orders: list[tuple[PolicyCondition, ...]] = [(never, FAILS), (FAILS, never), (FAILS, never, FAILS)]
    for order in orders:
        program = _program(_action(LimitAction("limit.a", order)))
        assert _outcomes(_decide(program, [], 0, failure_mode=mode)) == ["admitted"]


@pytest.mark.parametrize(("mode", "outcome"), [("deny", "failed"), ("allow", "admitted")])
def test_a_condition_that_fails_wins_over_one_that_holds_in_any_order(mode: str, outcome: str) -> None:
    always = SelectorCondition("request.method", "eq", "GET")
    orders: list[tuple[PolicyCondition, ...]] = [(always, FAILS), (FAILS, always)]
    for order in orders:
        program = _program(_action(LimitAction("limit.a", order)))
        assert _outcomes(_decide(program, [], 0, failure_mode=mode)) == [outcome]


@pytest.mark.row(144)
def test_what_an_earlier_question_counted_stays_counted_when_a_later_one_is_over_its_limit() -> None:
    program = _program(_action(LimitAction("limit.a"), scope="a"), _action(LimitAction("limit.b"), scope="b"))
    limits = [_limit("limit.a", 2, scope="a"), _limit("limit.b", 0, scope="b")]
    first, _, third = _decide(program, limits, 0, 1, 2)
    assert [question.limited for question in first.questions] == [False, True]
    assert first.headers[0] == ("x-ratelimit-limit", '0, 0;w=10;name="limit.b", 2;w=10;name="limit.a"')
    assert [question.limited for question in third.questions] == [True]
    assert (first.retry_after, third.retry_after) == (None, None), "what is 0 is never free again"


def test_only_the_rules_of_the_most_specific_host_are_looked_at() -> None:
    rules = (RuleProgram("own", "ns/other", RequestMatch(PathMatch("/own"))),)
    program = _program(_action(LimitAction("limit.a")), hosts=(HostProgram("*", rules),))
    found = {
        (authority, target): decide(program, Request(authority=authority, target=target), Counters(()), 0)
        for authority in ("A.X:80", "b.x")
        for target in ("/own", "/limited", "/other")
    }
    assert {
        key: decision.rule.name if decision.rule else decision.status for key, decision in found.items()
    } == {
        ("A.X:80", "/own"): "free",
        ("A.X:80", "/limited"): "limited",
        ("A.X:80", "/other"): "free",
        ("b.x", "/own"): "own",
        ("b.x", "/limited"): 404,
        ("b.x", "/other"): 404,
    }


@pytest.mark.parametrize(
    ("request_", "grpc_status"),
    [
        ({"authority": "nobody"}, 12),
        ({}, 8),
    ],
)
def test_a_client_of_grpc_gets_what_it_understands(request_: dict[str, Any], grpc_status: int) -> None:
    program = _program(_action(LimitAction("limit.a")))
    headers = (("content-type", "application/grpc"),)
    (decision,) = _decide(program, [_limit("limit.a", 0)], 0, headers=headers, **request_)
    assert (decision.status, decision.grpc_status) == (200, grpc_status)


def test_the_policies_behind_the_limits_are_named() -> None:
    limits = (LimitAction("limit.b", sources=("ns/b",)), LimitAction("limit.a", sources=("ns/a",)))
    (decision,) = _decide(_program(_action(*limits)), [_limit("limit.a", 1)], 0)
    assert decision.sources == ("ns/a", "ns/b")


def test_a_port_without_a_listener_is_said() -> None:
    with pytest.raises(ValueError, match="gateway ns/gw has no listener at port 81"):
        _decide(_program(), [], 0, port=81)


def test_a_counter_with_a_long_expression_is_counted_by_its_value() -> None:
    expression = "request.headers['x-user'] + '/' + request.method"
    program = _program(_action(LimitAction("limit.a", counters=(ExpressionCounter(expression),))))
    limits = [_limit("limit.a", 1, variables=[expression])]
    (decision,) = _decide(program, limits, 0, headers=(("x-user", "it's"),))
    ((_, values),) = decision.counters.windows
    assert values == ((descriptor_entry(expression), "it's/GET"),)
