"""Attaches policies to gateways, listeners, routes and rules, and tells why others are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.policy.policy_acceptance import Acceptance, accepted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.api.gateway import Gateway
    from kuadrant.policy.model import Policy
    from kuadrant.policy.route import Route


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
        sections: dict[tuple[str, str], frozenset[str]] = {}
        for gateway in gateways:
            key = f"{gateway.metadata.namespace}/{gateway.metadata.name}"
            sections["Gateway", key] = frozenset(listener.name for listener in gateway.spec.listeners)
        for route in routes:
            sections[route.kind, route.key] = frozenset(rule.name for rule in route.rules)
        self.acceptance: dict[str, Acceptance] = {}
        self._by_target: dict[tuple[str, str, str | None], list[Policy]] = {}
        for policy in sorted(policies, key=lambda policy: policy.age):
            acceptance = accepted(
                policy, sections, self.on(*_target(policy)), refused=(refused or {}).get(policy.key)
            )
            self.acceptance[policy.key] = acceptance
            if acceptance.reason == "Accepted":
                self._by_target.setdefault(_target(policy), []).append(policy)

    def on(self, kind: str, key: str, section: str | None = None) -> tuple[Policy, ...]:
        """The policies of one target, the oldest first; those of its sections are not among them."""
        return tuple(self._by_target.get((kind, key, section), ()))


def _target(policy: Policy) -> tuple[str, str, str | None]:
    return (policy.target.kind, policy.target.key, policy.target.section)
