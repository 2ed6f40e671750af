"""Which objects of ours, of this version or a former one, are there but not wanted any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kuadrant.gateways.istio.objects import envoy_filter_name, wasm_plugin_name
from kuadrant.gateways.istio.push import push_filter_name
from kuadrant.gateways.ownership import owner

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.gateways.istio.objects import GatewayObjects


def obsolete(
    existing: Iterable[Mapping[str, Any]], gateways: Iterable[GatewayObjects]
) -> tuple[Mapping[str, Any], ...]:
    """Return those of ``existing``, WasmPlugins and EnvoyFilters as the API server has them, that are to be deleted.

    ``gateways`` are all gateways of Istio. Ours is what a Gateway controls under a name that this or a former version gives;
    the order is the one to delete in: while a plugin or an asking filter is there it needs its cluster. Nothing of a gateway with a problem is
    among them, and everything of a gateway that is not Istio's any more.
    """
    undecided = {(one.namespace, one.name) for one in gateways if one.problem is not None}
    wanted = {_key(document) for one in gateways for document in one.objects}
    return tuple(
        sorted(
            (
                document
                for document in existing
                if _is_ours(document)
                and _key(document) not in wanted
                and (document["metadata"]["namespace"], owner(document)) not in undecided
            ),
            key=lambda document: (_holds_cluster(document), document["kind"] != "WasmPlugin", _key(document)),
        )
    )


def _key(document: Mapping[str, Any]) -> tuple[str, str, str]:
    return (document["kind"], document["metadata"]["namespace"], document["metadata"]["name"])


def _holds_cluster(document: Mapping[str, Any]) -> bool:
    name: str = document["metadata"]["name"]
    return name == envoy_filter_name(owner(document) or "")


def _is_ours(document: Mapping[str, Any]) -> bool:
    gateway = owner(document)
    if gateway is None:
        return False
    kind, name = document["kind"], document["metadata"]["name"]
    port = name.removeprefix(wasm_plugin_name(gateway)).removeprefix("-port-")
    names = {
        ("WasmPlugin", wasm_plugin_name(gateway)),
        ("WasmPlugin", wasm_plugin_name(gateway, int(port) if port.isdecimal() else None)),
        ("EnvoyFilter", envoy_filter_name(gateway)),
        ("EnvoyFilter", push_filter_name(gateway)),
        # Kuadrant 1.0 and later.
        ("EnvoyFilter", f"kuadrant-ratelimiting-{gateway}"),
    }
    if not _authorizes(document):
        # Kuadrant 1.5 and later: the module in an EnvoyFilter.
        names.add(("EnvoyFilter", f"kuadrant-{gateway}"))
    return (kind, name) in names


def _authorizes(document: Mapping[str, Any]) -> bool:
    """Whether a filter of a former version asks an authorization service: deleting it would open what it guards."""
    text = msgspec.json.encode(document.get("spec", {})).replace(b"\\", b"").replace(b" ", b"")
    return b'"service":"auth-service"' in text
