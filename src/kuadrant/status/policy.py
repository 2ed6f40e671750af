"""The conditions of a RateLimitPolicy: types, reasons and messages are Kuadrant's, said only when they are known to be so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from kuadrant.api.meta import Condition

if TYPE_CHECKING:
    from kuadrant.compiler.facts import PolicyFacts


_WAITING = "RateLimitPolicy waiting for the following components to sync:"


class Evidence(Struct, frozen=True):
    """What gateways, as ``namespace/name``, have said of the very configuration that the facts are from.

    ``acknowledged`` have taken it on every one of their instances; ``refused`` have not, with their words for it. For the
    others ``awaited`` names what is not there yet. Without anything ``installed`` nothing is enforced. ``missing`` are the names of
    what the cluster does not have, without which no policy is accepted.
    """

    acknowledged: frozenset[str] = frozenset()
    refused: dict[str, str] = field(default_factory=dict)
    awaited: dict[str, tuple[str, ...]] = field(default_factory=dict)
    installed: bool = True
    missing: tuple[str, ...] = ()


class PolicyStatus(Struct, frozen=True, gc=False):
    """The status of one policy. ``Enforced`` is absent as long as the policy is not accepted.

    ``waiting`` tells that it is not enforced yet, but is about to be if nothing comes between.
    """

    namespace: str
    name: str
    conditions: tuple[Condition, ...]
    waiting: bool = False


def policy_status(facts: PolicyFacts, evidence: Evidence) -> PolicyStatus:
    """What is to be said of a policy, given what is known of its gateways."""
    if evidence.missing:
        # Kuadrant asks for a restart here; nothing has to be restarted.
        message = f"[{', '.join(evidence.missing)}] is not installed"
        condition = _condition("Accepted", "MissingDependency", message, holds=False)
        return PolicyStatus(facts.policy.namespace, facts.policy.name, (condition,))
    accepted = facts.acceptance.reason == "Accepted"
    conditions = [_condition("Accepted", facts.acceptance.reason, facts.acceptance.message, holds=accepted)]
    if accepted and not evidence.installed:
        message = "kuadrant is not installed, please create resource"
        conditions.append(_not_enforced("MissingResource", message))
    elif accepted:
        conditions.append(_enforced(facts, evidence))
    waiting = conditions[-1].message.startswith(_WAITING)
    return PolicyStatus(facts.policy.namespace, facts.policy.name, tuple(conditions), waiting)


def _enforced(facts: PolicyFacts, evidence: Evidence) -> Condition:
    """The first of these that is so: no path, overridden everywhere, cannot be evaluated, not (yet) at the gateways, enforced."""
    if facts.paths == 0:
        return _not_enforced("Unknown", _no_path(facts))
    if facts.whole_paths == facts.partial_paths == 0:
        winners = " ".join(facts.overridden_by)
        return _not_enforced("Overridden", f"RateLimitPolicy is overridden by [{winners}]")
    if facts.undecidable:
        return _not_enforced("InvalidCelExpression", f"validation issues: {'; '.join(facts.undecidable)}")
    refused = [
        f"gateway {name}: {evidence.refused[name]}" for name in facts.gateways if name in evidence.refused
    ]
    if refused:
        return _not_enforced("Unknown", _issues("; ".join(refused)))
    waiting = dict.fromkeys(
        part
        for name in facts.gateways
        if name not in evidence.acknowledged
        for part in evidence.awaited.get(name) or (f"Gateway ({name})",)
    )
    if waiting:
        return _not_enforced("Unknown", f"{_WAITING} [{' '.join(waiting)}]")
    how = "successfully" if facts.whole_paths == facts.paths else "partially"
    return _condition("Enforced", "Enforced", f"RateLimitPolicy has been {how} enforced", holds=True)


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
