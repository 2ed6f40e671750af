"""Puts the rules of programs into the order in which their gateways' routers try them.

The shim has to find the rule that the router finds. Gateway API leaves open where regular expressions stand
among paths, and providers have their own ways also with what it does not leave open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from kuadrant.gateways.providers import PROVIDERS, provider_of
from kuadrant.incremental import OfEach, are

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.api.objects import Objects
    from kuadrant.compiler import Compilation
    from kuadrant.compiler.program import GatewayProgram, HostProgram
    from kuadrant.gateways.provider import Provider

_Ordered = tuple["GatewayProgram", "Provider | None", "GatewayProgram"]
"""A program, whose it is, and how its router has it."""


class InRouterOrder:
    """Compiles with rules in the router's order; what does not change stays the same instance."""

    def __init__(self, compile_objects: Callable[[Objects], Compilation]) -> None:
        self._compile = compile_objects
        self._hosts = {one.NAME: OfEach(_by(one)) for one in PROVIDERS}
        self._programs: dict[tuple[str, str], _Ordered] = {}
        self._last: tuple[Compilation, tuple[GatewayProgram, ...], Compilation] | None = None

    def __call__(self, objects: Objects) -> Compilation:
        """Compile the objects.

        Rules of a gateway that no provider has stay as they are.
        """
        compilation = self._compile(objects)
        controllers = {one.metadata.name: one.spec.controller_name for one in objects.gateway_classes}
        classes = {
            (one.metadata.namespace, one.metadata.name): one.spec.gateway_class_name
            for one in objects.gateways
        }
        self._programs = {
            (one.namespace, one.name): self._ordered(one, controllers.get(classes[one.namespace, one.name]))
            for one in compilation.programs
        }
        programs = tuple(ordered for _, _, ordered in self._programs.values())
        if self._last is None or self._last[0] is not compilation or not are(self._last[1], programs):
            same = are(compilation.programs, programs)
            ordered = compilation if same else structs.replace(compilation, programs=programs)
            self._last = (compilation, programs, ordered)
        return self._last[2]

    def _ordered(self, program: GatewayProgram, controller: str | None) -> _Ordered:
        provider = None if controller is None else provider_of(controller)
        former = self._programs.get((program.namespace, program.name))
        if former is not None and former[0] is program and former[1] is provider:
            return former
        if provider is None:
            return (program, None, program)
        in_order = self._hosts[provider.NAME]
        listeners = tuple(
            listener if are(listener.hosts, hosts) else structs.replace(listener, hosts=hosts)
            for listener in program.listeners
            for hosts in (tuple(in_order(host) or host for host in listener.hosts),)
        )
        same = are(program.listeners, listeners)
        return (program, provider, program if same else structs.replace(program, listeners=listeners))


def _by(provider: Provider) -> Callable[[HostProgram], HostProgram | None]:
    """Return a function that gives a host with its rules in the order of the provider's routers.

    It gives None for a host that has them so.
    """

    def in_order(host: HostProgram) -> HostProgram | None:
        rules = tuple(sorted(host.rules, key=provider.match_precedence))
        return None if are(host.rules, rules) else structs.replace(host, rules=rules)

    return in_order
