"""Envoy's own configuration, for an Envoy that we configure whole."""

from kuadrant.gateways.envoy.address import Address
from kuadrant.gateways.envoy.bootstrap import bootstrap
from kuadrant.gateways.envoy.clusters import CLUSTER, RATE_LIMIT_CLUSTER, named_http2_cluster
from kuadrant.gateways.envoy.endpoints import ENDPOINTS, BackendKey, ready_addresses
from kuadrant.gateways.envoy.extension import EXTENSION
from kuadrant.gateways.envoy.listeners import LISTENER, ListenerKey, Unserved, unserved
from kuadrant.gateways.envoy.resources import ListenerSettings, resources
from kuadrant.gateways.envoy.routes import ROUTES
from kuadrant.gateways.envoy.staging import surviving

__all__ = [
    "CLUSTER",
    "ENDPOINTS",
    "EXTENSION",
    "LISTENER",
    "RATE_LIMIT_CLUSTER",
    "ROUTES",
    "Address",
    "BackendKey",
    "ListenerKey",
    "ListenerSettings",
    "Unserved",
    "bootstrap",
    "named_http2_cluster",
    "ready_addresses",
    "resources",
    "surviving",
    "unserved",
]
