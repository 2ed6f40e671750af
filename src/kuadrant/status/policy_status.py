"""The conditions of a RateLimitPolicy, in Kuadrant's words, said only when they are known to be so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from kuadrant.api.meta import Condition
from kuadrant.status.gateway_evidence import Part

if TYPE_CHECKING:
    from kuadrant.compiler.policy_facts import PolicyFacts
    from kuadrant.status.gateway_evidence import Evidence


class PolicyStatus(Struct, frozen=True, gc=False):
    """The status of one policy. ``Enforced`` is absent as long as the policy is not accepted.

    Attributes:
        namespace: The policy's namespace.
        name: The policy's name.
        conditions: Those that are to be written.
        waiting: It is not enforced yet, but is about to be if nothing comes between.
        last_accepted: The generation and the spec of the form that is in effect; None if there is none, or
            if it is too large to be kept.
    """

    namespace: str
    name: str
    conditions: tuple[Condition, ...]
    waiting: bool = False
    last_accepted: tuple[int, str] | None = None


def policy_status(facts: PolicyFacts, evidence: Evidence) -> PolicyStatus:
    """Return the status of a policy, given what is known of its gateways."""
    namespace, name, acceptance = facts.policy.namespace, facts.policy.name, facts.acceptance
    if evidence.missing:
        # Kuadrant asks for a restart here; nothing has to be restarted.
        message = f"[{', '.join(evidence.missing)}] is not installed"
        condition = _condition("Accepted", "MissingDependency", message, holds=False)
        return PolicyStatus(namespace, name, (condition,))
    is_accepted = acceptance.reason == "Accepted"
    accepted = _condition("Accepted", acceptance.reason, acceptance.message, holds=is_accepted)
    if not is_accepted:
        return PolicyStatus(namespace, name, (accepted,))
    if (obstacle := _obstacle(facts, evidence)) is not None:
        return PolicyStatus(namespace, name, (accepted, obstacle))
    if waiting := _awaited(facts, evidence):
        message = f"RateLimitPolicy waiting for the following components to sync: [{' '.join(waiting)}]"
        return PolicyStatus(namespace, name, (accepted, _not_enforced("Unknown", message)), waiting=True)
    how = "successfully" if facts.whole_paths == facts.paths else "partially"
    enforced = _condition("Enforced", "Enforced", f"RateLimitPolicy has been {how} enforced", holds=True)
    return PolicyStatus(namespace, name, (accepted, enforced))


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
    """What is not there yet at the policy's gateways, each once."""
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
    return _condition("Enforced", reason, message, holds=False)


def _condition(
    type_: Literal["Accepted", "Enforced"], reason: str, message: str, *, holds: bool
) -> Condition:
    return Condition(type=type_, status="True" if holds else "False", reason=reason, message=message)
