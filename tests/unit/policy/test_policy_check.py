"""Mistakes in a policy are found one by one, each with its place."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest

from kuadrant.policy.budgets import DEFAULT
from kuadrant.policy.condition import (
    Counter,
    ExpressionCondition,
    ExpressionCounter,
    PolicyCondition,
    SelectorCondition,
    SelectorCounter,
)
from kuadrant.policy.limitador_limits import limitador_limits
from kuadrant.policy.model import Policy, PolicyLimit, Rate, Target
from kuadrant.policy.policy_check import check
from tests.effort import times_as_long

RATES = (Rate(5, 10),)


def _policy(
    *limits: PolicyLimit, when: tuple[PolicyCondition, ...] = (), field: tuple[str, ...] = ("spec",)
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
@pytest.mark.row(171)
def test_one_limit_that_cannot_be_evaluated_is_a_refusal_of_the_policy_with_every_mistake_in_it() -> None:
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
    reasons = (
        (
            "spec.defaults.limits.a.when[1].predicate: line 1, column 5: "
            "there is no 'auth.identity': nothing here authenticates requests; "
            "the annotation kuadrant.io/identity of a Gateway says what does"
        ),
        (
            "spec.defaults.limits.b.counters[0].expression: line 1, column 8: "
            "request has no attribute 'nope' while the gateway looks at a request"
        ),
    )
    assert [str(problem) for problem in checked.problems] == [
        f"RateLimitPolicy ns/p: {one}" for one in reasons
    ]
    assert checked.refusal == "; ".join(reasons)


def test_a_refusal_has_an_end() -> None:
    conditions = tuple(ExpressionCondition(f"nope{number}") for number in range(64))
    refusal = check(_policy(PolicyLimit("a", RATES, conditions))).refusal
    assert refusal.endswith("; and 13 more")  # of those that were looked for
    assert refusal.count("undeclared reference") == 3


def test_a_mistake_in_the_conditions_of_the_policy_is_told_once() -> None:
    checked = check(
        _policy(PolicyLimit("a", RATES), PolicyLimit("b", RATES), when=(ExpressionCondition("1"),))
    )
    assert [problem.field for problem in checked.problems] == ["spec.when[0].predicate"]
    assert checked.refusal


@pytest.mark.parametrize("text", ["a\0", "\x1b", "a\x7fb"])
def test_a_control_character_is_refused_wherever_it_stands(text: str) -> None:
    """The rate limit service would refuse everybody's limits for it."""
    condition = SelectorCondition("request.path", "eq", text)
    for limit in (
        PolicyLimit(text, RATES),
        PolicyLimit("a", RATES, when=(condition,)),
        PolicyLimit("a", RATES, when=(SelectorCondition(f"request.{text}", "eq", "a"),)),
        PolicyLimit("a", RATES, counters=(SelectorCounter(f"request.headers.{text}"),)),
        PolicyLimit("a", RATES, counters=(ExpressionCounter(f'request.headers["{text}"]'),)),
        PolicyLimit("a", RATES, when=(ExpressionCondition(f'request.path == "{text}"'),)),
    ):
        assert check(_policy(limit)).refusal, limit


def test_the_name_of_a_limit_has_a_length() -> None:
    assert check(_policy(PolicyLimit("a" * 253, RATES))).refusal == ""
    assert "a name has at most 253 characters" in check(_policy(PolicyLimit("a" * 254, RATES))).refusal


def _rates(number: int) -> tuple[Rate, ...]:
    return tuple(Rate(5, 10 + one) for one in range(number))


@pytest.mark.row(172)
@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (14 * [(32, 0, 0)], "it asks for 448 rates; a policy may have 256 (policy-rates)"),
        (10 * [(8, 24, 0)], "it asks for 1920 rates times counters; a policy may have 1024 (policy-counted)"),
        (10 * [(1, 0, 64)], "it asks for 640 conditions; a policy may have 256 (policy-conditions)"),
    ],
)
def test_a_policy_that_asks_for_too_much_is_told_the_number_and_the_budget(
    limits: list[tuple[int, int, int]], message: str
) -> None:
    policy = _policy(
        *(
            PolicyLimit(
                f"l{number}",
                _rates(rates),
                (ExpressionCondition("true"),) * conditions,
                tuple(SelectorCounter(f"request.headers.x-{one}") for one in range(counters)),
            )
            for number, (rates, counters, conditions) in enumerate(limits)
        )
    )
    assert message in check(policy).refusal


