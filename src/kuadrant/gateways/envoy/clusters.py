"""Clusters: one for each port of a Service that a route names, and the rate limit service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.gateways.envoy.ads_source import ads
from kuadrant.gateways.envoy.socket_address import Address, socket_address

if TYPE_CHECKING:
    from kuadrant.compiler.program import Backend

CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
RATE_LIMIT_CLUSTER = "kuadrant-ratelimit-service"

# Envoy's own bounds are 1024; past them it answers in the backend's place.
_NO_BREAKER = {
    "thresholds": [
        {"max_connections": 1000000, "max_pending_requests": 1000000, "max_requests": 1000000},
    ]
}
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def cluster_name(backend: Backend, *, http2: bool) -> str:
    """Return the name of the cluster, and of the endpoints, of a backend: ``namespace/service/port``.

    With ``http2`` the protocol is a part of it.
    """
    name = f"{backend.namespace}/{backend.name}/{backend.port}"
    return f"{name}/h2c" if http2 else name


def backend_cluster(name: str, *, http2: bool) -> dict[str, Any]:
    """Return the cluster of a Service's port, whose endpoints are discovered on their own (EDS).

    It depends on its name alone: Envoy would let a cluster that has changed wait for endpoints that it has
    already.
    """
    own = {"typed_extension_protocol_options": _speaking_http2()} if http2 else {}
    return {
        "@type": CLUSTER,
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": ads()},
        "connect_timeout": "5s",
        "lb_policy": "LEAST_REQUEST",
        "circuit_breakers": _NO_BREAKER,
        **own,
    }


def fixed_http2_cluster(name: str, address: Address) -> dict[str, Any]:
    """Return a cluster of one address that speaks gRPC.

    No HTTP/2 pings keep it alive: gRPC servers take more than a few of them for abuse and close the
    connection, with the calls on it. An address on this machine refuses or resets at once when nobody is
    there.
    """
    return {"@type": CLUSTER, **_http2_cluster(name, "STATIC", address)}


def named_http2_cluster(name: str, address: Address) -> dict[str, Any]:
    """Return a cluster of one host name that speaks gRPC, without a type, for objects that hold clusters.

    Nobody resets a connection to a machine that is gone, so the kernel asks whether it is still there: for
    that the other side has no say, as it has for HTTP/2 pings. A connection is for new calls four seconds
    long: behind the name of a Service is another pod when the one that it leads to is about to end, and a
    call that meets the end of a connection fails. Not shorter, since a new connection that is slow to come
    holds up every call.
    """
    return {
        **_http2_cluster(name, "STRICT_DNS", address, {"max_connection_duration": "4s"}),
        "upstream_connection_options": {
            "tcp_keepalive": {"keepalive_time": 10, "keepalive_interval": 5, "keepalive_probes": 3}
        },
    }


def _http2_cluster(
    name: str, discovery: str, address: Address, options: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "type": discovery,
        "connect_timeout": "1s",
        "circuit_breakers": _NO_BREAKER,
        "typed_extension_protocol_options": _speaking_http2(options),
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(address)}}]}],
        },
    }


def _speaking_http2(options: dict[str, Any] | None = None) -> dict[str, Any]:
    common = {"common_http_protocol_options": options} if options else {}
    # Its own each time: protobuf's JSON parser takes "@type" out of what it reads and puts it back at the
    # end.
    return {
        _HTTP_OPTIONS: {
            "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
            **common,
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
