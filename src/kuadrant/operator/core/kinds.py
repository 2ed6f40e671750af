"""Lists the kinds that the operator follows, and what it reads of each."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from kuadrant.api.gateway import GatewayClass
from kuadrant.api.kuadrant import Kuadrant
from kuadrant.api.limitador import Limitador
from kuadrant.api.meta import ObjectMeta
from kuadrant.api.pod import Pod
from kuadrant.api.request_authentication import RequestAuthentication
from kuadrant.api.security_policy import SecurityPolicy
from kuadrant.api.service import EndpointSlice, Namespace, Service
from kuadrant.gateways.providers import PROVIDERS
from kuadrant.kube.kind import Kind

MANAGER: Final = "kuadrant-operator"
"""The field manager of everything that the operator writes."""


class _Stored(Struct, frozen=True):
    """Holds an object with its status as everybody has written it."""

    metadata: ObjectMeta
    status: dict[str, Any] = msgspec.field(default_factory=dict)


class StoredMonitor(Struct, frozen=True):
    """Holds whose a monitor is; what it says is compared by what we own of it."""

    metadata: ObjectMeta


class StoredPolicy(_Stored, frozen=True, kw_only=True):
    """Holds a RateLimitPolicy as it is stored, of either version: `stored_policy.read` tells which."""

    spec: dict[str, Any]


class StoredGateway(_Stored, frozen=True, kw_only=True):
    """Holds a Gateway as it is stored: `stored_gateway_api` tells what it says."""

    spec: dict[str, Any]


class StoredRule(Struct, frozen=True):
    """Holds what decides to which requests a rule of a route applies."""

    name: Any = None
    matches: tuple[Any, ...] | None = None


class StoredRouteSpec(Struct, frozen=True, rename="camel"):
    """Holds what decides whose requests a route takes."""

    parent_refs: tuple[Any, ...] | None = None
    hostnames: tuple[Any, ...] | None = None
    rules: tuple[StoredRule, ...] = ()


class StoredRoute(_Stored, frozen=True, kw_only=True):
    """Holds an HTTPRoute or GRPCRoute as it is stored: `stored_gateway_api` tells what it says."""

    spec: StoredRouteSpec = StoredRouteSpec()


_GATEWAY_API: Final = "gateway.networking.k8s.io"
_OURS: Final = (MANAGER,)

GATEWAY_CLASSES = Kind(_GATEWAY_API, "v1", "gatewayclasses", "GatewayClass", GatewayClass, namespaced=False)
GATEWAYS = Kind(_GATEWAY_API, "v1", "gateways", "Gateway", StoredGateway)
HTTP_ROUTES = Kind(_GATEWAY_API, "v1", "httproutes", "HTTPRoute", StoredRoute)
GRPC_ROUTES = Kind(_GATEWAY_API, "v1", "grpcroutes", "GRPCRoute", StoredRoute)
NAMESPACES = Kind("", "v1", "namespaces", "Namespace", Namespace, namespaced=False)
SERVICES = Kind("", "v1", "services", "Service", Service)
ENDPOINT_SLICES = Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", EndpointSlice)
PODS = Kind("", "v1", "pods", "Pod", Pod)
KUADRANTS = Kind("kuadrant.io", "v1beta1", "kuadrants", "Kuadrant", Kuadrant, managers=_OURS)
POLICIES = Kind("kuadrant.io", "v1", "ratelimitpolicies", "RateLimitPolicy", StoredPolicy, managers=_OURS)
LIMITADORS = Kind("limitador.kuadrant.io", "v1alpha1", "limitadors", "Limitador", Limitador, managers=_OURS)

REQUEST_AUTHENTICATIONS = Kind(
    "security.istio.io", "v1beta1", "requestauthentications", "RequestAuthentication", RequestAuthentication
)
SECURITY_POLICIES = Kind(
    "gateway.envoyproxy.io", "v1alpha1", "securitypolicies", "SecurityPolicy", SecurityPolicy
)

_MONITORING: Final = "monitoring.coreos.com"
SERVICE_MONITORS = Kind(_MONITORING, "v1", "servicemonitors", "ServiceMonitor", StoredMonitor, managers=_OURS)
POD_MONITORS = Kind(_MONITORING, "v1", "podmonitors", "PodMonitor", StoredMonitor, managers=_OURS)

OF_PROVIDERS: Final[dict[str, Kind[dict[str, Any]]]] = {
    kind.name: Kind(kind.group, kind.version, kind.plural, kind.name, dict[str, Any], managers=_OURS)
    for provider in PROVIDERS
    for kind in provider.KINDS
}
"""The kinds that gateways are configured by, by name."""

DESCRIBED: Final[tuple[tuple[Kind[Any], str], ...]] = (
    *((kind, "spec") for kind in OF_PROVIDERS.values()),
    (LIMITADORS, "spec"),
    (POLICIES, "status"),
)
"""The kinds of which it matters what fields this or that part has.

It differs between versions of who installed them.
"""

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
    REQUEST_AUTHENTICATIONS,
    SECURITY_POLICIES,
    SERVICE_MONITORS,
    POD_MONITORS,
    *OF_PROVIDERS.values(),
)
"""The kinds of which every object is followed."""
