"""The condition Enforced of a policy: what is in its way, what it still waits for, or that it is so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.api.meta import Condition
from kuadrant.status.gateway_evidence import Part

if TYPE_CHECKING:
    from kuadrant.compiler.policy_facts import PolicyFacts
    from kuadrant.status.gateway_evidence import Evidence


def enforced_condition(facts: PolicyFacts, evidence: Evidence) -> tuple[Condition, bool]:
    """Say of an accepted policy whether the next request meets its limits, and whether it only waits.

    It is enforced if nothing is in its way and everything is there at each of its gateways.
    """
    if (obstacle := _obstacle(facts, evidence)) is not None:
        return obstacle, False
    if waiting := _awaited(facts, evidence):
        message = f"RateLimitPolicy waiting for the following components to sync: [{' '.join(waiting)}]"
        return _not_enforced("Unknown", message), True
    how = "successfully" if facts.whole_paths == facts.paths else "partially"
    message = f"RateLimitPolicy has been {how} enforced"
    return Condition(type="Enforced", status="True", reason="Enforced", message=message), False


def _obstacle(facts: PolicyFacts, evidence: Evidence) -> Condition | None:
    """The first of these that is so: nothing enforces, no path, overridden everywhere, refused."""
    if not evidence.installed:
        return _not_enforced("MissingResource", "kuadrant is not installed, please create resource")
    if facts.paths == 0:
        return _not_enforced("Unknown", _no_path(facts))
    if facts.whole_paths == facts.partial_paths == 0:
        winners = " ".join(facts.overridden_by)
        return _not_enforced("Overridden", f"RateLimitPolicy is overridden by [{winners}]")
    refused = [
        f"gateway {name}: {evidence.refused[name]}" for name in facts.gateways if name in evidence.refused
    ]
    return _not_enforced("Unknown", _issues("; ".join(refused))) if refused else None


def _awaited(facts: PolicyFacts, evidence: Evidence) -> tuple[str, ...]:
    """Return what is not there yet at the policy's gateways, each once."""
    parts = (
        part
        for name in facts.gateways
        if name not in evidence.acknowledged
        for part in evidence.awaited.get(name) or (Part.GATEWAY.of(name),)
    )
    return tuple(dict.fromkeys(parts))


def _no_path(facts: PolicyFacts) -> str:
    """The words differ between the versions, and policies that share no target are of the older one."""
    if not facts.policy.exclusive:
        return "RateLimitPolicy is not in the path to any existing routes"
    if facts.policy.target.kind == "Gateway":
        return _issues("no free routes to enforce policy")
    return _issues("the targeted route has not been accepted by any gateway parent")


def _issues(text: str) -> str:
    return f"RateLimitPolicy has encountered some issues: {text}"


def _not_enforced(reason: str, message: str) -> Condition:
    return Condition(type="Enforced", status="False", reason=reason, message=message)
