"""Decides what there has to be in the cluster, from what there is; pure but for what it remembers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kuadrant.api.limit_packing import FIELD as PACKED
from kuadrant.api.limitador import Limit, union
from kuadrant.compiler import Compilation, Compiler, LimitRevisions
from kuadrant.dialects import expressible
from kuadrant.gateways.envoy import Address
from kuadrant.gateways.limitador import KIND, NAME, LimitadorObject, limitador
from kuadrant.gateways.provider import GatewaySettings, GatewaySurroundings
from kuadrant.incremental import Last, kept
from kuadrant.operator.core import headers_not_told, limits_not_held, service_room
from kuadrant.operator.core.decision import Decision, GatewayDecision
from kuadrant.operator.core.ending import Unlimited
from kuadrant.operator.core.gateway_decider import GatewayDecider
from kuadrant.operator.core.gateway_tokens import Keys, marked
from kuadrant.operator.core.held_limits import NOTHING, HeldLimits, HeldLimitsTracker
from kuadrant.operator.core.installation import service_address
from kuadrant.operator.core.room_seniority import seniority
from kuadrant.operator.core.router_order import InRouterOrder
from kuadrant.operator.core.staged_program import asked_for
from kuadrant.policy.oldest_kuadrant import leaving, oldest
from kuadrant.status import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kuadrant.api.counter_identity import Identity
    from kuadrant.api.kuadrant import Kuadrant
    from kuadrant.api.limitador import Limitador, NotHeld
    from kuadrant.compiler.program import GatewayProgram
    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.known_facts import Known
    from kuadrant.operator.core.staged_program import Asked
    from kuadrant.operator.core.world import World


class Decider:
    """Decides what there has to be; what does not change stays the same instance.

    A gateway is told of a limit when the rate limit service has said that it holds it (`Staging`), and when
    the module's address was proven: before, it would limit nothing, or answer every request with an error. A
    limit that is held with another value is told: it limits, and gets the new value as soon as gateways get
    theirs.
    """

    def __init__(self) -> None:
        self._compile = InRouterOrder(Compiler().compile)
        self._revisions = LimitRevisions()
        self._limits = Last(_limits)
        self._limitador = Last(_limitador)
        self._held = HeldLimitsTracker()
        self._named: tuple[NotHeld, ...] = ()
        self._not_held = Last(limits_not_held.by_policy)
        self._no_room = Last(service_room.words)
        self._not_told = Last(headers_not_told.words)
        self._not_done = Last(headers_not_told.words_of_module)
        self._hopeless: Asked = frozenset()
        self._settings: GatewaySettings | None = None
        self._gateways: dict[Key, GatewayDecider] = {}
        self._told: tuple[tuple[Limit, ...], ...] = ()
        self._unlimited = Unlimited()

    def decide(self, world: World, known: Known) -> Decision:
        """Decide what there has to be, now and in the end."""
        module = known.module
        kuadrant = oldest(world.objects.kuadrants)
        ends = kuadrant is None and bool(leaving(world.objects.kuadrants))
        own = None if kuadrant is None else world.limitadors.get((kuadrant.metadata.namespace, NAME))
        held = self._held.of(own)
        present = self._held.present
        compiled = expressible(world.objects, self._compile, module.dialect, known.failure_mode, module.name)
        compilation = self._revisions(compiled, present)
        address = None if own is None else service_address(own)
        self._settings = kept(self._settings, _settings(known, address or Address("", 0)))
        reads = _reads(own, known.fields)
        make = partial(
            self._limitador,
            kuadrant,
            present=present,
            reads=reads,
            mark=marked(own) if known.mark is None else known.mark,
        )
        served = None if address is None else held
        gateways, limits, resource = self._fitted(
            partial(self._decide_gateways, world, known, compilation, served, marked(own), ends=ends),
            partial(self._limits_of, compilation, present, known.retained),
            make,
        )
        self._named = kept(self._named, limits_not_held.named(own))
        return Decision(
            module=known.module,
            limits=limits,
            present=present,
            limitador=resource,
            gateways=gateways,
            compilation=compilation,
            installed=kuadrant is not None,
            ends=ends,
            mark=marked(own),
            not_told={
                **self._not_told(headers_not_told.sends(own, reads), compilation.programs),
                **self._not_done(module.name, module.dialect.responds, compilation.programs),
            },
            not_held={
                **self._no_room(resource.left_out, compilation.programs),
                **self._not_held(self._named, compilation.programs, known.failure_mode),
            },
            unnamed=limits_not_held.unnamed(own),
        )

    def _fitted(
        self,
        decide_gateways: Callable[[], dict[Key, GatewayDecision]],
        limits_beside: Callable[[Mapping[Key, GatewayDecision]], tuple[Limit, ...]],
        make: Callable[[tuple[Limit, ...]], LimitadorObject],
    ) -> tuple[dict[Key, GatewayDecision], tuple[Limit, ...], LimitadorObject]:
        """Return the decisions for gateways, and the limits beside them with the resource that has room for.

        Decides again if it turns out that there is no room: gateways are not to wait for that.
        """
        gateways = decide_gateways()
        limits = limits_beside(gateways)
        resource = make(limits)
        former, self._hopeless = self._hopeless, kept(self._hopeless, asked_for(resource.left_out))
        if not self._hopeless <= former:
            gateways = decide_gateways()
            limits = limits_beside(gateways)
            resource = make(limits)
        return gateways, limits, resource

    def _limits_of(
        self,
        compilation: Compilation,
        present: tuple[Limit, ...],
        retained: frozenset[Identity] | None,
        gateways: Mapping[Key, GatewayDecision],
    ) -> tuple[Limit, ...]:
        self._told = kept(self._told, _told(gateways, compilation))
        return self._limits(compilation.limits, present, retained, self._told)

    def _decide_gateways(
        self,
        world: World,
        known: Known,
        compilation: Compilation,
        held: HeldLimits | None,
        mark: str,
        *,
        ends: bool,
    ) -> dict[Key, GatewayDecision]:
        assert self._settings is not None
        may_ask = known.keys is not None and not (
            mark and (known.module.prove is None or not known.keys.held)
        )
        classes = {one.metadata.name: one for one in world.objects.gateway_classes}
        gateways = {(one.metadata.namespace, one.metadata.name): one for one in world.objects.gateways}
        programs = self._unlimited.of(compilation) if ends else _programs(compilation)
        deciders = {key: self._gateways.get(key) or GatewayDecider(key) for key in sorted(gateways)}
        proofs = ((Part.MODULE, known.module.problem), (Part.PUSH, known.push.problem))
        unproven = tuple(part for part, problem in proofs if problem)
        decisions: dict[Key, GatewayDecision] = {}
        for key, decider in deciders.items():
            gateway, program = gateways[key], programs[key]
            existing = world.existing.get(key, ())
            staged = decider.stage(program, held or NOTHING, bool(existing), self._hopeless)
            is_counted = staged.held and may_ask and bool(self._settings.rate_limit.host)
            if not existing:
                is_counted &= held is not None and known.can_be_asked
            decisions[key] = decider.decide(
                gateway,
                class_=classes.get(gateway.spec.gateway_class_name),
                staged=staged,
                is_ready=held is not None,
                limits=program.limits,
                surroundings=GatewaySurroundings(
                    services=world.services,
                    pods=world.pods.get(key[0], ()),
                    existing=existing,
                    fields=known.fields,
                ),
                settings=decider.settings.of(self._settings, known.keys or Keys(), known.module.prove),
                awaited=(*(() if is_counted else (Part.LIMITS,)), *unproven),
                seniority=partial(seniority, world),
            )
            if ends and decisions[key].wanted.problem is not None:
                # Nothing of it is wanted, so that there is nothing to be known of it.
                decisions[key] = decider.without_gateway(key, existing)
        self._decide_gone(world, deciders, decisions, ends=ends)
        self._gateways = deciders
        return decisions

    def _decide_gone(
        self,
        world: World,
        deciders: dict[Key, GatewayDecider],
        decisions: dict[Key, GatewayDecision],
        *,
        ends: bool,
    ) -> None:
        """Add Gateways that are gone; the API server deletes their objects by itself, but later."""
        for key, existing in world.existing.items():
            if key not in decisions:
                deciders[key] = self._gateways.get(key) or GatewayDecider(key)
                unknown = None if ends else world.unknown_gateways.get(key)
                decisions[key] = deciders[key].without_gateway(key, existing, unknown)


def _programs(compilation: Compilation) -> Mapping[Key, GatewayProgram]:
    return {(one.namespace, one.name): one for one in compilation.programs}


def _told(gateways: Mapping[Key, GatewayDecision], compilation: Compilation) -> tuple[tuple[Limit, ...], ...]:
    """Return the limits of what gateways are to have now, where that is not what is wanted in the end."""
    wanted = _programs(compilation)
    return tuple(
        one.program.limits
        for key, one in gateways.items()
        if one.program is not None and one.program is not wanted[key]
    )


def _limits(
    wanted: tuple[Limit, ...],
    present: tuple[Limit, ...],
    retained: frozenset[Identity] | None,
    told: tuple[tuple[Limit, ...], ...],
) -> tuple[Limit, ...]:
    """Return what the rate limit service is to hold.

    What gateways are told by this very decision is among it: nothing else keeps it yet, and a program that
    waits for limits which nobody wants any more would wait without end.
    """
    limits = union(wanted, (one for one in present if retained is None or one.identity in retained))
    return union(limits, {one.identity: one for part in told for one in part}.values())


def _limitador(
    kuadrant: Kuadrant | None,
    limits: tuple[Limit, ...],
    *,
    present: tuple[Limit, ...],
    reads: frozenset[str],
    mark: str,
) -> LimitadorObject:
    if kuadrant is None:
        return LimitadorObject()
    return service_room.fitted(
        lambda some: limitador(kuadrant, some, present=present, reads=reads, mark=mark), limits, present
    )


def _reads(own: Limitador | None, fields: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return what the service that runs reads, if the definition has the field for it."""
    return frozenset(own.status.reads) if own is not None and PACKED in fields.get(KIND, ()) else frozenset()


def _settings(known: Known, rate_limit: Address) -> GatewaySettings:
    return GatewaySettings(
        module=known.module.address,
        rendering=known.module.rendering,
        rate_limit=rate_limit,
        push=known.push.server,
        delivery=known.delivery,
        envoy_gateway_namespace=known.envoy_gateway_namespace,
    )
