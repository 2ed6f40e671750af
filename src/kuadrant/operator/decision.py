"""What there has to be in the cluster, decided from what there is; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from kuadrant.api.limitador import Identity, Limit, read_limits, union
from kuadrant.compiler import Compilation, Compiler
from kuadrant.compiler.program import HostProgram
from kuadrant.dialects import Dialect, FailureMode, expressible
from kuadrant.gateways.envoy import Address
from kuadrant.gateways.limitador import NAME, LimitadorObject, limitador
from kuadrant.gateways.module import Module
from kuadrant.gateways.obsolete import obsolete
from kuadrant.gateways.provider import GatewayObjects, Provider, Settings, Surroundings
from kuadrant.gateways.providers import PROVIDERS, provider_of
from kuadrant.gateways.push import Delivery, PushServer
from kuadrant.kube.kind import Key
from kuadrant.operator.memo import Last, kept
from kuadrant.operator.router_order import InRouterOrder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.gateway import Gateway, GatewayClass
    from kuadrant.api.kuadrant import Kuadrant
    from kuadrant.api.limitador import Limitador
    from kuadrant.compiler.program import GatewayProgram
    from kuadrant.operator.world import World

LIMITADOR: Final = "Limitador"
"""What keeps a gateway's objects from being written, as it is named in statuses: what they would ask for is not counted yet."""
MODULE: Final = "wasm-shim"
"""The same: the module's address was not proven."""
PUSH: Final = "push"
"""The same, for a gateway that asks us: the push server's address was not proven."""


class Known(Struct, frozen=True, kw_only=True):
    """What is known beside the objects of the cluster.

    ``module`` is the one to load; ``module_problem`` says why its address has not been proven to give its bytes, and is empty
    if it has. ``dialect`` is the one that the lock file names for it, in which ``configure`` renders hosts for a service of that ``failure_mode``, and ``module_name`` is
    for people. ``configure_by_address`` is as in ``Settings``. Limits that are no longer wanted stay until they are in ``forgotten`` (by their identity): gateways may still ask for them. ``fields`` are those of ``Surroundings``.
    ``module_pending`` says why gateways are not told of another module yet that they are to have; empty if there is none.
    ``held`` are the limits that the rate limit service was last known to hold, for the time in which it takes others; None if that is
    not known. ``push``, ``delivery`` and ``envoy_gateway_namespace`` are those of ``Settings``; ``push_problem`` says why the push server's address was not proven.
    """

    module: Module
    module_problem: str
    module_name: str
    module_pending: str = ""
    dialect: Dialect
    failure_mode: FailureMode = "deny"
    configure: Callable[[tuple[HostProgram, ...]], bytes]
    configure_by_address: Callable[[tuple[HostProgram, ...], Address], bytes] | None = None
    forgotten: frozenset[Identity] = frozenset()
    held: frozenset[Limit] | None = None
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    push: PushServer | None = None
    push_problem: str = ""
    delivery: Delivery = "pull"
    envoy_gateway_namespace: str = "envoy-gateway-system"


class GatewayDecision(Struct, frozen=True, kw_only=True):
    """What there has to be for one gateway, and what of it is to be deleted, in this order.

    As long as anything is ``awaited``, its objects may not be written; what there is of them stays. ``held`` tells whether the rate
    limit service holds its limits with the values that are wanted. A gateway without ``provider`` is none that can be made to limit
    anything.
    """

    provider: Provider | None
    wanted: GatewayObjects
    awaited: tuple[str, ...] = ()
    held: bool = True
    obsolete: tuple[Mapping[str, Any], ...] = ()

    @property
    def objects(self) -> tuple[dict[str, Any], ...]:
        """The objects that are to be written now."""
        return () if self.awaited else self.wanted.objects


class Decision(Struct, frozen=True, kw_only=True):
    """What to apply: the rate limit service's resource, and the objects of each gateway.

    ``limits`` are those that the resource is to have: the wanted ones and those that are only kept. ``held`` are those that the rate
    limit service holds, None if that is not known. ``module`` is the one for which everything is rendered, and ``module_pending`` that of
    ``Known``.
    """

    module: Module
    module_pending: str = ""

    limits: tuple[Limit, ...]
    held: frozenset[Limit] | None
    limitador: LimitadorObject
    gateways: Mapping[Key, GatewayDecision]
    compilation: Compilation
    installed: bool


