"""The conditions of a RateLimitPolicy, in Kuadrant's words, said only when they are known to be so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.meta import Condition
from kuadrant.status.enforced_condition import enforced_condition
from kuadrant.status.remark import Remark

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
        remarks: What its author ought to look at, the gravest first.
    """

    namespace: str
    name: str
    conditions: tuple[Condition, ...]
    waiting: bool = False
    last_accepted: tuple[int, str] | None = None
    remarks: tuple[Remark, ...] = ()


def policy_status(facts: PolicyFacts, evidence: Evidence) -> PolicyStatus:
    """Return the status of a policy, given what is known of its gateways."""
    namespace, name, acceptance = facts.policy.namespace, facts.policy.name, facts.acceptance
    if evidence.missing:
        # Kuadrant asks for a restart here; nothing has to be restarted.
        message = f"[{', '.join(evidence.missing)}] is not installed"
        condition = _condition("MissingDependency", message, holds=False)
        return PolicyStatus(namespace, name, (condition,))
    is_accepted = acceptance.reason == "Accepted"
    accepted = _condition(acceptance.reason, acceptance.message, holds=is_accepted)
    if not is_accepted:
        return PolicyStatus(namespace, name, (accepted,))
    enforced, waiting = enforced_condition(facts, evidence)
    return PolicyStatus(namespace, name, (accepted, enforced), waiting=waiting)


def _condition(reason: str, message: str, *, holds: bool) -> Condition:
    return Condition(type="Accepted", status="True" if holds else "False", reason=reason, message=message)
