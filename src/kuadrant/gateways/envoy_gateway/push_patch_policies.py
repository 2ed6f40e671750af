"""The EnvoyPatchPolicies that make a gateway's proxies ask the operator for module and configuration.

Envoy Gateway carries out one patch after the other: one that fails is left out, the others hold, and the
condition ``Programmed`` says so. Without ``Programmed=True`` it is not known that every listener asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.gateways.delivery_mode import ASKS, PushTarget, asking_filter, resource_name
from kuadrant.gateways.envoy import LISTENER
from kuadrant.gateways.object_names import ObjectNames
from kuadrant.gateways.ownership import metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.api.gateway import Gateway
    from kuadrant.gateways.plugin_tables import Table

PUSH_NAMES: Final = ObjectNames("push", parts="http3")
"""The names of the EnvoyPatchPolicies that make gateways ask us."""
_ROUTER: Final = "envoy.filters.http.router"
_PLUGIN_FILTER: Final = "envoy.filters.http.wasm/envoyextensionpolicy/{}/{}/wasm/0"
"""The name that Envoy Gateway gives the filter of an EnvoyExtensionPolicy's module."""

_NOTHING: Final = {
    "name": "kuadrant/nothing",
    "disabled": True,
    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"},
}
"""A filter that does nothing, and is not asked to."""


def push_policy_name(gateway: str) -> str:
    """Return the name of the EnvoyPatchPolicy that makes the Gateway of that name ask us."""
    return PUSH_NAMES.of(gateway)


def http3_policy_name(gateway: str) -> str:
    """Return the name of the EnvoyPatchPolicy that makes the Gateway's listeners of HTTP/3 ask us."""
    return PUSH_NAMES.of(gateway, "http3")


def push_policies(
    gateway: Gateway, tables: Iterable[Table], server: PushTarget, plugins: Iterable[str]
) -> tuple[dict[str, Any], ...]:
    """Return what makes the listeners of ``tables`` ask, in the place of the policies ``plugins``.

    A listener gets its filters as a whole, so a request meets a plugin or the asking filter, never both and
    never neither. The plugins may come and go while these objects are there.

    Whether a port speaks HTTP/3 is set by others: there may be no listener for it, so these are an object of
    their own.
    """
    tables, plugins = tuple(tables), tuple(plugins)
    tcp, quic = (
        _patches(gateway, tables, server, plugins),
        _patches(gateway, tables, server, plugins, quic=True),
    )
    name = gateway.metadata.name
    policies = [_policy(push_policy_name(name), gateway, tcp)]
    if quic:
        policies.append(_policy(http3_policy_name(name), gateway, quic))
    return tuple(policies)


def _policy(name: str, gateway: Gateway, patches: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "EnvoyPatchPolicy",
        "metadata": metadata(name, gateway, ASKS),
        "spec": {
            "targetRef": {
                "group": "gateway.networking.k8s.io",
                "kind": "Gateway",
                "name": gateway.metadata.name,
            },
            "type": "JSONPatch",
            "jsonPatches": patches,
        },
    }


def _patches(
    gateway: Gateway,
    tables: Iterable[Table],
    server: PushTarget,
    plugins: Iterable[str],
    *,
    quic: bool = False,
) -> list[dict[str, Any]]:
    namespace, name = gateway.metadata.namespace, gateway.metadata.name
    replaced = [_PLUGIN_FILTER.format(namespace, plugin) for plugin in plugins]
    patches = []
    for table in tables:
        asking = asking_filter(resource_name(namespace, name, table.port), server)
        for listener in _listeners(gateway, table, quic=quic):
            # A patch that finds nothing counts as a failure, and a plugin may be there or not: so one filter
            # to replace is there in any case. To remove filters would move those behind them from under the
            # patch.
            patches += [
                _patch(listener, "add", [_ROUTER], _NOTHING),
                _patch(listener, "replace", [_NOTHING["name"], *replaced], _NOTHING),
                _patch(listener, "add", [_ROUTER], asking),
            ]
    return patches


def _listeners(gateway: Gateway, table: Table, *, quic: bool) -> Iterator[str]:
    """Yield Envoy Gateway's names of a table's listeners: one a port, named after its first listener."""
    first: dict[int, str] = {}
    encrypted: set[int] = set()
    for listener in gateway.spec.listeners:
        if listener.protocol in ("HTTP", "HTTPS") and table.port in (None, listener.port):
            first.setdefault(listener.port, listener.name)
            if listener.protocol == "HTTPS":
                encrypted.add(listener.port)
    for port, name in first.items():
        full = f"{gateway.metadata.namespace}/{gateway.metadata.name}/{name}"
        if not quic:
            yield full
        elif port in encrypted:
            yield f"{full}-quic"


def _patch(listener: str, operation: str, filters: Iterable[object], value: dict[str, Any]) -> dict[str, Any]:
    """Do something where ``filters`` are, in every chain of a listener."""
    chosen = " || ".join(f"@.name == '{name}'" for name in filters)
    return {
        "type": LISTENER,
        "name": listener,
        "operation": {"op": operation, "jsonPath": f"$..http_filters[?({chosen})]", "value": value},
    }
