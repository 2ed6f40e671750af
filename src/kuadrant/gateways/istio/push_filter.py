"""The EnvoyFilter that makes the pods of a gateway ask the operator for the module and its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.gateways.delivery_mode import ASKS, PushTarget, asking_filter, resource_name
from kuadrant.gateways.object_names import ObjectNames
from kuadrant.gateways.ownership import metadata

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.gateway import Gateway
    from kuadrant.gateways.istio.pod_selection import Selection
    from kuadrant.gateways.plugin_tables import Table

PUSH_NAMES: Final = ObjectNames("push")
"""The names of the EnvoyFilters that make gateways ask us."""
_MANAGER: Final = "envoy.filters.network.http_connection_manager"
_ROUTER: Final = "envoy.filters.http.router"

# What Istio calls the filter of a WasmPlugin: up to 1.25 (the misspelling is Istio's), up to 1.29, and since
# then.
_PLUGIN_FILTERS: Final = (
    "extenstions.istio.io/wasmplugin/{}",
    "extensions.istio.io/wasmplugin/{}",
    "extensions.istio.io/trafficextension/{}~istio-translated-wasmplugin",
)


def push_filter_name(gateway: str) -> str:
    """Return the name of the EnvoyFilter that makes the Gateway of that name ask us."""
    return PUSH_NAMES.of(gateway)


def push_filter(
    gateway: Gateway, pods: Selection, tables: Iterable[Table], server: PushTarget, plugins: Iterable[str]
) -> dict[str, Any]:
    """Return the EnvoyFilter: a filter for each of ``tables`` that asks, in the place of the ``plugins``.

    A gateway whose filters change gets a new listener as a whole, so a request meets the former plugins or
    the asking filters, never both and never neither. The plugins themselves may come and go while this object
    is there.
    """
    namespace, name = gateway.metadata.namespace, gateway.metadata.name
    patches = [
        _patch(form.format(f"{namespace}.{plugin}"), None, {"operation": "REMOVE"})
        for plugin in plugins
        for form in _PLUGIN_FILTERS
    ]
    for table in tables:
        asking = asking_filter(resource_name(namespace, name, table.port), server, pods.token)
        pod_port = None if table.port is None else pods.pod_ports[table.port]
        patches.append(_patch(_ROUTER, pod_port, {"operation": "INSERT_BEFORE", "value": asking}))
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": metadata(push_filter_name(name), gateway, ASKS),
        "spec": {
            # Labels, since only some versions of Istio have targetRefs here.
            "workloadSelector": {"labels": pods.labels},
            "configPatches": patches,
        },
    }


def _patch(http_filter: str, pod_port: int | str | None, patch: dict[str, Any]) -> dict[str, Any]:
    listener: dict[str, Any] = {
        "filterChain": {"filter": {"name": _MANAGER, "subFilter": {"name": http_filter}}}
    }
    if pod_port is not None:
        listener = {"portNumber": pod_port, **listener}
    return {
        "applyTo": "HTTP_FILTER",
        "match": {"context": "GATEWAY", "listener": listener},
        "patch": patch,
    }
