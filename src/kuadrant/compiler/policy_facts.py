"""The outcome of each policy in one compilation.

All that is known of it before anything reaches a gateway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.api.problem import spelled
from kuadrant.policy.model import Policy, Problem
from kuadrant.policy.policy_acceptance import TARGET_NAME, Acceptance

if TYPE_CHECKING:
    from collections.abc import Container

    from kuadrant.compiler.path_counts import Paths
    from kuadrant.policy.policy_check import CheckedPolicy


class PolicyFacts(Struct, frozen=True, gc=False):
    """One policy and how it fares on the paths that it is for.

    A path is one rule of a route under one listener of a gateway. On ``whole_paths`` of ``paths`` all limits
    of the policy are in effect, on ``partial_paths`` some; on the rest, policies of ``overridden_by`` took
    their place. ``gateways`` are those with a path where at least one limit is in effect. All names are
    ``namespace/name``.
    """

    policy: Policy
    acceptance: Acceptance
    paths: int = 0
    whole_paths: int = 0
    partial_paths: int = 0
    gateways: tuple[str, ...] = ()
    overridden_by: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def policy_facts(
    policy: Policy,
    acceptance: Acceptance,
    checked: CheckedPolicy,
    paths: Paths,
    beside: Container[str] = (),
) -> PolicyFacts:
    """The facts of ``policy``, from its ``paths`` in all gateways.

    ``beside`` it are those of the same target.
    """
    problems = list(checked.problems)
    if rivals := [winner for winner in sorted(paths.winners) if winner in beside]:
        problems.append(_warning(policy, "spec.targetRef.name", _rivalry(rivals, paths), "same-target"))
    if acceptance.reason != "Accepted" and not checked.refusal:
        message = acceptance.message
        if acceptance.reason == "TargetNotFound" and acceptance.field == TARGET_NAME:
            # Kuadrant's words, which do not tell where it is looked for.
            message += f" in namespace {policy.namespace}"
        code = _IDLE[acceptance.reason]
        problems.append(_warning(policy, acceptance.field, f"not in effect: {message}", code))
    problems += (
        _warning(
            policy,
            spelled((*policy.field, "limits", limit.name, "routeSelectors")),
            "they select nothing: the limit limits nothing",
            "selects-nothing",
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
        problems=tuple(sorted(problems)),
    )


_IDLE: Final = {
    "TargetNotFound": "target-not-found",
    "Conflicted": "conflicted",
    "Invalid": "target-elsewhere",
    "Unsupported": "unsupported",
}
"""The name of the kind of problem that a policy has which does not take part, by the reason."""


def _rivalry(rivals: list[str], paths: Paths) -> str:
    extent = "some of its limits are" if paths.whole or paths.partial else "none of its limits is"
    return (
        f"{' and '.join(rivals)} has the same target and wins, so {extent} in effect: have one policy for a "
        "target, or defaults with strategy merge and limits of different names"
    )


def _warning(policy: Policy, field: str, message: str, code: str) -> Problem:
    return Problem("warning", "RateLimitPolicy", policy.namespace, policy.name, field, message, code)
