"""All objects that decisions are made from, at one moment."""

from collections.abc import Iterable
from typing import Self, TypeVar

from msgspec import Struct

from kuadrant.api.gateway import Gateway, GatewayClass
from kuadrant.api.grpc_route import GRPCRoute
from kuadrant.api.http_route import HTTPRoute
from kuadrant.api.kuadrant import Kuadrant
from kuadrant.api.meta import Object
from kuadrant.api.rate_limit_policy import RateLimitPolicy, RateLimitPolicyV1, RateLimitPolicyV1Beta2
from kuadrant.api.reference_grant import ReferenceGrant
from kuadrant.api.request_authentication import RequestAuthentication
from kuadrant.api.secret import Secret
from kuadrant.api.security_policy import SecurityPolicy
from kuadrant.api.service import EndpointSlice, Namespace, Service

_O = TypeVar("_O", bound=Object)


class Objects(Struct, frozen=True, gc=False, kw_only=True):
    """The objects of each kind, sorted by namespace and name."""

    gateway_classes: tuple[GatewayClass, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    http_routes: tuple[HTTPRoute, ...] = ()
    grpc_routes: tuple[GRPCRoute, ...] = ()
    services: tuple[Service, ...] = ()
    endpoint_slices: tuple[EndpointSlice, ...] = ()
    reference_grants: tuple[ReferenceGrant, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    secrets: tuple[Secret, ...] = ()
    kuadrants: tuple[Kuadrant, ...] = ()
    rate_limit_policies: tuple[RateLimitPolicy, ...] = ()
    request_authentications: tuple[RequestAuthentication, ...] = ()
    security_policies: tuple[SecurityPolicy, ...] = ()

    @classmethod
    def of(cls, objects: Iterable[Object]) -> Self:
        """Sort ``objects`` into their kinds; their order does not matter."""
        everything = sorted(objects, key=lambda o: (o.metadata.namespace, o.metadata.name))

        def only(kind: type[_O]) -> tuple[_O, ...]:
            return tuple(o for o in everything if isinstance(o, kind))

        return cls(
            gateway_classes=only(GatewayClass),
            gateways=only(Gateway),
            http_routes=only(HTTPRoute),
            grpc_routes=only(GRPCRoute),
            services=only(Service),
            endpoint_slices=only(EndpointSlice),
            reference_grants=only(ReferenceGrant),
            namespaces=only(Namespace),
            secrets=only(Secret),
            kuadrants=only(Kuadrant),
            request_authentications=only(RequestAuthentication),
            security_policies=only(SecurityPolicy),
            rate_limit_policies=tuple(
                o for o in everything if isinstance(o, (RateLimitPolicyV1Beta2, RateLimitPolicyV1))
            ),
        )