class Decider:
    """Decides again and again; what does not change from one decision to the next is the same instance.

    The objects of a gateway are written when the rate limit service has said that it holds a limit for everything that the gateway
    asks it to count, and the module's address was proven: before, they would limit nothing, or answer every request with an error.
    A limit that is held with another value does not keep them: it limits, and gets the new value as soon as they get theirs.
    """

    def __init__(self) -> None:
        self._compile = InRouterOrder(Compiler().compile)
        self._limits = Last(_limits)
        self._limitador = Last(_limitador)
        self._present = Last(held_limits)
        self._set = Last(_set)
        self._settings: Settings | None = None
        self._gateways: dict[Key, _GatewayDecider] = {}

    def decide(self, world: World, known: Known) -> Decision:
        """Decide what there has to be; the same for the same arguments, whatever was decided before."""
        compilation = expressible(
            world.objects, self._compile, known.dialect, known.failure_mode, known.module_name
        )
        kuadrant = oldest(world.objects.kuadrants)
        own = None if kuadrant is None else world.limitadors.get((kuadrant.metadata.namespace, NAME))
        present = () if own is None else self._present(own)
        limits = self._limits(compilation.limits, present, known.forgotten)
        address = None if own is None else service_address(own)
        settings = Settings(
            module=known.module,
            configure=known.configure,
            configure_by_address=known.configure_by_address,
            rate_limit=address or Address("", 0),
            push=known.push,
            delivery=known.delivery,
            envoy_gateway_namespace=known.envoy_gateway_namespace,
        )
        self._settings = kept(self._settings, settings)
        held = None
        if own is not None and address is not None and says_ready(own):
            # While it takes new limits it holds the former ones.
            held = self._set(present) if is_observed(own) else known.held
        return Decision(
            module=known.module,
            module_pending=known.module_pending,
            limits=limits,
            held=held,
            limitador=self._limitador(kuadrant, limits),
            gateways=self._decide_gateways(world, known, compilation, held),
            compilation=compilation,
            installed=kuadrant is not None,
        )

    def _decide_gateways(
        self, world: World, known: Known, compilation: Compilation, held: frozenset[Limit] | None
    ) -> dict[Key, GatewayDecision]:
        assert self._settings is not None
        classes = {one.metadata.name: one for one in world.objects.gateway_classes}
        gateways = {(one.metadata.namespace, one.metadata.name): one for one in world.objects.gateways}
        programs = {(one.namespace, one.name): one for one in compilation.programs}
        deciders = {key: self._gateways.get(key) or _GatewayDecider() for key in sorted(gateways)}
        decisions: dict[Key, GatewayDecision] = {}
        for key, decider in deciders.items():
            gateway, program = gateways[key], programs[key]
            is_held = decider.holds(held, program.limits)
            is_counted = is_held or decider.counts(held, program.limits)
            decisions[key] = decider.decide(
                gateway,
                class_=classes.get(gateway.spec.gateway_class_name),
                program=program,
                surroundings=Surroundings(
                    services=world.services,
                    pods=world.pods.get(key[0], ()),
                    existing=world.existing.get(key, ()),
                    fields=known.fields,
                ),
                settings=self._settings,
                held=is_held,
                awaited=_Awaited(is_counted, not known.module_problem, not known.push_problem),
            )
        for key, existing in world.existing.items():
            if key not in gateways:
                # Of Gateways that are gone; the API server deletes these by itself, but later.
                deciders[key] = self._gateways.get(key) or _GatewayDecider()
                decisions[key] = deciders[key].without_gateway(key, existing)
        self._gateways = deciders
        return decisions


class _Awaited(Struct, frozen=True, gc=False):
    """What a gateway's objects wait for: whether its requests are counted, and whether the module and the push server were proven."""

    counted: bool
    module: bool
    push: bool

    def of(self, wanted: GatewayObjects) -> tuple[str, ...]:
        """What those objects still wait for."""
        if not wanted.objects:
            return ()
        proven, name = (self.push, PUSH) if wanted.pushed else (self.module, MODULE)
        return (*(() if self.counted else (LIMITADOR,)), *(() if proven else (name,)))


