"""The evidence for policies that is had from gateways configured through a provider's objects.

Since when a gateway has what it was told is in ``operator/core/version_arrivals``.
"""

from __future__ import annotations

from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Part(StrEnum):
    """A thing that may be awaited beside the objects of a gateway; the values are its names in statuses."""

    LIMITS = "Limitador"
    MODULE = "wasm-shim"
    PUSH = "push"
    GATEWAY = "Gateway"
    POD = "Pod"

    def of(self, name: str) -> str:
        """Return the name of this part of something."""
        return f"{self} ({name})"


class Content(Struct, frozen=True, gc=False):
    """A filter's content, running or wanted: the SHA-256 of the module and its configuration's version."""

    sha256: str
    configuration: str


class FilterState(Struct, frozen=True, gc=False, kw_only=True):
    """Tells what one filter of one pod runs and refuses; times are in seconds since 1970.

    Attributes:
        filter: The filter's name.
        asked: When it asked.
        running: What the pod has said last that it took; None if it has not said so to anyone who is there.
        since: When it said that.
        refused: What it refused last; what ran before runs on.
        refusal: Envoy's words for that.
        refused_at: When it refused that.
    """

    filter: str
    asked: float = 0.0
    running: Content | None = None
    since: float = 0.0
    refused: Content | None = None
    refusal: str = ""
    refused_at: float = 0.0


class PodState(Struct, frozen=True, kw_only=True):
    """Tells how one pod (``namespace/name``) stands; one that is not ``ready`` gets no requests."""

    pod: str
    ready: bool
    deliveries: tuple[FilterState, ...] = ()


class GatewayState(Struct, frozen=True, kw_only=True):
    """Tells how one gateway (``namespace/name``) stands to the very configuration that is to be enforced.

    Attributes:
        gateway: Its name.
        awaited: What has to be there before its objects may be written, or may limit anything.
        missing: The kinds of objects that are not in the cluster as they are wanted.
        applied: The objects that are there: those that are wanted or were before; None if that is not known.
        accepted: The provider has accepted the objects, or has no way to say so.
        refused: The words of whoever cannot carry the configuration out.
        wanted: What each filter is to run of a gateway that asks us; None for one that does not ask.
        pods: The pods of a gateway that asks us.
        works_since: When the provider's control plane was first seen to run, in a row; None if it does not.
    """

    gateway: str
    awaited: tuple[Part, ...] = ()
    missing: tuple[str, ...] = ()
    applied: object = None
    accepted: bool = True
    refused: str = ""
    wanted: dict[str, Content] | None = None
    pods: tuple[PodState, ...] = ()
    works_since: float | None = -inf


class Evidence(Struct, frozen=True):
    """Holds the words of gateways (``namespace/name``) on the very configuration that the facts are from.

    Attributes:
        acknowledged: The gateways of which every instance has taken it.
        refused: Those that have not taken it, with their words for it.
        awaited: What is not there yet, for each of the others.
        installed: There is a Kuadrant; without one nothing is enforced.
        missing: What the cluster does not have, and without which no policy is accepted.
    """

    acknowledged: frozenset[str] = frozenset()
    refused: dict[str, str] = field(default_factory=dict)
    awaited: dict[str, tuple[str, ...]] = field(default_factory=dict)
    installed: bool = True
    missing: tuple[str, ...] = ()


def evidence(
    states: Iterable[GatewayState], *, installed: bool = True, missing: tuple[str, ...] = ()
) -> Evidence:
    """Return what ``states`` prove.

    Args:
        states: How the gateways stand.
        installed: There is a Kuadrant.
        missing: The names of what the cluster lacks.
    """
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
    """Yield what is not there yet, in the order in which it comes to be, as statuses name it."""
    # Once a gateway asks, its pods know better whether the push server can be reached.
    yield from (part for part in state.awaited if part is not Part.PUSH or state.missing)
    yield from (f"{kind} ({state.gateway})" for kind in state.missing)
    if state.missing:
        return
    if not state.accepted or (state.wanted is not None and not any(pod.ready for pod in state.pods)):
        yield Part.GATEWAY.of(state.gateway)
    elif state.wanted is not None:
        yield from (Part.POD.of(pod.pod) for pod in undelivered(state.wanted, state.pods))


def undelivered(wanted: dict[str, Content], pods: Iterable[PodState]) -> tuple[PodState, ...]:
    """Return those of ``pods`` that get requests and have not taken everything that is ``wanted``."""
    return tuple(pod for pod in pods if pod.ready and not _runs(pod, wanted))


def _runs(pod: PodState, wanted: dict[str, Content]) -> bool:
    running = {delivery.filter: delivery.running for delivery in pod.deliveries}
    return all(running.get(name) == content for name, content in wanted.items())


def _refused(state: GatewayState) -> str:
    """Return the words of whoever refuses the configuration; empty if nobody has."""
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
