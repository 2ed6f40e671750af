"""The way in which a gateway asks the operator for module and configuration, instead of being told where.

An HTTP filter of the gateway has no configuration of its own: Envoy opens a stream to the operator and gets
it there (ECDS), module and all, whenever it changes, without a new listener.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from kuadrant.gateways.envoy import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kuadrant.api.gateway import Gateway
    from kuadrant.compiler.program import HostProgram
    from kuadrant.gateways.plugin_tables import Table

DeliveryMode = Literal["pull", "push"]
"""The way a gateway gets the module: from an address that an object names, or by asking us."""

ANNOTATION: Final = "kuadrant.io/wasm-delivery"
"""On a Gateway: its own way, whatever is the rule."""

ASKS: Final = {"kuadrant.io/wasm-delivery": "push"}
"""The label of an object by which a gateway asks us."""

_MODULE: Final = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
_FAULT: Final = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"
_FILE_CREDENTIALS: Final = "envoy.grpc_credentials.file_based_metadata"
_FILE_METADATA: Final = "type.googleapis.com/envoy.config.grpc_credential.v3.FileBasedMetadataConfig"
_MESSAGE_BYTES: Final = 64 * 2**20


class PushTarget(Struct, frozen=True, kw_only=True):
    """The place of the push server, and the authority, a certificate in PEM, by which gateways know it."""

    address: Address
    authority: str


class Token(Struct, frozen=True):
    """A token of a pod's service account that the pod has as a file, and for whom it is."""

    file: str
    audience: str


def delivery(gateway: Gateway, default: DeliveryMode) -> DeliveryMode | None:
    """Return how ``gateway`` is to get the module; None if its annotation says something that is no way."""
    match gateway.metadata.annotations.get(ANNOTATION, default):
        case "pull":
            return "pull"
        case "push":
            return "push"
        case _:
            return None


def undeliverable(gateway: Gateway, default: DeliveryMode, server: PushTarget | None) -> str | None:
    """Return why ``gateway`` cannot get the module in its way, as a sentence; None if it can."""
    name = f"{gateway.metadata.namespace}/{gateway.metadata.name}"
    way = delivery(gateway, default)
    if way is None:
        return f"the annotation {ANNOTATION} of Gateway {name} is neither pull nor push"
    if way == "push" and server is None:
        return f"Gateway {name} is to be pushed to, but the push server is off"
    return None


def asks(document: Mapping[str, Any]) -> bool:
    """Tell whether an object, as the API server has it, makes its gateway ask us."""
    labels: Mapping[str, str] = document["metadata"].get("labels") or {}
    return ASKS.items() <= labels.items()


def resource_name(namespace: str, gateway: str, port: int | None = None) -> str:
    """Return the name under which a gateway asks for its configuration, or for that of one of its ports."""
    return f"kuadrant/{namespace}/{gateway}" if port is None else f"kuadrant/{namespace}/{gateway}/{port}"


def pushed(
    gateway: Gateway, wanted: Iterable[Table], configure: Callable[[tuple[HostProgram, ...]], bytes]
) -> dict[str, bytes]:
    """Return the configuration of each asking filter of ``gateway``, by the name of its resource.

    Where nothing is wanted, pods that ask already are told that nothing is limited any more.
    """
    key = (gateway.metadata.namespace, gateway.metadata.name)
    found = {resource_name(*key, table.port): configure(table.hosts) for table in wanted}
    return found or {resource_name(*key): configure(())}


def asking_filter(name: str, server: PushTarget, token: Token | None = None) -> dict[str, Any]:
    """Return the HTTP filter, as Envoy's JSON, whose configuration is the resource ``name`` of ``server``.

    With ``token`` Envoy shows it to the server. Where the file does not exist it asks for nothing.

    A listener that gets this filter is not used before the first answer: what was there before serves on. If
    the very first answer is one that Envoy refuses, every request is answered with 503. What comes later
    replaces what is there, or leaves it in place where Envoy refuses it.
    """
    return {
        "name": name,
        "config_discovery": {
            "config_source": {
                "resource_api_version": "V3",
                # Without end: a gateway that serves goes on with what it has, one that starts is not ready.
                "initial_fetch_timeout": "0s",
                "api_config_source": {
                    "api_type": "GRPC",
                    "transport_api_version": "V3",
                    "set_node_on_first_message_only": True,
                    "grpc_services": [_service(server, token)],
                },
            },
            "type_urls": [_MODULE, _FAULT],
            "default_config": {
                "@type": _FAULT,
                "abort": {"http_status": 503, "percentage": {"numerator": 100}},
            },
        },
    }


def _service(server: PushTarget, token: Token | None) -> dict[str, Any]:
    # Envoy refuses a cluster of its own here unless it was there from its start. gRPC looks the name up by
    # itself.
    google: dict[str, Any] = {"target_uri": f"dns:///{server.address}", "stat_prefix": "kuadrant_push"}
    google["channel_credentials"] = {"ssl_credentials": {"root_certs": {"inline_string": server.authority}}}
    if token is not None:
        google["credentials_factory_name"] = _FILE_CREDENTIALS
        google["call_credentials"] = [
            {
                "from_plugin": {
                    "name": _FILE_CREDENTIALS,
                    "typed_config": {
                        "@type": _FILE_METADATA,
                        "secret_data": {"filename": token.file},
                        "header_key": "authorization",
                        "header_prefix": "Bearer ",
                    },
                }
            }
        ]
    google["channel_args"] = {
        "args": {
            "grpc.max_receive_message_length": {"int_value": _MESSAGE_BYTES},
            # An operator that went away without a word is found out in 30 s,
            "grpc.keepalive_time_ms": {"int_value": 20_000},
            "grpc.keepalive_timeout_ms": {"int_value": 10_000},
            "grpc.http2.max_pings_without_data": {"int_value": 0},
            # and one that comes back in 2 s; by itself gRPC would wait for up to two minutes, and Envoy for
            # 30 s before it asks for a stream again: it does not if gRPC lets the stream wait for the
            # connection.
            "grpc.min_reconnect_backoff_ms": {"int_value": 5_000},
            "grpc.max_reconnect_backoff_ms": {"int_value": 2_000},
            "grpc.service_config": {"string_value": '{"methodConfig":[{"name":[{}],"waitForReady":true}]}'},
        }
    }
    return {"google_grpc": google}
