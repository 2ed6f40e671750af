"""Listeners: one for each port of each gateway, closed until routes and shim are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kuadrant.gateways.envoy import cross_origin, discovered_filter
from kuadrant.gateways.envoy.access_log import access_log_to
from kuadrant.gateways.envoy.ads_source import ads
from kuadrant.gateways.envoy.secret_resources import quic_socket, tls_socket
from kuadrant.gateways.envoy.socket_address import Address, socket_address
from kuadrant.policy.hostnames import EVERY_HOSTNAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.compiler.program import GatewayProgram, ListenerProgram
    from kuadrant.gateways.envoy.certificates import TlsChain

LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"

_MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)
_TLS_INSPECTOR = "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"

ListenerKey = tuple[str, int]
"""The gateway as ``namespace/name``, and the port of its listener."""


class Unserved(Struct, frozen=True, gc=False):
    """Listeners of a gateway (``namespace/name``) that share a port on which nothing is served, and why."""

    gateway: str
    names: tuple[str, ...]
    port: int
    reason: str


Chains = Mapping[ListenerKey, tuple["TlsChain", ...]]
"""The certificates of listeners of HTTPS, by host name."""


def served(
    programs: Iterable[GatewayProgram], addresses: Mapping[ListenerKey, Address], chains: Chains
) -> Iterator[tuple[ListenerKey, str, ListenerProgram, Address, tuple[TlsChain, ...]]]:
    """Yield key, name, program, address and certificates of every listener that can be served."""
    for gateway in programs:
        for listener in gateway.listeners:
            if _obstacle(gateway, listener, addresses, chains) is None:
                key = _key(gateway, listener)
                yield key, _name(gateway, listener), listener, addresses[key], chains.get(key, ())


def unserved(
    programs: Iterable[GatewayProgram], addresses: Mapping[ListenerKey, Address], chains: Chains
) -> tuple[Unserved, ...]:
    """Return the listeners that ``resources`` leaves out."""
    return tuple(
        Unserved(_key(gateway, listener)[0], listener.names, listener.port, reason)
        for gateway in programs
        for listener in gateway.listeners
        if (reason := _obstacle(gateway, listener, addresses, chains)) is not None
    )


def _obstacle(
    gateway: GatewayProgram,
    listener: ListenerProgram,
    addresses: Mapping[ListenerKey, Address],
    chains: Chains,
) -> str | None:
    key = _key(gateway, listener)
    if key not in addresses:
        return f"no address is set aside for port {listener.port}"
    if listener.protocol == "HTTPS" and key not in chains:
        return "it has no certificate"
    return None


def _key(gateway: GatewayProgram, listener: ListenerProgram) -> ListenerKey:
    return (f"{gateway.namespace}/{gateway.name}", listener.port)


def _name(gateway: GatewayProgram, listener: ListenerProgram) -> str:
    return f"{gateway.namespace}/{gateway.name}/{listener.port}"


def listener(
    name: str,
    address: Address,
    chains: tuple[TlsChain, ...] = (),
    access_log: str | None = None,
    authentication: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the listener ``name``; its routes and its shim's configuration have the same name.

    With ``chains`` it speaks TLS, by the host name that a client asks for; a name that has none is refused.
    With ``access_log``, the path of a file, that gets a line for each request. With ``authentication``, a
    filter, that looks at a request before the shim does.
    """
    filters = [
        {"name": "envoy.http_connection_manager", "typed_config": _manager(name, access_log, authentication)}
    ]
    own = {"listener_filters": [_inspector()]} if chains else {}
    return {
        "@type": LISTENER,
        "name": name,
        "address": socket_address(address),
        # Two Envoys on one port would each get some of the connections; so the second one is refused.
        "enable_reuse_port": False,
        "connection_balance_config": {"exact_balance": {}},
        "per_connection_buffer_limit_bytes": 32768,
        **own,
        "filter_chains": [_chain(chain, filters) for chain in chains] or [{"filters": filters}],
    }


def http3_listener(
    name: str,
    address: Address,
    chains: tuple[TlsChain, ...],
    access_log: str | None = None,
    authentication: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what serves HTTP/3 beside the listener ``name`` of HTTPS, by its routes and at its port of UDP.

    Certificates are chosen as there; the rest is as in ``listener``.
    """
    manager = _manager(name, access_log, authentication) | {
        "codec_type": "HTTP3",
        "http3_protocol_options": {},
    }
    # Nothing of a connection of TCP is left in it.
    for field in ("upgrade_configs", "http2_protocol_options"):
        del manager[field]
    filters = [{"name": "envoy.http_connection_manager", "typed_config": manager}]
    return {
        "@type": LISTENER,
        "name": http3_name(name),
        "address": socket_address(address, protocol="UDP"),
        # Each worker has a socket of its own; that nobody else has the port is seen at the one of TCP.
        "enable_reuse_port": True,
        "udp_listener_config": {"quic_options": {}},
        "per_connection_buffer_limit_bytes": 32768,
        "filter_chains": [
            {**_chain(chain, filters), "transport_socket": quic_socket(chain.certificates)}
            for chain in chains
        ],
    }


def http3_name(name: str) -> str:
    """Return the name of the listener of HTTP/3 beside the one of that name."""
    return f"{name}/http3"


def _inspector() -> dict[str, Any]:
    return {"name": "envoy.filters.listener.tls_inspector", "typed_config": {"@type": _TLS_INSPECTOR}}


def _chain(chain: TlsChain, filters: list[dict[str, Any]]) -> dict[str, Any]:
    # Without a name to match it is for clients that ask for none, too, and for any other.
    match = {} if chain.hostname == EVERY_HOSTNAME else {"server_names": [chain.hostname]}
    return {
        "filter_chain_match": match,
        "name": chain.hostname,
        "filters": filters,
        "transport_socket": tls_socket(chain.certificates),
    }


def _manager(name: str, access_log: str | None, authentication: dict[str, Any] | None) -> dict[str, Any]:
    logged = {} if access_log is None else {"access_log": [access_log_to(access_log)]}
    return {
        "@type": _MANAGER,
        "stat_prefix": name,
        **logged,
        "rds": {"route_config_name": name, "config_source": ads(wait=True)},
        "http_filters": [
            cross_origin.before_limits(),
            *([authentication] if authentication else []),
            {
                "name": name,
                "config_discovery": {"config_source": ads(wait=True), "type_urls": [discovered_filter.WASM]},
            },
            cross_origin.after_limits(),
            {"name": "envoy.router", "typed_config": {"@type": _ROUTER, "suppress_envoy_headers": True}},
        ],
        # The path is made plain before any filter sees it, so that shim, router and backend mean the same
        # one.
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        "use_remote_address": True,
        "server_header_transformation": "PASS_THROUGH",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65536,
            "initial_connection_window_size": 1048576,
        },
        # No limit for a whole request: uploads and streams may take their time as long as something moves.
        "common_http_protocol_options": {"idle_timeout": "3600s"},
        "stream_idle_timeout": "300s",
        "request_headers_timeout": "10s",
    }
