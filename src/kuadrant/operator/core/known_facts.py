"""Holds what is known beside the objects of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct, field

from kuadrant.api.counter_identity import Identity
from kuadrant.dialects import Dialect
from kuadrant.gateways.delivery_mode import DeliveryMode, PushTarget
from kuadrant.gateways.module_address import ModuleAddress
from kuadrant.gateways.provider import Rendering
from kuadrant.operator.core.gateway_tokens import Keys
from kuadrant.policy.failure_mode import DEFAULT_FAILURE_MODE, FailureMode


class ModuleFacts(Struct, frozen=True, kw_only=True):
    """Holds what is known of the module that gateways are told of.

    Attributes:
        address: where it is, and its digest.
        name: its name and version, for people.
        dialect: the dialect that the lock file names for it.
        rendering: renders hosts in that dialect.
        prove: renders them for a gateway that shows the rate limit service a word; None if the module cannot.
        problem: why its address has not been proven to give its bytes; empty if it has.
        pending: why gateways are not told yet of another module that they are to have; empty if there is
            none.
        distrust: why a module that gateways are to have is not served: nobody who is trusted has signed it.
    """

    address: ModuleAddress
    name: str
    dialect: Dialect
    rendering: Rendering
    prove: Callable[[str], Rendering] | None = None
    problem: str = ""
    pending: str = ""
    distrust: str = ""


class PushFacts(Struct, frozen=True, kw_only=True):
    """Holds what is known of the push server.

    Attributes:
        server: where gateways reach it, and by what they know it; None if it is off.
        problem: why its address was not proven; empty if it was.
    """

    server: PushTarget | None = None
    problem: str = ""


class Known(Struct, frozen=True, kw_only=True):
    """Holds what decisions are made from beside the objects.

    Attributes:
        module: the module that gateways are told of.
        push: the push server.
        failure_mode: what gateways do without an answer of the rate limit service.
        keys: keys of the tokens that gateways show; None if they are not known yet.
        refuses: whether the installation has the rate limit service refuse who shows no token.
        mark: by which it may do so now (`callers`); None if what is marked stays.
        retained: limits, by identity, that stay though no policy wants them, since gateways may still ask for
            them; None if all may be.
        can_be_asked: the rate limit service has had endpoints for so long that everybody knows them.
        fields: as in `GatewaySurroundings`.
        delivery: as in `GatewaySettings`.
        envoy_gateway_namespace: as in `GatewaySettings`.
        namespace: the operator's own.
        service_pods: what of the rate limit service's pods is not as its Limitador says (`service_pods`).
    """

    module: ModuleFacts
    push: PushFacts = PushFacts()
    failure_mode: FailureMode = DEFAULT_FAILURE_MODE
    keys: Keys | None = Keys()
    refuses: bool = True
    mark: str | None = ""
    retained: frozenset[Identity] | None = None
    can_be_asked: bool = True
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    delivery: DeliveryMode = "pull"
    envoy_gateway_namespace: str = "envoy-gateway-system"
    namespace: str = "kuadrant-system"
    service_pods: tuple[tuple[str, str], ...] = ()
