"""The condition of our own by which a policy that is enforced tells how that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kuadrant.api.meta import Condition

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from kuadrant.compiler import PolicyFacts
    from kuadrant.status.policy_status import PolicyStatus

ACKNOWLEDGED: Final = "kuadrant.io/Acknowledged"


def with_acknowledgement(status: PolicyStatus, facts: PolicyFacts, silent: AbstractSet[str]) -> PolicyStatus:
    """Return ``status`` with the gateways' own word on it, if it says that the policy is enforced.

    ``silent`` are the gateways, as ``namespace/name``, that pull: nobody hears what they run, and it is
    Unknown.
    """
    if not any(one.type == "Enforced" and one.status == "True" for one in status.conditions):
        return status
    silent_ones = [name for name in facts.gateways if name in silent]
    if silent_ones:
        condition = Condition(
            type=ACKNOWLEDGED,
            status="Unknown",
            reason="NotTold",
            message=f"the pods of [{' '.join(silent_ones)}] pull, and do not tell what they run",
        )
    else:
        condition = Condition(
            type=ACKNOWLEDGED,
            status="True",
            reason="Acknowledged",
            message="every pod that gets requests has told that it runs what the policy asks for",
        )
    return replace(status, conditions=(*status.conditions, condition))
