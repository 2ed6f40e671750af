"""Tells what became of each policy on the path to a rule, and of those that could be there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.explanation.origins import section_of
from kuadrant.explanation.record import OnPath
from kuadrant.policy.policy_precedence import takes_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kuadrant.compiler import RuleOrigin
    from kuadrant.explanation.origins import Origins
    from kuadrant.policy.model import Policy
    from kuadrant.policy.policy_precedence import EffectivePolicy


def on_path(
    policies: Sequence[Policy], effective: EffectivePolicy | None, origins: Origins
) -> Iterator[OnPath]:
    """Yield the policies of a path with the names of their limits that are in effect, and of the others."""
    winners = sorted(effective.sources) if effective else []
    entries = effective.limits if effective else ()
    for policy in policies:
        kept = {entry.limit.name for entry in entries if entry.source.key == policy.key}
        gone = tuple(limit.name for limit in policy.limits if limit.name not in kept)
        others = [winner for winner in winners if winner != policy.key]
        because = "" if policy.limits else "it has no limits"
        if takes_out(policy) and winners == [policy.key]:
            because = "it takes the route out of the policies of its Gateway"
        if gone and others:
            because = f"{' and '.join(others)} took {'their' if len(gone) > 1 else 'its'} place"
        yield _on_path(policy, origins, because=because, kept=tuple(sorted(kept)), gone=gone)


def elsewhere(origins: Origins, gateway: str, origin: RuleOrigin | None) -> Iterator[OnPath]:
    """Yield the policies for a rule's gateway or route that have no say in it, with why."""
    targets = {("Gateway", gateway)}
    on_the_path: set[str] = set()
    if origin is not None:
        targets.add((origin.kind, origin.route))
        on_the_path.update(policy.key for policy in origin.policies)
    for facts in origins.facts:
        policy, acceptance = facts.policy, facts.acceptance
        if (policy.target.kind, policy.target.key) not in targets or policy.key in on_the_path:
            continue
        accepted = acceptance.reason == "Accepted"
        yield _on_path(
            policy,
            origins,
            accepted=accepted,
            because=f"it is for {policy.target.section} alone" if accepted else acceptance.message,
            gone=tuple(limit.name for limit in policy.limits),
            applies=False,
        )


def _on_path(
    policy: Policy,
    origins: Origins,
    *,
    because: str,
    accepted: bool = True,
    applies: bool = True,
    kept: tuple[str, ...] = (),
    gone: tuple[str, ...] = (),
) -> OnPath:
    section = f", section {policy.target.section}" if policy.target.section else ""
    return OnPath(
        policy=policy.key,
        target=f"{policy.target.kind} {policy.target.key}{section}",
        section=section_of(policy),
        strategy=policy.strategy,
        origin=origins.of("RateLimitPolicy", policy.key, policy.field if applies else ("spec", "targetRef")),
        accepted=accepted,
        on_path=applies,
        because=because,
        kept=kept,
        gone=gone,
    )
