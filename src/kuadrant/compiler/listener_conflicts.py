"""The listeners of a gateway that take requests, by port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.policy.hostnames import EVERY_HOSTNAME
from kuadrant.policy.model import Problem
from kuadrant.policy.route_attachment import takes_requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kuadrant.api.gateway import Gateway, Listener


def hostname_of(listener: Listener) -> str:
    """The host name that the listener is for."""
    return listener.hostname or EVERY_HOSTNAME


def listeners_by_port(gateway: Gateway) -> dict[int, list[Listener]]:
    """The listeners of each port that take part, in the order of the gateway.

    The first listener of a port decides its protocol, and the first with a host name has it for itself.
    """
    ports: dict[int, list[Listener]] = {}
    for listener in filter(takes_requests, gateway.spec.listeners):
        others = ports.setdefault(listener.port, [])
        if _conflict(listener, others) is None:
            others.append(listener)
    return dict(sorted(ports.items()))


def listener_problems(gateway: Gateway) -> Iterator[Problem]:
    """Return what keeps listeners of ``gateway`` from serving anything."""
    ports = listeners_by_port(gateway)
    for index, listener in enumerate(gateway.spec.listeners):
        taken = ports.get(listener.port, [])
        if takes_requests(listener) and not any(listener is other for other in taken):
            reason = _conflict(listener, taken)
            yield Problem(
                "error",
                "Gateway",
                gateway.metadata.namespace,
                gateway.metadata.name,
                f"spec.listeners[{index}]",
                f"{reason}; this listener serves nothing",
                "listener-conflicted",
            )


def _conflict(listener: Listener, others: Sequence[Listener]) -> str | None:
    for other in others:
        if other.protocol != listener.protocol:
            return f'port {listener.port} already speaks {other.protocol} for listener "{other.name}"'
        if hostname_of(other) == hostname_of(listener):
            return (
                f"host name {hostname_of(listener)} of port {listener.port} already belongs to listener "
                f'"{other.name}"'
            )
    return None
