"""What is known of gateways that are configured through a provider's objects, as evidence for policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.status.policy import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Content(Struct, frozen=True, gc=False):
    """What a filter of a gateway runs, or is to run: the SHA-256 of the module and the version of its configuration."""

    sha256: str
    configuration: str


class Delivery(Struct, frozen=True, gc=False, kw_only=True):
    """What is known of one filter of one pod; times are in seconds since 1970.

    It has ``asked`` for it, and ``running`` is what the pod has said last that it took, at ``since``; None if it has not said so to anyone who
    is there. ``refused`` is what it refused last, with Envoy's words for it, at ``refused_at``: what ran before runs on.
    """

    filter: str
    asked: float = 0.0
    running: Content | None = None
    since: float = 0.0
    refused: Content | None = None
    refusal: str = ""
    refused_at: float = 0.0


class PodState(Struct, frozen=True, kw_only=True):
    """What is known of one pod of a gateway, as ``namespace/name``; one that is not ``ready`` gets no requests."""

    pod: str
    ready: bool
    deliveries: tuple[Delivery, ...] = ()


class GatewayState(Struct, frozen=True, gc=False, kw_only=True):
    """What is known of one gateway, as ``namespace/name``, about the very configuration that is to be enforced.

    ``missing`` are the kinds of objects that are not in place yet. ``module`` was proven when its address gave its bytes, ``push``
    when the push server's address answered (each only where the gateway needs it),
    ``limits`` are held when the rate limit service has said so, and the provider has ``accepted`` the objects when it says so
    or has no way to say. ``refused`` are the words of whoever cannot carry the configuration out.

    A gateway that asks us for its configuration says what became of it: ``wanted`` is what each of its filters is to run, and
    ``pods`` are its pods. ``wanted`` is None for one that does not ask.
    """

    gateway: str
    missing: tuple[str, ...] = ()
    module: bool
    push: bool = True
    limits: bool
    accepted: bool
    refused: str = ""
    wanted: dict[str, Content] | None = None
    pods: tuple[PodState, ...] = ()


def evidence(
    states: Iterable[GatewayState], *, installed: bool = True, missing: tuple[str, ...] = ()
) -> Evidence:
    """Return what ``states`` prove; ``installed`` tells whether there is a Kuadrant, ``missing`` what the cluster lacks."""
    states = tuple(states)
    awaited = {state.gateway: tuple(awaited_parts(state)) for state in states}
    refused = {state.gateway: words for state in states if (words := _refused(state))}
    return Evidence(
        acknowledged=frozenset(
            gateway for gateway, parts in awaited.items() if not parts and gateway not in refused
        ),
        refused=refused,
        awaited=awaited,
        installed=installed,
        missing=missing,
    )


def awaited_parts(state: GatewayState) -> Iterator[str]:
    """Yield the parts that are not there yet, in the order in which they come to be."""
    if not state.limits:
        yield "Limitador"
    if not state.module:
        yield "wasm-shim"
    if not state.push and state.missing:
        # Once a gateway asks, its pods know better.
        yield "push"
    for kind in state.missing:
        yield f"{kind} ({state.gateway})"
    if state.missing:
        return
    if not state.accepted or (state.wanted is not None and not any(pod.ready for pod in state.pods)):
        yield f"Gateway ({state.gateway})"
    elif state.wanted is not None:
        yield from (f"Pod ({pod.pod})" for pod in undelivered(state.wanted, state.pods))


def undelivered(wanted: dict[str, Content], pods: Iterable[PodState]) -> tuple[PodState, ...]:
    """Return those of ``pods`` that get requests and have not said of everything ``wanted`` that they took it."""
    return tuple(pod for pod in pods if pod.ready and not _runs(pod, wanted))


def _runs(pod: PodState, wanted: dict[str, Content]) -> bool:
    running = {delivery.filter: delivery.running for delivery in pod.deliveries}
    return all(running.get(name) == content for name, content in wanted.items())


def _refused(state: GatewayState) -> str:
    """Why the configuration is not carried out, in the words of whoever does not; empty if nobody has refused it."""
    if state.refused or state.wanted is None:
        return state.refused
    refusals = (
        f"pod {pod.pod} keeps what it had and refuses what is wanted: {delivery.refusal}"
        for pod in state.pods
        if pod.ready
        for delivery in pod.deliveries
        if delivery.refused is not None and delivery.refused == state.wanted.get(delivery.filter)
        if delivery.running != delivery.refused
    )
    return "; ".join(refusals)
