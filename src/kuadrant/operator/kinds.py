"""The kinds that the operator follows, and what it reads of each."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from kuadrant.api.gateway import Gateway, GatewayClass
from kuadrant.api.grpc_route import GRPCRoute
from kuadrant.api.http_route import HTTPRoute
from kuadrant.api.kuadrant import Kuadrant
from kuadrant.api.meta import ObjectMeta
from kuadrant.api.service import Namespace, Service
from kuadrant.kube.kind import Kind

MANAGER: Final = "kuadrant-operator"
"""The field manager of everything that the operator writes."""


class Labelled(Struct, frozen=True):
    """An object of which only the metadata is read."""

    metadata: ObjectMeta


class StoredPolicy(Struct, frozen=True, rename="camel"):
    """A RateLimitPolicy as it is stored, in whichever form: ``operator.policies`` tells which."""

    metadata: ObjectMeta
    spec: dict[str, Any]
    status: dict[str, Any] = msgspec.field(default_factory=dict)


class LimitadorService(Struct, frozen=True):
    """Where a rate limit service answers."""

    host: str = ""
    ports: dict[str, int] = msgspec.field(default_factory=dict)


class LimitadorStatus(Struct, frozen=True, rename="camel"):
    """What the rate limit service says of its resource."""

    observed_generation: int = 0
    conditions: tuple[dict[str, Any], ...] = ()
    service: LimitadorService = LimitadorService()


class Limitador(Struct, frozen=True):
    """A Limitador resource: the limits as they are written, and the service's word."""

    metadata: ObjectMeta
    spec: dict[str, Any] = msgspec.field(default_factory=dict)
    status: LimitadorStatus = LimitadorStatus()


_GATEWAY_API: Final = "gateway.networking.k8s.io"
_OURS: Final = (MANAGER,)

GATEWAY_CLASSES = Kind(_GATEWAY_API, "v1", "gatewayclasses", "GatewayClass", GatewayClass, namespaced=False)
GATEWAYS = Kind(_GATEWAY_API, "v1", "gateways", "Gateway", Gateway)
HTTP_ROUTES = Kind(_GATEWAY_API, "v1", "httproutes", "HTTPRoute", HTTPRoute)
GRPC_ROUTES = Kind(_GATEWAY_API, "v1", "grpcroutes", "GRPCRoute", GRPCRoute)
NAMESPACES = Kind("", "v1", "namespaces", "Namespace", Namespace, namespaced=False)
SERVICES = Kind("", "v1", "services", "Service", Service)
PODS = Kind("", "v1", "pods", "Pod", Labelled)
KUADRANTS = Kind("kuadrant.io", "v1beta1", "kuadrants", "Kuadrant", Kuadrant, managers=_OURS)
POLICIES = Kind("kuadrant.io", "v1", "ratelimitpolicies", "RateLimitPolicy", StoredPolicy, managers=_OURS)
LIMITADORS = Kind("limitador.kuadrant.io", "v1alpha1", "limitadors", "Limitador", Limitador, managers=_OURS)
WASM_PLUGINS: Kind[dict[str, Any]] = Kind(
    "extensions.istio.io", "v1alpha1", "wasmplugins", "WasmPlugin", dict[str, Any], managers=_OURS
)
ENVOY_FILTERS: Kind[dict[str, Any]] = Kind(
    "networking.istio.io", "v1alpha3", "envoyfilters", "EnvoyFilter", dict[str, Any], managers=_OURS
)

ALL: Final[tuple[Kind[Any], ...]] = (
    GATEWAY_CLASSES,
    GATEWAYS,
    HTTP_ROUTES,
    GRPC_ROUTES,
    NAMESPACES,
    SERVICES,
    PODS,
    KUADRANTS,
    POLICIES,
    LIMITADORS,
    WASM_PLUGINS,
    ENVOY_FILTERS,
)