@pytest.mark.row(172)
def test_the_bytes_that_the_service_gets_are_counted() -> None:
    long = "a" * 240
    counters = tuple(SelectorCounter(f"request.headers.{long}{one}") for one in range(4))
    policy = _policy(PolicyLimit("l", _rates(64), counters=counters))
    sent = sum(
        len(msgspec.json.encode(limit))
        for limit in limitador_limits(policy.limits[0], key="limit.a__00000000", scope="ns/p")
    )
    assert check(policy).usage.bytes == sent
    assert (
        f"it asks for {sent} bytes of limits; a policy may have 65536 (policy-bytes)" in check(policy).refusal
    )


@pytest.mark.row(172)
def test_how_much_there_is_to_read_is_bounded() -> None:
    conditions = tuple(ExpressionCondition(f"request.path != '{'a' * 4000}{number}'") for number in range(17))
    checked = check(_policy(PolicyLimit("a", RATES, conditions)))
    assert "characters of conditions and counters; a policy may have 65536 (policy-text)" in checked.refusal


@pytest.mark.slow
@pytest.mark.parametrize(
    "condition",
    [
        "request.path.matches(r'\\pL{100}{number}')",
        "request.path.matches(r'" + "\\pL" * 200 + "{number}')",
        "request.path == '{number}' && " + " && ".join(["request.method == 'a'"] * 150),
        "[1].map(x, " * 9 + "{number}" + ")" * 9 + " == []",
        "request.size == " + " + ".join(["1"] * 28) + " + {number}",
    ],
)
def test_no_policy_keeps_the_check_busy_for_long(condition: str) -> None:
    """A policy with as much of one text as its budgets let it have."""
    costly = _many_conditions(condition, min(256, 65_000 // len(condition)))
    usual = _many_conditions(f"request.path == '/{{number}}' && request.size != {len(condition)}", 256)
    # Each once, and none that another test has: what has been checked is remembered.
    assert times_as_long(partial(check, costly), partial(check, usual), rounds=1) < 50


def _many_conditions(condition: str, many: int) -> Policy:
    conditions = tuple(
        ExpressionCondition(condition.replace("{number}", str(number))) for number in range(many)
    )
    return _policy(*(PolicyLimit(f"l{at}", RATES, conditions[at : at + 64]) for at in range(0, many, 64)))


@pytest.mark.row(172)
def test_what_the_expressions_of_a_policy_cost_together_is_counted() -> None:
    condition = ExpressionCondition("request.path.matches('^/[^/]+/[^/]+/orders$')")
    one, many = (check(_policy(PolicyLimit("a", RATES, (condition,) * number))) for number in (1, 30))
    assert (one.refusal, many.usage.steps) == ("", 30 * one.usage.steps)
    assert "steps of expressions; a policy may have 4000000 (policy-steps)" in many.refusal
    more = msgspec.structs.replace(DEFAULT, policy_steps=many.usage.steps)
    assert check(_policy(PolicyLimit("a", RATES, (condition,) * 30)), more).refusal == ""


@pytest.mark.row(33)
def test_a_window_of_no_length_is_told() -> None:
    assert _problems(_policy(PolicyLimit("a", (Rate(5, 10), Rate(5, 0))))) == [
        (
            "error: RateLimitPolicy ns/p: spec.limits.a.rates[1]: a window is at least one second; requests "
            "are counted in "
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
    assert checked.refusal == ""


@pytest.mark.parametrize("selector", ["", ".", "a..b", ".a", "a.", "a.\\", "a.\0"])
def test_a_selector_that_is_no_path_of_names_would_have_the_gateway_refuse_everything(selector: str) -> None:
    conditions: tuple[PolicyCondition, ...] = (SelectorCondition(selector, "eq", "x"),)
    by_condition = check(_policy(PolicyLimit("a", RATES, conditions)))
    by_counter = check(_policy(PolicyLimit("a", RATES, counters=(SelectorCounter(selector),))))
    assert by_condition.refusal
    assert by_counter.refusal
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
