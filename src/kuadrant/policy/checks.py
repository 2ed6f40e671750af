"""What is wrong with a policy in itself, limit by limit: a mistake in one limit says nothing about its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from kuadrant.api.problem import Path, spelled
from kuadrant.policy.attributes import may_have_value, selector_path
from kuadrant.policy.cel import ExpressionError, check_counter, check_predicate
from kuadrant.policy.condition import (
    Condition,
    Counter,
    ExpressionCondition,
    ExpressionCounter,
)
from kuadrant.policy.model import Policy, PolicyLimit, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator


class Finding(Struct, frozen=True, gc=False):
    """A problem, and whether the limit cannot be evaluated because of it."""

    problem: Problem
    undecidable: bool = False


class CheckedPolicy(Struct, frozen=True, gc=False):
    """The problems of a policy, and the names of the limits that nobody can evaluate, with the problems that keep them so."""

    problems: tuple[Problem, ...] = ()
    undecidable: frozenset[str] = frozenset()
    reasons: tuple[Problem, ...] = ()


def check(policy: Policy) -> CheckedPolicy:
    """Look at everything that can be judged without knowing what ``policy`` is attached to."""
    shared = tuple(
        finding
        for index, condition in enumerate(policy.when)
        if (finding := _condition(policy, ("when", index), condition))
    )
    by_limit = {limit.name: tuple(_limit(policy, limit)) for limit in policy.limits}
    beside = (
        Finding(
            Problem(
                "error", "RateLimitPolicy", policy.namespace, policy.name, spelled(one.field), one.message
            )
        )
        for one in policy.mistakes
    )
    findings = (*beside, *shared, *(finding for own in by_limit.values() for finding in own))
    return CheckedPolicy(
        problems=tuple(finding.problem for finding in findings),
        undecidable=frozenset(
            name for name, own in by_limit.items() if any(finding.undecidable for finding in (*shared, *own))
        ),
        reasons=tuple(finding.problem for finding in findings if finding.undecidable),
    )


def is_decidable(condition: Condition) -> bool:
    """Whether ``condition`` can be evaluated; that it can does not mean that it never fails."""
    if isinstance(condition, ExpressionCondition):
        try:
            check_predicate(condition.expression)
        except ExpressionError:
            return False
        return True
    return selector_path(condition.selector) is not None


def _limit(policy: Policy, limit: PolicyLimit) -> Iterator[Finding]:
    field: Path = ("limits", limit.name)
    for index, rate in enumerate(limit.rates):
        if rate.seconds == 0:
            message = "a window is at least one second; requests are counted in windows of one second"
            yield Finding(_error(policy, (*field, "rates", index), message))
    for index, condition in enumerate(limit.when):
        if finding := _condition(policy, (*field, "when", index), condition):
            yield finding
    for index, counter in enumerate(limit.counters):
        if finding := _counter(policy, (*field, "counters", index), counter):
            yield finding


def _condition(policy: Policy, field: Path, condition: Condition) -> Finding | None:
    if isinstance(condition, ExpressionCondition):
        try:
            check_predicate(condition.expression)
        except ExpressionError as error:
            return Finding(_error(policy, (*field, "predicate"), str(error)), undecidable=True)
        return None
    consequence = "it is compared as if it were empty"
    return _selector(policy, (*field, "selector"), condition.selector, consequence)


def _counter(policy: Policy, field: Path, counter: Counter) -> Finding | None:
    if isinstance(counter, ExpressionCounter):
        try:
            check_counter(counter.expression)
        except ExpressionError as error:
            return Finding(_error(policy, (*field, "expression"), str(error)), undecidable=True)
        return None
    return _selector(policy, field, counter.selector, "the limit never applies")


def _selector(policy: Policy, field: Path, selector: str, consequence: str) -> Finding | None:
    path = selector_path(selector)
    if path is None:
        message = f'"{selector}" is no selector: names with dots between them are'
        return Finding(_error(policy, field, message), undecidable=True)
    if not may_have_value(path):
        return Finding(
            _warning(policy, field, f'"{selector}" never has a value at the gateway: {consequence}')
        )
    return None


def _error(policy: Policy, field: Path, message: str) -> Problem:
    return _problem("error", policy, field, message)


def _warning(policy: Policy, field: Path, message: str) -> Problem:
    return _problem("warning", policy, field, message)


def _problem(severity: Literal["error", "warning"], policy: Policy, field: Path, message: str) -> Problem:
    where = spelled((*policy.field, *field))
    return Problem(severity, "RateLimitPolicy", policy.namespace, policy.name, where, message)
