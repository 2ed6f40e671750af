"""The interface that each package beside this file implements for one kind of gateways: `Provider`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field

from kuadrant.api.service import Service
from kuadrant.compiler.program import HostProgram
from kuadrant.gateways.delivery_mode import DeliveryMode, PushTarget, Token
from kuadrant.gateways.envoy import Address
from kuadrant.gateways.module_address import ModuleAddress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.gateway import Gateway
    from kuadrant.compiler.program import GatewayProgram, RuleProgram


class ObjectKind(Struct, frozen=True):
    """A namespaced kind of object that a provider reads, and where the API server serves it."""

    group: str
    version: str
    plural: str
    name: str


class SeenPod(Struct, frozen=True, gc=False):
    """A pod: its labels, and the tokens that it has as files."""

    labels: Mapping[str, str]
    tokens: frozenset[Token] = frozenset()


class GatewaySurroundings(Struct, frozen=True, kw_only=True):
    """Shows a provider what is around a gateway.

    Attributes:
        services: All Services by namespace and name.
        pods: The pods in the gateway's namespace.
        existing: The objects that `Provider.owner` gives to the gateway, as the API server has them.
        fields: The names of the fields that the ``spec`` of each kind has in this cluster, as far as known.
    """

    services: Mapping[tuple[str, str], Service] = field(default_factory=dict)
    pods: tuple[SeenPod, ...] = ()
    existing: tuple[Mapping[str, Any], ...] = ()
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Rendering(Struct, frozen=True, eq=False):
    """Renders what a module is configured with for some hosts, as JSON text.

    Attributes:
        by_cluster: Names the rate limit service by the cluster ``RATE_LIMIT_CLUSTER``, which leads to it.
        by_address: Names it by its address instead; None if the dialect has no word for one.
    """

    by_cluster: Callable[[tuple[HostProgram, ...]], bytes]
    by_address: Callable[[tuple[HostProgram, ...], Address], bytes] | None = None


class GatewaySettings(Struct, frozen=True, kw_only=True):
    """Holds what is the same for every gateway.

    Attributes:
        module: The module that gateways load.
        rendering: Renders hosts in the dialect of ``module``.
        rate_limit: The address of the rate limit service.
        push: The server that gateways ask for module and configuration; without it none can be pushed to.
        delivery: The way of gateways that do not say it themselves.
        envoy_gateway_namespace: The namespace in which pods are believed to be proxies of Envoy Gateway, as
            they are in their gateway's own.
    """

    module: ModuleAddress
    rendering: Rendering
    rate_limit: Address
    push: PushTarget | None = None
    delivery: DeliveryMode = "pull"
    envoy_gateway_namespace: str = "envoy-gateway-system"


class PodSelector(Struct, frozen=True):
    """Finds the pods of a gateway: those in ``namespaces`` with all of ``labels``; they show us ``token``."""

    namespaces: frozenset[str]
    labels: Mapping[str, str]
    token: Token | None = None


class GatewayObjects(Struct, frozen=True):
    """Lists the objects for one gateway, in the order in which they are to be made.

    Attributes:
        namespace: The gateway's namespace.
        name: The gateway's name.
        objects: The objects.
        problem: A sentence if not everything is decided; what there is beside ``objects`` stays then.
        too_large: The objects would be larger than may be written; ``problem`` says so.
        inseparable: Why the gateway cannot be told its ports apart, where they limit a host name in different
            ways; ``problem`` says so, too.
        prove: A module whose address has to give its bytes right before the objects are written, since the
            gateway failed to get them a moment ago.
        pushed: The shim's configuration by the name of the resource, for a gateway that asks us.
        pods: The pods that may ask for it.
    """

    namespace: str
    name: str
    objects: tuple[dict[str, Any], ...] = ()
    problem: str | None = None
    too_large: bool = False
    inseparable: str = ""
    prove: ModuleAddress | None = None
    pushed: Mapping[str, bytes] = field(default_factory=dict)
    pods: PodSelector | None = None


class ObjectVerdict(Struct, frozen=True, gc=False):
    """A provider's word on an object: ``accepted``, ``refused`` for these reasons, or nothing yet."""

    accepted: bool = False
    refused: str = ""


class Provider(Protocol):
    """Turns programs into the objects of one kind of gateways; all of it is pure. A module may be one."""

    @property
    def NAME(self) -> str:  # noqa: N802 - a module's constant
        """The name that people call it by."""

    @property
    def CONTROLLERS(self) -> tuple[str, ...]:  # noqa: N802
        """The names of the controllers (of a GatewayClass) whose gateways it has."""

    @property
    def KINDS(self) -> tuple[ObjectKind, ...]:  # noqa: N802
        """The kinds of objects that it makes, or made in a former version."""

    @property
    def TOKEN(self) -> Token | None:  # noqa: N802
        """The token that pods of gateways have, where the provider gives them one."""

    @property
    def CONTROL_PLANE(self) -> str:  # noqa: N802
        """The selector of the EndpointSlices of what gives gateways our objects.

        Empty where the provider says of an object that it has taken it.
        """

    @property
    def DRAIN(self) -> float:  # noqa: N802
        """Seconds for which connections may go on that were open before a gateway began to ask us.

        They are limited by what the plugin's object says, as long as that is there.
        """

    @property
    def LINGER(self) -> float:  # noqa: N802
        """Seconds for which a gateway may ask the rate limit service after the plugin's object went."""

    def observe(self, gateway: Gateway, surroundings: GatewaySurroundings, /) -> Any:
        """Return all of ``surroundings`` that the objects depend on, as a value that can be compared."""

    def gateway_objects(
        self, gateway: Gateway, program: GatewayProgram, observed: Any, settings: GatewaySettings, /
    ) -> GatewayObjects:
        """Return the objects for ``gateway``, which is to do as ``program`` says; none if nothing is limited.

        ``observed`` is from :meth:`observe`. No object is larger than ``gateways.size`` allows.
        """

    def match_precedence(self, rule: RuleProgram, /) -> Any:
        """Return a sort key, by which the provider's routers order the rules of a host name.

        Those with equal keys stay in the order of ``GatewayProgram``.
        """

    def owner(self, document: Mapping[str, Any], /) -> str | None:
        """Return the Gateway, in the namespace of ``document``, that this or a former version made it for.

        ``document`` is an object of one of ``KINDS`` as the API server has it. None if it is not ours.
        """

    def is_needed(self, document: Mapping[str, Any], /) -> bool:
        """Return whether the gateway's other objects need this one as long as they are there."""

    def module_of(self, document: Mapping[str, Any], /) -> str:
        """Return the SHA-256 of the module that an object of ours makes its gateway load; empty if none."""

    def standing(self, document: Mapping[str, Any], others: Iterable[Mapping[str, Any]], /) -> ObjectVerdict:
        """Return what the provider says of an object of ours in the version that the API server has.

        ``others`` are the objects of its kinds that are not ours: some may take the place of ours for a part
        of the requests.
        """
