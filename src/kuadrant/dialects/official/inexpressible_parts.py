"""Finds what a dialect cannot express, and the policies that ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from kuadrant.api.problem import Path, spelled
from kuadrant.api.response import Response
from kuadrant.dialects.dialect import InexpressibleError, Unsupported
from kuadrant.dialects.official.matchable_rules import Complaint
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter, SelectorCondition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kuadrant.compiler.program import HostProgram
    from kuadrant.policy.condition import Counter, PolicyCondition
    from kuadrant.policy.failure_mode import FailureMode
    from kuadrant.policy.model import Policy

_Part = TypeVar("_Part")


def unsupported(
    policies: Iterable[Policy],
    hosts: Iterable[HostProgram],
    failure_mode: FailureMode,
    *,
    condition: Callable[[PolicyCondition], object],
    counter: Callable[[Counter], object],
    complaints: Callable[[HostProgram, FailureMode], Iterable[Complaint]],
    responds: bool = False,
) -> tuple[Unsupported, ...]:
    """Return everything that cannot be said, each once.

    ``condition`` and ``counter`` raise ``InexpressibleError``. ``complaints`` are those about a host as a
    whole; they are not looked for in what is wrong already, so a host counts only for policies that are sound
    in themselves. With ``responds`` the module can be told what to tell clients, what a request costs, how
    one is marked that is over a soft limit, what becomes of one without an answer of the service, and what
    it counts by itself.
    """
    policies = tuple(policies)
    found = {one for policy in policies for one in _of_policy(policy, condition, counter)}
    if not responds:
        found |= {
            one
            for policy in policies
            for of_policy in (_of_response, _of_costs, _of_soft_limits, _of_fallbacks, _of_scopes)
            for one in of_policy(policy)
        }
    unsound = {one.policy for one in found}
    for host in hosts:
        unsaid = tuple(_unsaid(host, condition, counter))
        # What a limit asks for in itself comes first; mostly it was found with its policy.
        for complaint in unsaid or complaints(host, failure_mode):
            if complaint.policies.isdisjoint(unsound):
                reason = f"{complaint.reason}, host name {host.hostname}"
                found |= {Unsupported(policy, "spec", reason) for policy in complaint.policies}
    return tuple(sorted(found))


def _unsaid(
    host: HostProgram, condition: Callable[[PolicyCondition], object], counter: Callable[[Counter], object]
) -> Iterator[Complaint]:
    actions = dict.fromkeys(action for rule in host.rules for action in rule.actions)
    for limit in dict.fromkeys(limit for action in actions for limit in action.limits):
        try:
            for one in limit.when:
                condition(one)
            for each in limit.counters:
                counter(each)
        except InexpressibleError as error:
            yield Complaint(frozenset(limit.sources), f"{error}, limit {limit.key}")


def _of_policy(
    policy: Policy, condition: Callable[[PolicyCondition], object], counter: Callable[[Counter], object]
) -> Iterator[Unsupported]:
    for place, one in zip(policy.condition_places, policy.conditions, strict=True):
        yield from _try(policy, (*place, *_end(one)), condition, one)
    for limit in policy.limits:
        field: Path = ("limits", limit.name)
        for index, one in enumerate(limit.when):
            yield from _try(policy, (*field, "when", index, *_end(one)), condition, one)
        for index, each in enumerate(limit.counters):
            yield from _try(policy, (*field, "counters", index, *_end(each)), counter, each)
        if limit.cost is not None:
            yield from _try(policy, (*field, "cost"), counter, limit.cost)


def _of_response(policy: Policy) -> Iterator[Unsupported]:
    response = policy.response or Response()
    told = "it hands on what the rate limit service says, whatever policies say of it"
    for name, is_asked, reason in (
        ("headers", response.headers is not None, told),
        ("retryAfter", response.retry_after is False, told),
        ("overLimit", response.over_limit is not None, "it answers every such request in the same way"),
        ("preflights", response.preflights == "Exempt", "it counts preflights as all requests"),
    ):
        if is_asked:
            yield Unsupported(policy.key, spelled((*policy.field, "response", name)), reason)


def _of_costs(policy: Policy) -> Iterator[Unsupported]:
    for limit in policy.limits:
        if limit.cost is not None:
            field = spelled((*policy.field, "limits", limit.name, "cost"))
            yield Unsupported(policy.key, field, "it counts each request once")


def _of_soft_limits(policy: Policy) -> Iterator[Unsupported]:
    for limit in policy.limits:
        if limit.signals:
            field = spelled((*policy.field, "limits", limit.name))
            yield Unsupported(policy.key, field, "it marks no request that is over a soft limit (mode Soft)")


def _of_fallbacks(policy: Policy) -> Iterator[Unsupported]:
    for limit in policy.limits:
        if limit.fallback is not None:
            field = spelled((*policy.field, "limits", limit.name, "fallback"))
            reason = "without an answer it does as the failure mode of the installation says, for all limits"
            yield Unsupported(policy.key, field, reason)


def _of_scopes(policy: Policy) -> Iterator[Unsupported]:
    for limit in policy.limits:
        if limit.counted_by_gateways:
            field = spelled((*policy.field, "limits", limit.name, "scope"))
            yield Unsupported(policy.key, field, "it counts nothing by itself (scope Gateway)")


def _end(part: PolicyCondition | Counter) -> Path:
    """The field that says it, as policies spell it."""
    match part:
        case ExpressionCondition():
            return ("predicate",)
        case ExpressionCounter():
            return ("expression",)
        case SelectorCondition():
            return ("selector",)
        case _:
            return ()


def _try(policy: Policy, field: Path, say: Callable[[_Part], object], part: _Part) -> Iterator[Unsupported]:
    try:
        say(part)
    except InexpressibleError as error:
        yield Unsupported(policy.key, spelled((*policy.field, *field)), str(error))
