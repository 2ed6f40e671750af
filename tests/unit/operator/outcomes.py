"""What becomes of decisions about the gateway of the example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kuadrant.status import GatewayState
from tests.unit.operator.example import GATEWAY

if TYPE_CHECKING:
    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.decision import Decision


def outcome(**known: Any) -> GatewayState:
    """All is in place, but for what is given."""
    return GatewayState(gateway="/".join(GATEWAY), **known)


def of(decision: Decision, known: GatewayState) -> dict[Key, GatewayState]:
    """The state of the gateway, with what is awaited or wrong by the decision itself."""
    one = decision.gateways[GATEWAY]
    refused = one.wanted.problem or known.refused
    return {GATEWAY: replace(known, awaited=one.lacks, refused=refused)}
