"""Envoy's own configuration, for an Envoy that we configure whole."""

from kuadrant.gateways.envoy.bootstrap import bootstrap
from kuadrant.gateways.envoy.certificates import NO_CERTIFICATES, Certificates, TlsChain, certificates
from kuadrant.gateways.envoy.clusters import CLUSTER, RATE_LIMIT_CLUSTER, named_http2_cluster
from kuadrant.gateways.envoy.discovered_filter import EXTENSION
from kuadrant.gateways.envoy.endpoints import ENDPOINTS, BackendKey, http2_ports, ready_addresses
from kuadrant.gateways.envoy.key_pair import KeyPair
from kuadrant.gateways.envoy.listeners import LISTENER, ListenerKey, Unserved, unserved
from kuadrant.gateways.envoy.resources import ListenerSettings, resources
from kuadrant.gateways.envoy.routes import ROUTES
from kuadrant.gateways.envoy.secret_resources import PRIVATE_KEY, SECRET
from kuadrant.gateways.envoy.socket_address import Address
from kuadrant.gateways.envoy.surviving_routes import surviving
from kuadrant.gateways.envoy.token_authentication import NO_AUTHENTICATION, Authentication, authentication

__all__ = [
    "CLUSTER",
    "ENDPOINTS",
    "EXTENSION",
    "LISTENER",
    "NO_AUTHENTICATION",
    "NO_CERTIFICATES",
    "PRIVATE_KEY",
    "RATE_LIMIT_CLUSTER",
    "ROUTES",
    "SECRET",
    "Address",
    "Authentication",
    "BackendKey",
    "Certificates",
    "KeyPair",
    "ListenerKey",
    "ListenerSettings",
    "TlsChain",
    "Unserved",
    "authentication",
    "bootstrap",
    "certificates",
    "http2_ports",
    "named_http2_cluster",
    "ready_addresses",
    "resources",
    "surviving",
    "unserved",
]
