"""Counts what a policy and its expressions ask for, and decides whether that is within the budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import astuple, replace

from kuadrant.policy.answer_text import made_lines
from kuadrant.policy.budgets import Budgets, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kuadrant.api.limitador import Limit
    from kuadrant.policy.condition import Counter, PolicyCondition
    from kuadrant.policy.expression_cost import Costly, Estimate
    from kuadrant.policy.model import Policy, PolicyLimit


def counts(policy: Policy) -> Usage:
    """Return how many rates, counters and conditions ``policy`` has."""
    rates = sum(len(limit.rates) for limit in policy.limits)
    counted = sum(len(limit.rates) * len(limit.counters) for limit in policy.limits)
    return Usage(
        rates=rates,
        counted=counted,
        conditions=len(policy.conditions) + sum(len(limit.when) for limit in policy.limits),
        text=sum(
            map(_characters, (*policy.conditions, *(one for limit in policy.limits for one in _parts(limit))))
        )
        + _characters_of_answer(policy),
    )


def _characters_of_answer(policy: Policy) -> int:
    over = policy.response and policy.response.over_limit
    return sum(len(line.expression or line.selector or "") for _, line in made_lines(over)) if over else 0


def _parts(limit: PolicyLimit) -> tuple[PolicyCondition | Counter, ...]:
    return (*limit.when, *limit.evaluated)


def _characters(part: PolicyCondition | Counter) -> int:
    return sum(len(value) for value in astuple(part) if isinstance(value, str))


def with_bytes(usage: Usage, limits: Iterable[Limit]) -> Usage:
    """``usage`` with the bytes of ``limits``, those that the rate limit service gets."""
    return replace(usage, bytes=sum(one.size for one in limits))


def with_costs(usage: Usage, costs: Iterable[Estimate]) -> Usage:
    """Return ``usage`` with what the expressions of the policy cost a gateway.

    That is for a request that all of them look at.
    """
    costs = tuple(costs)
    steps, memory = sum(one.steps for one in costs), sum(one.memory for one in costs)
    return replace(usage, steps=steps, memory=memory)


def over_budget(usage: Usage, budgets: Budgets) -> Iterator[str]:
    """Yield a sentence for each budget of a policy that ``usage`` is over."""
    for what, asked, most, name in (
        ("rates", usage.rates, budgets.policy_rates, "policy-rates"),
        ("rates times counters", usage.counted, budgets.policy_counted, "policy-counted"),
        ("characters of conditions and counters", usage.text, budgets.policy_text, "policy-text"),
        ("conditions", usage.conditions, budgets.policy_conditions, "policy-conditions"),
        ("bytes of limits", usage.bytes, budgets.policy_bytes, "policy-bytes"),
        ("steps of expressions", usage.steps, budgets.policy_steps, "policy-steps"),
        ("bytes of memory for expressions", usage.memory, budgets.policy_memory, "policy-memory"),
    ):
        if asked > most:
            yield f"it asks for {asked} {what}; a policy may have {most} ({name})"


def over_expression_budget(
    cost: Estimate, budgets: Budgets, part: Callable[[int], Costly]
) -> Iterator[tuple[int, str]]:
    """Yield the number of a part and a sentence about it for each budget of an expression it is over.

    ``part`` tells of a part by its number what is to be said of it.
    """
    most_memory, most_steps = budgets.expression_memory, budgets.expression_steps
    for what, asked, most, name, number in (
        ("bytes of a gateway's memory", cost.memory, most_memory, "expression-memory", cost.largest),
        ("steps of a gateway", cost.steps, most_steps, "expression-steps", cost.slowest),
    ):
        if asked > most:
            costly = part(number)
            by = f", by {costly.words}" if costly.words else ""
            instead = f"; {costly.instead}" if costly.instead else ""
            at_most = f"at most {most} are possible ({name}){instead}"
            yield number, f"it may take {asked} {what}, most of them here{by}; {at_most}"
