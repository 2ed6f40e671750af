"""What became of each policy in one compilation: all that is known of it before anything reaches a gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.problem import spelled
from kuadrant.policy.attachment import Acceptance
from kuadrant.policy.model import Policy, Problem

if TYPE_CHECKING:
    from kuadrant.compiler.paths import Paths
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


def policy_facts(policy: Policy, acceptance: Acceptance, checked: CheckedPolicy, paths: Paths) -> PolicyFacts:
    """The facts of ``policy``, from its ``paths`` in all gateways."""
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
        if paths.effective.get(limit.name) and not paths.selected.get(limit.name)
    )
    return PolicyFacts(
        policy=policy,
        acceptance=acceptance,
        paths=paths.all,
        whole_paths=paths.whole,
        partial_paths=paths.partial,
        gateways=tuple(sorted(paths.gateways)),
        overridden_by=tuple(sorted(paths.winners)),
        undecidable=tuple(f"{problem.field}: {problem.message}" for problem in checked.reasons),
        problems=tuple(sorted(problems)),
    )


def _warning(policy: Policy, field: str, message: str) -> Problem:
    return Problem("warning", "RateLimitPolicy", policy.namespace, policy.name, field, message)
