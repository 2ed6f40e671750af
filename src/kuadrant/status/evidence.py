"""What is known of gateways that are configured through a provider's objects, as evidence for policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.status.policy import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class GatewayState(Struct, frozen=True, gc=False, kw_only=True):
    """What is known of one gateway, as ``namespace/name``, about the very configuration that is to be enforced.

    ``missing`` are the kinds of objects that are not in place yet. ``module`` was proven when its address gave its bytes,
    ``limits`` are held when the rate limit service has said so, and the provider has ``accepted`` the objects when it says so
    or has no way to say. ``refused`` are the words of whoever cannot carry the configuration out.
    """

    gateway: str
    missing: tuple[str, ...] = ()
    module: bool
    limits: bool
    accepted: bool
    refused: str = ""


def evidence(states: Iterable[GatewayState], *, installed: bool = True) -> Evidence:
    """Return what ``states`` prove; ``installed`` tells whether there is a Kuadrant."""
    states = tuple(states)
    awaited = {state.gateway: tuple(_awaited(state)) for state in states}
    refused = {state.gateway: state.refused for state in states if state.refused}
    return Evidence(
        acknowledged=frozenset(
            gateway for gateway, parts in awaited.items() if not parts and gateway not in refused
        ),
        refused=refused,
        awaited=awaited,
        installed=installed,
    )


def _awaited(state: GatewayState) -> Iterator[str]:
    """The parts that are not there yet, in the order in which they come to be."""
    if not state.limits:
        yield "Limitador"
    if not state.module:
        yield "wasm-shim"
    for kind in state.missing:
        yield f"{kind} ({state.gateway})"
    if not state.missing and not state.accepted:
        yield f"Gateway ({state.gateway})"
