"""A configuration of Envoy with its own rate limit filter in front of our service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import envoy

from kuadrant.api.limitador import Limit

TYPES = "type.googleapis.com/envoy.extensions.filters"


ENVOY = Path(envoy.__file__).parent / "_bin" / "envoy"


def limit(max_value: int) -> Limit:
    return Limit(
        namespace="default/toystore",
        max_value=max_value,
        seconds=3600,
        conditions=('descriptors[0]["limit.toys__1"] == "1"',),
        variables=('descriptors[0]["user"]',),
        name="toys",
    )


def socket_address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def listener(port: int, host: dict[str, Any], filters: list[dict[str, Any]]) -> dict[str, Any]:
    manager = {
        "@type": f"{TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "test",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], **host}]},
        "http_filters": [
            *filters,
            {"name": "router", "typed_config": {"@type": f"{TYPES}.http.router.v3.Router"}},
        ],
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    return {"address": socket_address(port), "filter_chains": [chain]}


def cluster(name: str, port: int, **more: Any) -> dict[str, Any]:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": socket_address(port)}}]}]
    load = {"cluster_name": name, "endpoints": endpoints}
    return {"name": name, "connect_timeout": "1s", "type": "STATIC", "load_assignment": load, **more}


def configuration(port: int, upstream_port: int, service_port: int) -> dict[str, Any]:
    """A listener that asks the rate limit service about every request.

    Another one answers those that pass with 200.

    Without the service, requests are refused.
    """
    descriptor = [
        {"generic_key": {"descriptor_key": "limit.toys__1", "descriptor_value": "1"}},
        {"request_headers": {"header_name": "x-user", "descriptor_key": "user"}},
    ]
    limited = {
        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}],
        "rate_limits": [{"actions": descriptor}],
    }
    answering = {"routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]}
    rate_limit = {
        "@type": f"{TYPES}.http.ratelimit.v3.RateLimit",
        "domain": "default/toystore",
        "timeout": "5s",
        "failure_mode_deny": True,
        "rate_limit_service": {
            "transport_api_version": "V3",
            "grpc_service": {"envoy_grpc": {"cluster_name": "ratelimit"}},
        },
    }
    # Pings far more often than anyone would, so that a core that objects to them is found out.
    keepalive = {"connection_keepalive": {"interval": "0.05s", "timeout": "2s"}}
    http2 = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": keepalive},
    }
    options = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2}
    return {
        "admin": {"address": socket_address(0)},
        "static_resources": {
            "listeners": [
                listener(port, limited, [{"name": "ratelimit", "typed_config": rate_limit}]),
                listener(upstream_port, answering, []),
            ],
            "clusters": [
                cluster("ratelimit", service_port, typed_extension_protocol_options=options),
                cluster("upstream", upstream_port),
            ],
        },
    }


async def listening(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(30):
        while True:
            assert process.returncode is None, "Envoy has ended"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            await writer.wait_closed()
            return
