"""Finds the expressions of policies that the project's own module cannot be told."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kuadrant.api.problem import spelled
from kuadrant.api.response import Response
from kuadrant.compiler.program import HostProgram
from kuadrant.dialects.dialect import InexpressibleError, Unsupported
from kuadrant.dialects.official.inexpressible_parts import unsupported
from kuadrant.dialects.own.answers import unsayable
from kuadrant.expressions import programs
from kuadrant.incremental import OfEach
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter
from kuadrant.policy.identity_source import PATH
from kuadrant.policy.model import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kuadrant.policy.condition import Counter, PolicyCondition
    from kuadrant.policy.failure_mode import FailureMode


def _check(part: PolicyCondition | Counter, *, by_itself: bool) -> None:
    """Check that the module can have ``part`` evaluated: ``by_itself``, or by the gateway.

    Raises:
        InexpressibleError: Neither of them evaluates it.
    """
    if not isinstance(part, ExpressionCondition | ExpressionCounter):
        return
    reason = programs.why_not_at_host(part.expression)
    if reason and by_itself:
        counts = isinstance(part, ExpressionCounter)
        by_itself = (programs.value if counts else programs.predicate)(part.expression) is not None
    if reason and not by_itself:
        raise InexpressibleError(f"the gateway that it asks does not evaluate the expression: {reason}")


def _of_each(*, by_itself: bool) -> Callable[..., tuple[Unsupported, ...]]:
    check = partial(_check, by_itself=by_itself)
    of_policy = OfEach[Policy, tuple[Unsupported, ...]](
        lambda policy: unsupported(
            (policy,), (), "deny", condition=check, counter=check, complaints=_nothing, responds=by_itself
        )
    )

    def found(
        policies: Iterable[Policy], hosts: Iterable[HostProgram], _failure_mode: FailureMode
    ) -> tuple[Unsupported, ...]:
        policies = tuple(policies)
        of_answers = (one for policy in policies for one in _answers(policy)) if by_itself else ()
        of_hosts = () if by_itself else (one for host in hosts for one in _identities(host))
        return (
            *(one for policy in policies for one in of_policy(policy)),
            *of_answers,
            *dict.fromkeys(of_hosts),
        )

    return found


_answers = OfEach[Policy, tuple[Unsupported, ...]](
    lambda policy: tuple(
        Unsupported(policy.key, spelled((*policy.field, "response", "overLimit", *field)), reason)
        for response in (policy.response or Response(),)
        if response.over_limit is not None
        for field, reason in unsayable(response.over_limit)
    )
)

_identities = OfEach[HostProgram, tuple[Unsupported, ...]](
    lambda host: tuple(
        Unsupported(source, "spec", f"it does not know who a request is from ({'.'.join(PATH)})")
        for rule in host.rules
        for action in rule.actions
        for limit in action.limits
        if limit.identity is not None
        for source in limit.sources
    )
)


def _nothing(_host: HostProgram, _failure_mode: FailureMode) -> tuple[()]:
    return ()


unsupported_by_programs = _of_each(by_itself=True)
"""What neither the module nor the gateway evaluates."""
unsupported_by_gateways = _of_each(by_itself=False)
"""What the gateway does not evaluate."""
