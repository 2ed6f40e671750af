"""Decides what there has to be for one gateway; remembers what it was told."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.gateways.obsolete_objects import obsolete
from kuadrant.gateways.plugin_tables import tables
from kuadrant.gateways.provider import GatewayObjects
from kuadrant.gateways.providers import PROVIDERS, provider_of
from kuadrant.incremental import Last, are, kept
from kuadrant.operator.core.configuration_shares import NO_ROOM, GatewayParts
from kuadrant.operator.core.decision import GatewayDecision
from kuadrant.operator.core.gateway_tokens import ProvingSettings
from kuadrant.operator.core.port_conflicts import OnePort, PortConflicts
from kuadrant.operator.core.room_seniority import Seniority
from kuadrant.operator.core.staged_program import Staged, Staging
from kuadrant.status import Part

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.api.gateway import Gateway, GatewayClass
    from kuadrant.api.limitador import Limit
    from kuadrant.compiler.program import GatewayProgram
    from kuadrant.gateways.provider import GatewaySettings, GatewaySurroundings, Provider
    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.held_limits import HeldLimits
    from kuadrant.operator.core.staged_program import Asked


class _Fitted(Struct, frozen=True):
    """Holds what a gateway can be told, and what to say of the policies of which that is not all."""

    ports: OnePort
    withheld: Mapping[str, str]


class GatewayDecider:
    """Decides about one gateway."""

    def __init__(self, key: Key) -> None:
        self.settings = ProvingSettings(key)
        self._staging = Staging()
        self._parts = GatewayParts()
        self._ports = PortConflicts()
        self._seniority: Callable[[], Seniority] = Seniority
        self._withheld: frozenset[str] = frozenset()
        self._staged: tuple[tuple[object, ...], Staged] | None = None
        self._objects = Last(self._fitted)
        self._obsolete = Last(lambda wanted, existing: obsolete(existing, (wanted,), PROVIDERS))
        self._observed: Any = None
        self._wanted: GatewayObjects | None = None
        self._decision: GatewayDecision | None = None

    def stage(
        self, program: GatewayProgram, held: HeldLimits, is_told: bool, hopeless: Asked = frozenset()
    ) -> Staged:
        """Return what the gateway is to have now, on the way to what is wanted.

        ``hopeless`` is what there is no room for in the rate limit service.
        """
        last = self._staged
        made_from = (program, held, is_told, hopeless)
        if last is None or not are(last[0], made_from):
            wanted = self._parts.bounded(program)
            staged = self._staging.stage(wanted.program, held, is_told=is_told, hopeless=hopeless)
            # With the former state of what is not held it may be more again.
            bounded = self._parts.bounded(staged.program)
            self._withheld = wanted.withheld | bounded.withheld
            staged = replace(staged, program=bounded.program)
            self._staged = last = (made_from, staged)
        return last[1]

    def decide(
        self,
        gateway: Gateway,
        *,
        class_: GatewayClass | None,
        staged: Staged,
        is_ready: bool,
        limits: tuple[Limit, ...],
        surroundings: GatewaySurroundings,
        settings: GatewaySettings,
        awaited: tuple[Part, ...],
        seniority: Callable[[], Seniority],
    ) -> GatewayDecision:
        """Decide what the gateway is to have now: as much of ``staged`` (from ``stage``) as fits.

        Without ``class_`` nothing of it is touched. The rate limit service answers if it ``is_ready``; of
        what is ``awaited`` it does with one of module and push server;
        ``limits`` are those that the gateway is to ask for in the end. ``seniority`` tells who was there
        before, if what the gateway was told is not known.
        """
        self._seniority = seniority
        provider = None if class_ is None else provider_of(class_.spec.controller_name)
        observed = None if provider is None else provider.observe(gateway, surroundings)
        self._observed = kept(self._observed, observed)
        missing = "" if class_ is not None else gateway.spec.gateway_class_name
        objects, fitted = self._objects(
            provider,
            gateway,
            staged.program,
            observed=self._observed,
            settings=settings,
            missing_class=missing,
        )
        self._wanted = wanted = kept(self._wanted, objects)
        other = Part.MODULE if wanted.pushed else Part.PUSH
        awaited = tuple(part for part in awaited if part is not other) if wanted.objects else ()
        if not wanted.too_large and not awaited:
            self._parts.keep(fitted.ports.program)
            self._ports.keep(fitted.ports)
        staged = replace(staged, program=fitted.ports.program)
        return self._made(
            provider,
            wanted,
            awaited,
            surroundings.existing,
            staged,
            is_ready=is_ready,
            limits=limits,
            withheld={**dict.fromkeys(self._withheld, NO_ROOM), **fitted.withheld},
        )

    def _fitted(
        self,
        provider: Provider | None,
        gateway: Gateway,
        program: GatewayProgram,
        *,
        observed: Any,
        settings: GatewaySettings,
        missing_class: str,
    ) -> tuple[GatewayObjects, _Fitted]:
        """Return the objects for as much of a program as the gateway can be told."""
        made = partial(
            _objects, provider, gateway, observed=observed, settings=settings, missing_class=missing_class
        )
        reasons: dict[str, str] = {}

        def told(one: GatewayProgram) -> tuple[GatewayObjects, OnePort]:
            """Return the objects for a program, and what they tell of it."""
            objects = made(one)
            if not objects.inseparable:
                return objects, OnePort(one, one)
            ports = self._ports.settled(one, self._seniority)
            reasons.update(ports.words(objects.inseparable))
            return made(ports.program), ports

        objects, ports = told(program)
        if not objects.too_large:
            return objects, _Fitted(ports, reasons)
        parted = self._parts.fitted(
            program,
            lambda one: sum(len(settings.rendering.by_cluster(table.hosts)) for table in tables(one)),
            lambda one: not told(one)[0].too_large,
            self._seniority(),
        )
        reasons.clear()
        objects, ports = told(parted.program)
        return objects, _Fitted(ports, reasons | dict.fromkeys(parted.withheld, NO_ROOM))

    def without_gateway(
        self, key: Key, existing: tuple[Mapping[str, Any], ...], unknown: str | None = None
    ) -> GatewayDecision:
        """Decide what goes of the objects of a gateway that is gone.

        Nothing goes if the gateway is there, and it is ``unknown`` what it is for that reason.
        """
        problem = None if unknown is None else f"Gateway {'/'.join(key)} cannot be read: {unknown}"
        self._wanted = kept(self._wanted, GatewayObjects(*key, problem=problem))
        return self._made(None, self._wanted, (), existing)

    def _made(
        self,
        provider: Provider | None,
        wanted: GatewayObjects,
        awaited: tuple[Part, ...],
        existing: tuple[Mapping[str, Any], ...],
        staged: Staged | None = None,
        *,
        is_ready: bool = True,
        limits: tuple[Limit, ...] = (),
        withheld: Mapping[str, str] | None = None,
    ) -> GatewayDecision:
        """Return the decision, the former one if it has the same parts.

        To compare whole documents would cost as much as to make them.
        """
        made = GatewayDecision(
            provider=provider,
            wanted=wanted,
            program=None if staged is None else staged.program,
            withheld=withheld or {},
            limits=limits,
            awaited=awaited,
            waiting=frozenset() if staged is None else staged.waiting,
            unheld=frozenset() if staged is None else staged.unheld,
            is_service_ready=is_ready or staged is None or not staged.program.limits,
            obsolete=self._obsolete(wanted, existing),
        )
        former = self._decision
        if former is None or not _is_same(former, made):
            self._decision = former = made
        return former


def _is_same(former: GatewayDecision, made: GatewayDecision) -> bool:
    """Tell whether they have the same parts: to compare documents would cost as much as to make them."""
    return (
        former.provider is made.provider
        and former.wanted is made.wanted
        and former.program is made.program
        and former.limits is made.limits
        and former.obsolete is made.obsolete
        and (former.awaited, former.waiting, former.unheld, former.withheld, former.is_service_ready)
        == (made.awaited, made.waiting, made.unheld, made.withheld, made.is_service_ready)
    )


def _objects(
    provider: Provider | None,
    gateway: Gateway,
    program: GatewayProgram,
    *,
    observed: Any,
    settings: GatewaySettings,
    missing_class: str,
) -> GatewayObjects:
    namespace, name = gateway.metadata.namespace, gateway.metadata.name
    if missing_class:
        # It is not known whose the gateway is, so nothing of it is touched.
        return GatewayObjects(namespace, name, problem=f"its GatewayClass {missing_class} does not exist")
    if provider is None:
        return GatewayObjects(namespace, name)
    return provider.gateway_objects(gateway, program, observed, settings)
