"""Checks a policy in itself: what is wrong with it, and what it asks for."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, structs

from kuadrant.api.document_nodes import quoted
from kuadrant.api.limit_validity import problems
from kuadrant.api.problem import Path, spelled
from kuadrant.policy.answer_check import check_answer
from kuadrant.policy.attributes import may_have_value, selector_path
from kuadrant.policy.budget_check import counts, over_budget, with_bytes, with_costs
from kuadrant.policy.budgets import DEFAULT, Budgets, Usage
from kuadrant.policy.condition import (
    Cost,
    Counter,
    ExpressionCondition,
    ExpressionCounter,
    PolicyCondition,
)
from kuadrant.policy.expression_check import check_cost, check_counter, check_predicate, has_control_character
from kuadrant.policy.expression_error import ExpressionError
from kuadrant.policy.identifiers import limit_identifier
from kuadrant.policy.limitador_limits import limitador_limits
from kuadrant.policy.model import Policy, PolicyLimit, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kuadrant.api.limitador import Limit
    from kuadrant.policy.expression_cost import Estimate


class Finding(Struct, frozen=True, gc=False):
    """A problem, and whether the policy cannot be carried out because of it."""

    problem: Problem
    refuses: bool = False


class _Measures(Struct, frozen=True, gc=False):
    """What policies are judged by."""

    budgets: Budgets
    identity: bool


class CheckedPolicy(Struct, frozen=True, gc=False):
    """The problems of a policy, and what it asks for.

    ``refusal`` says why it cannot be carried out as it is written, with the fields, and is empty if it can.
    """

    problems: tuple[Problem, ...] = ()
    refusal: str = ""
    usage: Usage = Usage()


def check(policy: Policy, budgets: Budgets = DEFAULT, *, identity: bool = False) -> CheckedPolicy:
    """Look at everything that can be judged without knowing what ``policy`` is attached to.

    With ``identity`` it is for gateways that know who a request is from.

    A policy is carried out as a whole or not at all: one limit that nobody can evaluate is a refusal of it.
    """
    # What is too much is not looked at any closer: to judge it would take too long.
    usage = counts(policy)
    findings = list(_excess(policy, usage, budgets))
    if not findings:
        costs: list[Estimate] = []
        held = {
            limit.name: tuple(
                limitador_limits(limit, key=limit_identifier(policy.key, limit.name), scope=policy.key)
            )
            for limit in policy.limits
        }
        findings += _some(_findings(policy, _Measures(budgets, identity), costs, held))
        usage = with_costs(with_bytes(usage, chain.from_iterable(held.values())), costs)
        findings += _excess(policy, usage, budgets)
    refusals = [finding.problem for finding in findings if finding.refuses]
    return CheckedPolicy(
        problems=tuple(finding.problem for finding in findings),
        refusal=_told(refusals),
        usage=usage,
    )


_LONGEST_NAME = 253
_TOLD = 3
"""How many reasons are told in full: a status is for people, and has an end."""


_FOUND = 16
"""So many are looked for: each may take a while to find."""


def _some(findings: Iterator[Finding]) -> Iterator[Finding]:
    """``findings`` up to and with the last refusal that is looked for."""
    refusals = 0
    for one in findings:
        yield one
        refusals += one.refuses
        if refusals == _FOUND:
            return


def _told(refusals: list[Problem]) -> str:
    parts = [f"{problem.field}: {problem.message}" for problem in refusals[:_TOLD]]
    more = len(refusals) - len(parts)
    return "; ".join((*parts, f"and {more} more") if more else parts)


def _findings(
    policy: Policy, by: _Measures, costs: list[Estimate], held: Mapping[str, tuple[Limit, ...]]
) -> Iterator[Finding]:
    for one in policy.mistakes:
        code = "invalid-annotation" if one.field[0] == "metadata" else "invalid-field"
        problem = _problem("error", policy, (), one.message, code, at=one.at)
        yield Finding(structs.replace(problem, field=spelled(one.field)), refuses=one.refuses)
    for place, condition in zip(policy.condition_places, (*policy.when, *policy.exempt), strict=True):
        yield from _condition(policy, place, condition, by, costs)
    for limit in policy.limits:
        found = list(_limit(policy, limit, by, costs))
        yield from found or _unheld(policy, limit, held[limit.name])
    over = policy.response and policy.response.over_limit
    for wrong in check_answer(over, costs, by.budgets) if over else ():
        field = ("response", "overLimit", *wrong.field)
        yield _refusal(policy, field, wrong.message, "invalid-expression", at=wrong.at, write=wrong.write)


def _unheld(policy: Policy, limit: PolicyLimit, held: tuple[Limit, ...]) -> Iterator[Finding]:
    """What the rate limit service has against a limit that is otherwise sound: it would leave it out."""
    for problem in problems(held):
        message = f"the rate limit service cannot hold it: {problem}"
        yield _refusal(policy, ("limits", limit.name), message, "not-holdable")


def _excess(policy: Policy, usage: Usage, budgets: Budgets) -> Iterator[Finding]:
    for message in over_budget(usage, budgets):
        yield _refusal(policy, (), message, "over-budget")


def _limit(policy: Policy, limit: PolicyLimit, by: _Measures, costs: list[Estimate]) -> Iterator[Finding]:
    field: Path = ("limits", limit.name)
    if has_control_character(limit.name):
        yield _refusal(policy, field, "a name holds no control characters", "invalid-text")
    if len(limit.name) > _LONGEST_NAME:
        yield _refusal(policy, field, f"a name has at most {_LONGEST_NAME} characters", "invalid-text")
    for index, rate in enumerate(limit.rates):
        if rate.seconds == 0:
            message = "a window is at least one second; requests are counted in windows of one second"
            yield Finding(_problem("error", policy, (*field, "rates", index), message, "invalid-field"))
    for index, condition in enumerate(limit.when):
        yield from _condition(policy, (*field, "when", index), condition, by, costs)
    for index, counter in enumerate(limit.counters):
        yield from _counter(policy, (*field, "counters", index), counter, by, costs)
    if limit.cost is not None:
        yield from _cost(policy, (*field, "cost"), limit.cost, by, costs)


def _condition(
    policy: Policy, field: Path, condition: PolicyCondition, by: _Measures, costs: list[Estimate]
) -> Iterator[Finding]:
    if isinstance(condition, ExpressionCondition):
        try:
            costs.append(check_predicate(condition.expression, by.budgets, identity=by.identity))
        except ExpressionError as error:
            yield _refusal(
                policy,
                (*field, "predicate"),
                str(error),
                "invalid-expression",
                at=error.at,
                write=error.written,
            )
        return
    if has_control_character(condition.value):
        message = "no value of a request has control characters"
        yield _refusal(policy, (*field, "value"), message, "invalid-text")
    consequence = "it is compared as if it were empty"
    yield from _selector(policy, (*field, "selector"), condition.selector, consequence, by)


def _counter(
    policy: Policy, field: Path, counter: Counter, by: _Measures, costs: list[Estimate]
) -> Iterator[Finding]:
    if isinstance(counter, ExpressionCounter):
        try:
            costs.append(check_counter(counter.expression, by.budgets, identity=by.identity))
        except ExpressionError as error:
            yield _refusal(
                policy,
                (*field, "expression"),
                str(error),
                "invalid-expression",
                at=error.at,
                write=error.written,
            )
        return
    yield from _selector(policy, field, counter.selector, "the limit never applies", by)


def _cost(policy: Policy, field: Path, cost: Cost, by: _Measures, costs: list[Estimate]) -> Iterator[Finding]:
    try:
        costs.append(check_cost(cost, by.budgets, identity=by.identity))
    except ExpressionError as error:
        yield _refusal(policy, field, str(error), "invalid-expression", at=error.at, write=error.written)


def _selector(
    policy: Policy, field: Path, selector: str, consequence: str, by: _Measures
) -> Iterator[Finding]:
    path = selector_path(selector)
    if path is None or has_control_character(selector):
        message = f"{quoted(selector)} is no selector: names with dots between them are"
        yield _refusal(policy, field, message, "invalid-selector")
    elif not may_have_value(path, identity=by.identity):
        message = f'"{selector}" never has a value at the gateway: {consequence}'
        yield Finding(_problem("warning", policy, field, message, "selector-without-value"))


def _refusal(
    policy: Policy, field: Path, message: str, code: str, *, at: tuple[int, int] = (0, 0), write: str = ""
) -> Finding:
    problem = _problem("error", policy, field, message, code, at=at)
    if write:
        problem = structs.replace(problem, fix=f"Write {write} there.")
    return Finding(problem, refuses=True)


def _problem(
    severity: Literal["error", "warning"],
    policy: Policy,
    field: Path,
    message: str,
    code: str,
    *,
    at: tuple[int, int] = (0, 0),
) -> Problem:
    where = spelled((*policy.field, *field))
    return Problem(severity, "RateLimitPolicy", policy.namespace, policy.name, where, message, code, at)
