"""What became of each policy in one compilation: all that is known of it before anything reaches a gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.problem import spelled
from kuadrant.policy.attachment import Acceptance
from kuadrant.policy.model import Policy, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kuadrant.compiler.route_piece import PolicyOutcome, RoutePiece
    from kuadrant.policy.attachment import AttachedPolicies
    from kuadrant.policy.checks import CheckedPolicy


class PolicyFacts(Struct, frozen=True, gc=False):
    """One policy and how it fares on the paths that it is for.

    A path is one rule of a route under one listener of a gateway. On ``whole_paths`` of ``paths`` all limits of the policy
    are in effect, on ``partial_paths`` some; on the rest, policies of ``overridden_by`` took their place. ``gateways`` are
    those with a path where at least one limit is in effect. All names are ``namespace/name``. ``undecidable`` says which
    fields keep a limit from being evaluated, and why; such a limit follows the failure mode of the rate limit service.
    """

    policy: Policy
    acceptance: Acceptance
    paths: int = 0
    whole_paths: int = 0
    partial_paths: int = 0
    gateways: tuple[str, ...] = ()
    overridden_by: tuple[str, ...] = ()
    undecidable: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def policy_facts(
    policies: Iterable[Policy],
    attached: AttachedPolicies,
    checked: Mapping[str, CheckedPolicy],
    pieces: Iterable[RoutePiece],
) -> tuple[PolicyFacts, ...]:
    """The facts of all ``policies``, by namespace and name, from the pieces of all routes under all listeners."""
    outcomes: dict[str, list[PolicyOutcome]] = {}
    effective: set[tuple[str, str]] = set()
    selected: set[tuple[str, str]] = set()
    for piece in pieces:
        effective |= piece.effective
        selected |= piece.selected
        for outcome in piece.outcomes:
            outcomes.setdefault(outcome.policy, []).append(outcome)
    unselected = effective - selected
    return tuple(
        _facts_of(policy, attached, checked[policy.key], outcomes.get(policy.key, ()), unselected)
        for policy in sorted(policies, key=lambda policy: (policy.namespace, policy.name))
    )


def _facts_of(
    policy: Policy,
    attached: AttachedPolicies,
    checked: CheckedPolicy,
    outcomes: Sequence[PolicyOutcome],
    unselected: set[tuple[str, str]],
) -> PolicyFacts:
    acceptance = attached.acceptance[policy.key]
    problems = list(checked.problems)
    if acceptance.reason != "Accepted":
        problems.append(_warning(policy, "spec.targetRef", f"not in effect: {acceptance.message}"))
    problems += (
        _warning(
            policy,
            spelled((*policy.field, "limits", limit.name, "routeSelectors")),
            "they select nothing: the limit limits nothing",
        )
        for limit in policy.limits
        if (policy.key, limit.name) in unselected
    )
    return PolicyFacts(
        policy=policy,
        acceptance=acceptance,
        paths=len(outcomes),
        whole_paths=sum(outcome.whole for outcome in outcomes),
        partial_paths=sum(outcome.kept > 0 and not outcome.whole for outcome in outcomes),
        gateways=tuple(sorted({outcome.gateway for outcome in outcomes if outcome.kept})),
        overridden_by=tuple(
            sorted({winner for outcome in outcomes if not outcome.whole for winner in outcome.winners})
        ),
        undecidable=tuple(f"{problem.field}: {problem.message}" for problem in checked.reasons),
        problems=tuple(sorted(problems)),
    )


def _warning(policy: Policy, field: str, message: str) -> Problem:
    return Problem("warning", "RateLimitPolicy", policy.namespace, policy.name, field, message)
