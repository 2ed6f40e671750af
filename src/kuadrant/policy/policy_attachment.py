"""Attaches policies to gateways, listeners, routes and rules, and tells why others are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from kuadrant.policy.model import GATEWAY_API, Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.api.gateway import Gateway
    from kuadrant.policy.route import Route


class Acceptance(Struct, frozen=True, gc=False):
    """The answer whether a policy takes part, with reason and words of its condition ``Accepted``.

    ``Unsupported`` is one that the module at the gateways cannot be told (``kuadrant.dialects``); the others
    follow from the objects. ``field`` is the one of the policy that it is about, if it is not accepted.
    """

    reason: Literal["Accepted", "TargetNotFound", "Conflicted", "Invalid", "Unsupported"]
    message: str
    field: str = "spec.targetRef.name"


class AttachedPolicies:
    """The accepted policies of each target, by age, and the acceptance of every policy."""

    def __init__(
        self,
        policies: Iterable[Policy],
        gateways: Iterable[Gateway],
        routes: Iterable[Route],
        refused: Mapping[str, str] | None = None,
    ) -> None:
        """Decide for all of ``policies``; those of ``refused``, with the reason, are wrong in themselves."""
        self._refused = refused or {}
        sections: dict[tuple[str, str], frozenset[str]] = {}
        for gateway in gateways:
            key = f"{gateway.metadata.namespace}/{gateway.metadata.name}"
            sections["Gateway", key] = frozenset(listener.name for listener in gateway.spec.listeners)
        for route in routes:
            sections[route.kind, route.key] = frozenset(rule.name for rule in route.rules)
        self.acceptance: dict[str, Acceptance] = {}
        self._by_target: dict[tuple[str, str, str | None], list[Policy]] = {}
        for policy in sorted(policies, key=lambda policy: policy.age):
            acceptance = self._accept(policy, sections)
            self.acceptance[policy.key] = acceptance
            if acceptance.reason == "Accepted":
                self._by_target.setdefault(_target(policy), []).append(policy)

    def on(self, kind: str, key: str, section: str | None = None) -> tuple[Policy, ...]:
        """The policies of one target, the oldest first; those of its sections are not among them."""
        return tuple(self._by_target.get((kind, key, section), ()))

    def _accept(self, policy: Policy, sections: Mapping[tuple[str, str], frozenset[str]]) -> Acceptance:
        target = policy.target
        if (reason := self._refused.get(policy.key)) is not None:
            return Acceptance("Invalid", f"RateLimitPolicy cannot be carried out: {reason}")
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
            message = (
                f'RateLimitPolicy target {target.name} was not found: it has no section "{target.section}"'
            )
            return Acceptance("TargetNotFound", message, "spec.targetRef.sectionName")
        holder = next((other for other in self.on(*_target(policy)) if other.exclusive), None)
        if policy.exclusive and holder is not None:
            return Acceptance(
                "Conflicted",
                f"RateLimitPolicy is conflicted by {holder.key}: the {GATEWAY_API}/v1, Kind={target.kind} "
                f"target {target.key} is already referenced by policy {holder.key}",
            )
        return Acceptance("Accepted", "RateLimitPolicy has been accepted")


def _target(policy: Policy) -> tuple[str, str, str | None]:
    return (policy.target.kind, policy.target.key, policy.target.section)
