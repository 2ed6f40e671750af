"""Mistakes in a policy are found one by one, each with its place."""

from __future__ import annotations

import pytest

from kuadrant.policy.checks import check
from kuadrant.policy.condition import (
    Condition,
    Counter,
    ExpressionCondition,
    ExpressionCounter,
    SelectorCondition,
    SelectorCounter,
)
from kuadrant.policy.model import Policy, PolicyLimit, Rate, Target

RATES = (Rate(5, 10),)


def _policy(
    *limits: PolicyLimit, when: tuple[Condition, ...] = (), field: tuple[str, ...] = ("spec",)
) -> Policy:
    return Policy("ns", "p", Target("HTTPRoute", "ns", "route"), limits=limits, when=when, field=field)


def _problems(policy: Policy) -> list[str]:
    return [f"{problem.severity}: {problem}" for problem in check(policy).problems]


def test_a_sound_policy_has_no_problems() -> None:
    limit = PolicyLimit(
        "a",
        rates=RATES,
        when=(
            ExpressionCondition("request.method == 'GET'"),
            SelectorCondition("request.url_path", "eq", "/"),
        ),
        counters=(ExpressionCounter("request.path"), SelectorCounter("request.headers.x-user")),
    )
    assert _problems(_policy(limit)) == []


@pytest.mark.row(131)
def test_a_mistake_in_one_limit_leaves_its_neighbours_alone() -> None:
    checked = check(
        _policy(
            PolicyLimit(
                "a", RATES, when=(ExpressionCondition("true"), ExpressionCondition("auth.identity == 'x'"))
            ),
            PolicyLimit("b", RATES, counters=(ExpressionCounter("request.nope"),)),
            PolicyLimit("c", RATES),
            field=("spec", "defaults"),
        )
    )
    assert checked.undecidable == {"a", "b"}
    assert [str(problem) for problem in checked.reasons] == [
        (
            "RateLimitPolicy ns/p: spec.defaults.limits.a.when[1].predicate: line 1, column 5: "
            "undeclared reference to 'auth.identity'"
        ),
        (
            "RateLimitPolicy ns/p: spec.defaults.limits.b.counters[0].expression: line 1, column 8: "
            "request has no attribute 'nope' while the gateway looks at a request"
        ),
    ]


def test_a_mistake_in_the_conditions_of_the_policy_is_told_once_and_concerns_every_limit() -> None:
    checked = check(
        _policy(PolicyLimit("a", RATES), PolicyLimit("b", RATES), when=(ExpressionCondition("1"),))
    )
    assert checked.undecidable == {"a", "b"}
    assert [problem.field for problem in checked.problems] == ["spec.when[0].predicate"]


@pytest.mark.row(33)
def test_a_window_of_no_length_is_told() -> None:
    assert _problems(_policy(PolicyLimit("a", (Rate(5, 10), Rate(5, 0))))) == [
        (
            "error: RateLimitPolicy ns/p: spec.limits.a.rates[1]: a window is at least one second; requests are counted in "
            "windows of one second"
        )
    ]


@pytest.mark.parametrize("selector", ["request.metod", "auth.identity.username", "request", "nope"])
def test_a_selector_that_never_has_a_value_is_told(selector: str) -> None:
    counters: tuple[Counter, ...] = (SelectorCounter(selector),)
    checked = check(_policy(PolicyLimit("a", RATES, (SelectorCondition(selector, "neq", "x"),), counters)))
    assert [(problem.severity, problem.field) for problem in checked.problems] == [
        ("warning", "spec.limits.a.when[0].selector"),
        ("warning", "spec.limits.a.counters[0]"),
    ]
    assert checked.undecidable == frozenset()


@pytest.mark.parametrize("selector", ["", ".", "a..b", ".a", "a.", "a.\\", "a.\0"])
def test_a_selector_that_is_no_path_of_names_would_have_the_gateway_refuse_everything(selector: str) -> None:
    conditions: tuple[Condition, ...] = (SelectorCondition(selector, "eq", "x"),)
    by_condition = check(_policy(PolicyLimit("a", RATES, conditions)))
    by_counter = check(_policy(PolicyLimit("a", RATES, counters=(SelectorCounter(selector),))))
    assert by_condition.undecidable == by_counter.undecidable == {"a"}
    assert [
        (problem.severity, problem.field) for problem in (*by_condition.problems, *by_counter.problems)
    ] == [
        ("error", "spec.limits.a.when[0].selector"),
        ("error", "spec.limits.a.counters[0]"),
    ]


@pytest.mark.parametrize(
    "selector",
    [
        "request.method",
        "source.remote_address",
        "request.headers.x-user",
        "request.headers.:path",
        "destination.port",
        r"metadata.filter_metadata.envoy\.filters\.http\.x.k",
        "filter_state.a",
        "plugin_name",
    ],
)
def test_a_selector_that_may_have_a_value_is_taken(selector: str) -> None:
    assert _problems(_policy(PolicyLimit("a", RATES, counters=(SelectorCounter(selector),)))) == []