class _GatewayDecider:
    """Decides about one gateway."""

    def __init__(self) -> None:
        self.holds = Last(_holds)
        """Whether the rate limit service, which has ``held``, holds all limits of the gateway."""
        self.counts = Last(_counts)
        """Whether it holds limits that count the same, with whatever values."""
        self._objects = Last(_objects)
        self._obsolete = Last(_obsolete)
        self._observed: Any = None
        self._wanted: GatewayObjects | None = None
        self._decision: GatewayDecision | None = None

    def decide(
        self,
        gateway: Gateway,
        *,
        class_: GatewayClass | None,
        program: GatewayProgram,
        surroundings: Surroundings,
        settings: Settings,
        held: bool,
        awaited: _Awaited,
    ) -> GatewayDecision:
        provider = None if class_ is None else provider_of(class_.spec.controller_name)
        self._observed = (
            None if provider is None else kept(self._observed, provider.observe(gateway, surroundings))
        )
        missing = "" if class_ is not None else gateway.spec.gateway_class_name
        self._wanted = wanted = kept(
            self._wanted,
            self._objects(
                provider,
                gateway,
                program,
                observed=self._observed,
                settings=settings,
                missing_class=missing,
            ),
        )
        return self._made(provider, wanted, awaited.of(wanted), surroundings.existing, held=held)

    def without_gateway(self, key: Key, existing: tuple[Mapping[str, Any], ...]) -> GatewayDecision:
        return self._made(None, GatewayObjects(*key), (), existing)

    def _made(
        self,
        provider: Provider | None,
        wanted: GatewayObjects,
        awaited: tuple[str, ...],
        existing: tuple[Mapping[str, Any], ...],
        *,
        held: bool = True,
    ) -> GatewayDecision:
        """The decision, the former one if it has the same parts: to compare whole documents would cost as much as to make them."""
        gone = self._obsolete(wanted, existing)
        former = self._decision
        if (
            former is None
            or former.provider is not provider
            or former.wanted is not wanted
            or former.awaited != awaited
            or former.held != held
            or former.obsolete is not gone
        ):
            self._decision = GatewayDecision(
                provider=provider, wanted=wanted, awaited=awaited, held=held, obsolete=gone
            )
        assert self._decision is not None
        return self._decision


def _holds(held: frozenset[Limit] | None, limits: tuple[Limit, ...]) -> bool:
    return held is not None and held.issuperset(limits)


def _counts(held: frozenset[Limit] | None, limits: tuple[Limit, ...]) -> bool:
    return held is not None and {one.identity for one in held}.issuperset(one.identity for one in limits)


def _objects(
    provider: Provider | None,
    gateway: Gateway,
    program: GatewayProgram,
    *,
    observed: Any,
    settings: Settings,
    missing_class: str,
) -> GatewayObjects:
    namespace, name = gateway.metadata.namespace, gateway.metadata.name
    if missing_class:
        # It is not known whose the gateway is, so nothing of it is touched.
        return GatewayObjects(namespace, name, problem=f"its GatewayClass {missing_class} does not exist")
    if provider is None:
        return GatewayObjects(namespace, name)
    return provider.gateway_objects(gateway, program, observed, settings)


def _obsolete(
    wanted: GatewayObjects, existing: tuple[Mapping[str, Any], ...]
) -> tuple[Mapping[str, Any], ...]:
    return obsolete(existing, (wanted,), PROVIDERS)


def _set(limits: tuple[Limit, ...]) -> frozenset[Limit]:
    return frozenset(limits)


def _limits(
    wanted: tuple[Limit, ...], present: tuple[Limit, ...], forgotten: frozenset[Identity]
) -> tuple[Limit, ...]:
    return union(wanted, (one for one in present if one.identity not in forgotten))


def _limitador(kuadrant: Kuadrant | None, limits: tuple[Limit, ...]) -> LimitadorObject:
    return LimitadorObject() if kuadrant is None else limitador(kuadrant, limits)


def oldest(kuadrants: Iterable[Kuadrant]) -> Kuadrant | None:
    """The Kuadrant that counts where there are several."""
    return min(
        (one for one in kuadrants if one.metadata.deletion_timestamp is None),
        key=lambda one: (one.metadata.creation_timestamp or "", one.metadata.namespace, one.metadata.name),
        default=None,
    )


def is_ready(resource: Limitador) -> bool:
    """Whether the rate limit service says that it serves the resource as it is now."""
    return is_observed(resource) and says_ready(resource)


def is_observed(resource: Limitador) -> bool:
    """Whether the rate limit service has seen the resource as it is now."""
    return resource.status.observed_generation >= resource.metadata.generation


def says_ready(resource: Limitador) -> bool:
    """Whether the rate limit service says that it serves what it has seen of the resource."""
    return any(
        condition.get("type") == "Ready" and condition.get("status") == "True"
        for condition in resource.status.conditions
    )


def service_address(resource: Limitador) -> Address | None:
    """Where the rate limit service answers gRPC; None as long as it has not said so."""
    service = resource.status.service
    return Address(service.host, service.ports.grpc) if service.host and service.ports.grpc else None


def held_limits(resource: Limitador) -> tuple[Limit, ...]:
    """The limits of a resource as they are written; those that cannot be read are left out."""
    return read_limits(resource.spec.limits)[0]
