"""The objects that make an Istio gateway limit requests.

An EnvoyFilter with the rate limit service, and a WasmPlugin, or an EnvoyFilter by which the gateway asks us
for the module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from kuadrant.gateways.delivery_mode import delivery, pushed, undeliverable
from kuadrant.gateways.envoy import RATE_LIMIT_CLUSTER, Address, named_http2_cluster
from kuadrant.gateways.istio.pod_selection import NotSelectable, Selection, why_ports_cannot_be_told_apart
from kuadrant.gateways.istio.push_filter import push_filter
from kuadrant.gateways.object_names import PORTS, ObjectNames, port_part
from kuadrant.gateways.object_size import too_large
from kuadrant.gateways.ownership import metadata
from kuadrant.gateways.plugin_tables import Table, tables
from kuadrant.gateways.provider import GatewayObjects, GatewaySettings, PodSelector

if TYPE_CHECKING:
    from kuadrant.api.gateway import Gateway
    from kuadrant.compiler.program import GatewayProgram
    from kuadrant.gateways.delivery_mode import PushTarget

PLUGIN_NAMES: Final = ObjectNames(parts=PORTS)
"""The names of WasmPlugins."""
CLUSTER_NAMES: Final = ObjectNames("ratelimiting-cluster")
"""The names of the EnvoyFilters with the rate limit service."""


def gateway_objects(
    gateway: Gateway, program: GatewayProgram, pods: Selection | NotSelectable, settings: GatewaySettings
) -> GatewayObjects:
    """Return the objects for ``gateway``, which is to do as ``program`` says; none if nothing is limited."""
    namespace, name = gateway.metadata.namespace, gateway.metadata.name
    wanted = tables(program)
    problem = undeliverable(gateway, settings.delivery, settings.push)
    if problem is not None:
        return GatewayObjects(namespace, name, problem=problem)
    way = delivery(gateway, settings.delivery)
    served = pushed(gateway, wanted, settings.rendering.by_cluster) if way == "push" else {}
    selector = (
        None
        if isinstance(pods, NotSelectable)
        else PodSelector(frozenset({namespace}), pods.labels, pods.token)
    )
    if not wanted:
        return GatewayObjects(namespace, name, pushed=served, pods=selector)
    unselectable = f"the pods of Gateway {namespace}/{name} cannot be selected: "
    if isinstance(pods, NotSelectable):
        return GatewayObjects(namespace, name, problem=unselectable + pods.reason)
    ports = [table.port for table in wanted if table.port is not None]
    if unclear := why_ports_cannot_be_told_apart(pods, ports):
        problem = f"{unselectable}its ports limit a host name in different ways, and {unclear}"
        return GatewayObjects(namespace, name, problem=problem, inseparable=unclear)
    objects = (
        _envoy_filter(gateway, pods, settings.rate_limit),
        *(
            (_push_filter(gateway, pods, wanted, settings.push),)
            if settings.push is not None and way == "push"
            else (_wasm_plugin(gateway, pods, table, settings) for table in wanted)
        ),
    )
    if problems := "; ".join(filter(None, map(too_large, objects))):
        return GatewayObjects(namespace, name, problem=problems, too_large=True)
    return GatewayObjects(namespace, name, objects, pushed=served, pods=selector)


def _push_filter(
    gateway: Gateway, pods: Selection, wanted: tuple[Table, ...], server: PushTarget
) -> dict[str, Any]:
    ports = sorted({listener.port for listener in gateway.spec.listeners})
    plugins = [wasm_plugin_name(gateway.metadata.name, port) for port in (None, *ports)]
    return push_filter(gateway, pods, wanted, server, plugins)


def wasm_plugin_name(gateway: str, port: int | None = None) -> str:
    """Return the name of the WasmPlugin for the Gateway of that name, or for one port of it."""
    return PLUGIN_NAMES.of(gateway, port_part(port))


def envoy_filter_name(gateway: str) -> str:
    """Return the name of the EnvoyFilter for the Gateway of that name."""
    return CLUSTER_NAMES.of(gateway)


def _wasm_plugin(
    gateway: Gateway, pods: Selection, table: Table, settings: GatewaySettings
) -> dict[str, Any]:
    one_port: dict[str, Any] = {}
    if table.port is not None:
        one_port["match"] = [{"ports": [{"number": pods.pod_ports[table.port]}]}]
    return {
        "apiVersion": "extensions.istio.io/v1alpha1",
        "kind": "WasmPlugin",
        "metadata": metadata(wasm_plugin_name(gateway.metadata.name, table.port), gateway, {}),
        "spec": {
            **_attachment(gateway, pods),
            **one_port,
            "url": settings.module.url,
            "sha256": settings.module.sha256,
            "phase": "STATS",
            # A module that cannot be fetched or has trapped answers in the place of the application.
            "failStrategy": "FAIL_CLOSE",
            "pluginConfig": msgspec.json.decode(settings.rendering.by_cluster(table.hosts)),
        },
    }


def _attachment(gateway: Gateway, pods: Selection) -> dict[str, Any]:
    if pods.by_reference:
        name = gateway.metadata.name
        return {"targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name}]}
    return {"selector": {"matchLabels": pods.labels}}


def _envoy_filter(gateway: Gateway, pods: Selection, rate_limit: Address) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": metadata(
            envoy_filter_name(gateway.metadata.name), gateway, {"kuadrant.io/ratelimit": "true"}
        ),
        "spec": {
            # Labels, since only some versions of Istio have targetRefs here.
            "workloadSelector": {"labels": pods.labels},
            "configPatches": [
                {
                    "applyTo": "CLUSTER",
                    "match": {"context": "GATEWAY"},
                    "patch": {
                        "operation": "ADD",
                        "value": named_http2_cluster(RATE_LIMIT_CLUSTER, rate_limit),
                    },
                }
            ],
        },
    }
