"""The part of a gateway's port that can hold for a host name, found once.

A request is decided by that part alone, and so takes as long with a thousand policies as with one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.limitador import Limit
from kuadrant.compiler.program import GatewayProgram, ListenerProgram

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.compiler.program import HostProgram


class Part(Struct, frozen=True):
    """Holds what of a program, and of all limits, can matter to one host name."""

    program: GatewayProgram
    limits: tuple[Limit, ...]


class HostParts:
    """One port of a gateway, and the limits that there are."""

    def __init__(self, program: GatewayProgram, listener: ListenerProgram, limits: Iterable[Limit]) -> None:
        self._program = program
        self._listener = listener
        self._hosts = {host.hostname: host for host in listener.hosts}
        self._limits: dict[str, list[Limit]] = {}
        for limit in limits:
            self._limits.setdefault(limit.namespace, []).append(limit)
        self._parts: dict[str, Part] = {}

    def of(self, *names: str) -> Part:
        """Return what of the program can matter to host names, and of the limits."""
        key = " ".join(names)
        if key not in self._parts:
            self._parts[key] = self._made(names)
        return self._parts[key]

    def _made(self, names: Iterable[str]) -> Part:
        hosts = tuple({host.hostname: host for name in names for host in self._fitting(name)}.values())
        scopes = sorted({act.scope for host in hosts for rule in host.rules for act in rule.actions})
        own = self._listener
        listener = ListenerProgram(own.names, own.port, own.protocol, hosts)
        limits = tuple(limit for scope in scopes for limit in self._limits.get(scope, ()))
        return Part(GatewayProgram(self._program.namespace, self._program.name, (listener,), limits), limits)

    def _fitting(self, name: str) -> Iterator[HostProgram]:
        """Yield the hosts that hold for a host name."""
        parents = (f"*{name[place:]}" for place in range(1, len(name)) if name[place] == ".")
        for hostname in dict.fromkeys((name, *parents, "*")):
            if hostname in self._hosts:
                yield self._hosts[hostname]
