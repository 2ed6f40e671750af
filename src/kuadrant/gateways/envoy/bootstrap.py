"""The bootstrap that Envoy is started with: its name, and the server that it gets everything else from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.gateways.envoy.ads_source import ads
from kuadrant.gateways.envoy.clusters import fixed_http2_cluster
from kuadrant.gateways.envoy.socket_address import Address, socket_address

if TYPE_CHECKING:
    from collections.abc import Mapping

_XDS_CLUSTER = "xds"
_CONNECTIONS = (
    "type.googleapis.com/envoy.extensions.resource_monitors"
    ".downstream_connections.v3.DownstreamConnectionsConfig"
)

_RUNTIME = {
    # By itself Envoy refuses all routes for one regular expression that compiles to more than 100
    # instructions; RE2 bounds the memory of an expression on its own, and matches in linear time.
    "re2.max_program_size.error_level": 4294967295,
}

LIMIT_TAGS = [
    {
        "tag_name": "kuadrant_limit",
        "regex": r"^wasmcustom\.kuadrant\.(kuadrant_limit\.=\.(.*?);\.)kuadrant_scope",
    },
    {
        "tag_name": "kuadrant_scope",
        "regex": (
            r"^wasmcustom\.kuadrant\.kuadrant_limit\.=\..*?;\.(kuadrant_scope\.=\.(.*?);\.)[a-z_]+_by_limit$"
        ),
    },
]
"""What makes labels of the limit and the scope in the name of a limit's counter."""


def bootstrap(node: str, *, admin: Address, xds: Address) -> dict[str, Any]:
    """Return the bootstrap of an Envoy that gets listeners and clusters from the ADS server at ``xds``.

    Nothing is sent anywhere else: no statistics, no traces, no logs.
    """
    xds_cluster: Mapping[str, Any] = fixed_http2_cluster(_XDS_CLUSTER, xds)
    return {
        "node": {"id": node, "cluster": "kuadrant"},
        "admin": {"address": socket_address(admin)},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": _XDS_CLUSTER}}],
            },
            "cds_config": ads(wait=True),
            "lds_config": ads(wait=True),
        },
        # A message of the bootstrap names its type by its place.
        "static_resources": {"clusters": [{key: xds_cluster[key] for key in xds_cluster if key != "@type"}]},
        "stats_config": {"stats_tags": LIMIT_TAGS},
        "layered_runtime": {"layers": [{"name": "kuadrant", "static_layer": _RUNTIME}]},
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {"@type": _CONNECTIONS, "max_active_downstream_connections": 50000},
                }
            ]
        },
    }
