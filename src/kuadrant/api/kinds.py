"""The registry of the kinds that are read."""

from typing import Final

from kuadrant.api.gateway import Gateway, GatewayClass
from kuadrant.api.grpc_route import GRPCRoute
from kuadrant.api.http_route import HTTPRoute
from kuadrant.api.kuadrant import Kuadrant
from kuadrant.api.meta import Object
from kuadrant.api.rate_limit_policy import RateLimitPolicyV1, RateLimitPolicyV1Beta2
from kuadrant.api.reference_grant import ReferenceGrant
from kuadrant.api.request_authentication import RequestAuthentication
from kuadrant.api.secret import Secret
from kuadrant.api.security_policy import SecurityPolicy
from kuadrant.api.service import EndpointSlice, Namespace, Service

KINDS: Final[dict[tuple[str, str], type[Object]]] = {
    (version, struct.kind): struct
    for struct in (
        EndpointSlice,
        GRPCRoute,
        Gateway,
        GatewayClass,
        HTTPRoute,
        Kuadrant,
        Namespace,
        RateLimitPolicyV1,
        RateLimitPolicyV1Beta2,
        ReferenceGrant,
        RequestAuthentication,
        Secret,
        SecurityPolicy,
        Service,
    )
    for version in struct.api_versions
}
"""The struct of each ``(apiVersion, kind)``."""
