"""Decides whether a policy is accepted: its target is there, and no older policy holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from kuadrant.policy.model import GATEWAY_API

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.policy.model import Policy


TARGET_NAME: Final = "spec.targetRef.name"


class Acceptance(Struct, frozen=True, gc=False):
    """The answer whether a policy takes part, with reason and words of its condition ``Accepted``.

    ``Unsupported`` is one that the module at the gateways cannot be told (``kuadrant.dialects``); the others
    follow from the objects. ``field`` is the one of the policy that it is about, if it is not accepted.
    """

    reason: Literal["Accepted", "TargetNotFound", "Conflicted", "Invalid", "Unsupported"]
    message: str
    field: str = TARGET_NAME


def accepted(
    policy: Policy,
    sections: Mapping[tuple[str, str], frozenset[str]],
    older: Iterable[Policy],
    *,
    refused: str | None = None,
) -> Acceptance:
    """Decide whether a policy takes part.

    Args:
        policy: The policy.
        sections: The Gateways and routes that there are, by kind and key, with the names of their sections.
        older: The accepted policies of the same target: where only one can have it, the oldest has.
        refused: Why the policy is wrong in itself; None if it is not.
    """
    target = policy.target
    if refused is not None:
        return Acceptance("Invalid", f"RateLimitPolicy cannot be carried out: {refused}")
    if target.namespace != policy.namespace:
        return Acceptance(
            "Invalid",
            f"RateLimitPolicy target is invalid: invalid targetRef.Namespace {target.namespace}. "
            "Currently only supporting references to the same namespace",
            "spec.targetRef.namespace",
        )
    known = sections.get((target.kind, target.key))
    if known is None:
        return Acceptance("TargetNotFound", f"RateLimitPolicy target {target.name} was not found")
    if target.section is not None and target.section not in known:
        message = f'RateLimitPolicy target {target.name} was not found: it has no section "{target.section}"'
        return Acceptance("TargetNotFound", message, "spec.targetRef.sectionName")
    holder = next((other for other in older if other.exclusive), None)
    if policy.exclusive and holder is not None:
        return Acceptance(
            "Conflicted",
            f"RateLimitPolicy is conflicted by {holder.key}: the {GATEWAY_API}/v1, Kind={target.kind} "
            f"target {target.key} is already referenced by policy {holder.key}",
        )
    return Acceptance("Accepted", "RateLimitPolicy has been accepted")
