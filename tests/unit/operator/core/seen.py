"""What is decided for a gateway and what is seen of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.operator.core.decision import GatewayDecision
from kuadrant.status import GatewayState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from kuadrant.compiler.program import GatewayProgram
    from kuadrant.gateways.provider import GatewayObjects
    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.version_arrivals import Arrivals


def seen(
    program: GatewayProgram | None, objects: GatewayObjects, applied: GatewayObjects | None, **state: Any
) -> tuple[GatewayDecision, GatewayState]:
    """A gateway at which ``applied`` is there; ``state`` is what else is known of it."""
    missing = () if applied is objects else ("WasmPlugin",)
    return (
        GatewayDecision(provider=None, wanted=objects, program=program),
        GatewayState(gateway="ns/gw", missing=missing, applied=applied, **state),
    )


def note(
    arrivals: Arrivals,
    wanted: Mapping[Key, tuple[GatewayProgram, GatewayObjects]],
    arrived: Collection[Key],
    now: float,
    **state: Any,
) -> None:
    """Have noted that of what is ``wanted`` all is in place only where it ``arrived``."""
    both = {
        key: seen(program, objects, objects if key in arrived else None, **state)
        for key, (program, objects) in wanted.items()
    }
    decisions = {key: decision for key, (decision, _) in both.items()}
    arrivals.note(decisions, {key: one for key, (_, one) in both.items()}, now)
