"""What a provider of gateways offers, each as a package beside this file: :class:`Provider`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field

from kuadrant.api.service import Service
from kuadrant.compiler.program import HostProgram
from kuadrant.gateways.envoy import Address
from kuadrant.gateways.module import Module
from kuadrant.gateways.push import Delivery, PushServer, Token

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.gateway import Gateway
    from kuadrant.compiler.program import GatewayProgram, RuleProgram


class ObjectKind(Struct, frozen=True):
    """A namespaced kind of object that a provider reads its configuration from, and where the API server serves it."""

    group: str
    version: str
    plural: str
    name: str


class SeenPod(Struct, frozen=True, gc=False):
    """A pod: its labels, and the tokens that it has as files."""

    labels: Mapping[str, str]
    tokens: frozenset[Token] = frozenset()


class Surroundings(Struct, frozen=True, kw_only=True):
    """What is around a gateway.

    ``services`` are all Services by namespace and name, ``pods`` the pods in the gateway's namespace. ``existing`` are
    the objects that :meth:`Provider.owner` gives to the gateway, as the API server has them. ``fields`` are the names of the fields
    that the ``spec`` of each kind has in this cluster; a kind of which that is not known is not among them.
    """

    services: Mapping[tuple[str, str], Service] = field(default_factory=dict)
    pods: tuple[SeenPod, ...] = ()
    existing: tuple[Mapping[str, Any], ...] = ()
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Settings(Struct, frozen=True, kw_only=True):
    """What is the same for every gateway.

    ``configure`` renders hosts in the dialect of ``module``, as JSON text; it names the cluster ``RATE_LIMIT_CLUSTER``, which is to
    lead to ``rate_limit``. ``configure_by_address`` names that address instead; None if the dialect has no word for one. Gateways that are pushed to ask ``push`` for module and configuration: without it there are none.
    ``delivery`` is for those that do not say it themselves. Pods of Envoy Gateway's proxies are believed to be that in
    ``envoy_gateway_namespace`` and in their gateway's own.
    """

    module: Module
    configure: Callable[[tuple[HostProgram, ...]], bytes]
    rate_limit: Address
    configure_by_address: Callable[[tuple[HostProgram, ...], Address], bytes] | None = None
    push: PushServer | None = None
    delivery: Delivery = "pull"
    envoy_gateway_namespace: str = "envoy-gateway-system"


class PodSelector(Struct, frozen=True):
    """The pods of a gateway: those in one of ``namespaces`` that have all of ``labels``. They show ``token`` when they ask us."""

    namespaces: frozenset[str]
    labels: Mapping[str, str]
    token: Token | None = None


class GatewayObjects(Struct, frozen=True):
    """What there has to be for one gateway, in the order in which it is to be made.

    With a ``problem``, a sentence, not everything is decided: what there is beside ``objects`` stays as it is. With ``prove``, the address of that module has
    to give its bytes right before the objects are written: the gateway failed to get them a moment ago. A gateway that asks us has
    what it is to get in ``pushed``, the shim's configuration by the name of the resource, and ``pods`` may ask for it.
    """

    namespace: str
    name: str
    objects: tuple[dict[str, Any], ...] = ()
    problem: str | None = None
    prove: Module | None = None
    pushed: Mapping[str, bytes] = field(default_factory=dict)
    pods: PodSelector | None = None


class Standing(Struct, frozen=True, gc=False):
    """What a provider says of an object: it was ``accepted``, or ``refused`` with these words, or nothing yet."""

    accepted: bool = False
    refused: str = ""


class Provider(Protocol):
    """One provider; all of it is pure. A module may be one.

    ``CONTROLLERS`` are the names of controllers (of a GatewayClass) whose gateways it has. ``KINDS`` are the kinds of objects that
    it makes or made in a former version. ``TOKEN`` is the one that pods of gateways have where the provider gives
    them one. ``DRAIN`` is for how many seconds connections may go on that were open before a gateway
    began to ask us, and that are limited by what its plugin's object says as long as that is there.
    """

    @property
    def NAME(self) -> str:  # noqa: N802 - a module's constant
        """What people call it."""

    @property
    def CONTROLLERS(self) -> tuple[str, ...]:  # noqa: N802
        """See above."""

    @property
    def KINDS(self) -> tuple[ObjectKind, ...]:  # noqa: N802
        """See above."""

    @property
    def TOKEN(self) -> Token | None:  # noqa: N802
        """See above."""

    @property
    def DRAIN(self) -> float:  # noqa: N802
        """See above."""

    def observe(self, gateway: Gateway, surroundings: Surroundings, /) -> Any:
        """Return all of ``surroundings`` that the objects depend on, as a value that can be compared."""

    def gateway_objects(
        self, gateway: Gateway, program: GatewayProgram, observed: Any, settings: Settings, /
    ) -> GatewayObjects:
        """Return the objects for ``gateway``, which does what ``program`` says; none if nothing is limited there.

        ``observed`` is from :meth:`observe`. No object is larger than ``gateways.size`` allows.
        """

    def router_order(self, rule: RuleProgram, /) -> Any:
        """Return a sort key, by which the provider's routers order the rules of a host name.

        Those with equal keys stay in the order of ``GatewayProgram``.
        """

    def owner(self, document: Mapping[str, Any], /) -> str | None:
        """Return the Gateway, in the namespace of ``document``, that this or a former version made it for.

        ``document`` is an object of one of ``KINDS`` as the API server has it. None if it is not ours.
        """

    def is_needed(self, document: Mapping[str, Any], /) -> bool:
        """Return whether the gateway's other objects need this one, one of ours, as long as they are there."""

    def module_of(self, document: Mapping[str, Any], /) -> str:
        """Return the SHA-256 of the module that an object of ours has its gateway load; empty if it names none."""

    def standing(self, document: Mapping[str, Any], others: Iterable[Mapping[str, Any]], /) -> Standing:
        """Return what the provider says of an object of ours in the version that the API server has.

        ``others`` are the objects of its kinds that are not ours: some may take the place of ours for a part of the requests.
        """
