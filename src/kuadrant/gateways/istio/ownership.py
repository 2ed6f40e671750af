"""The objects of Istio that are ours: controlled by a Gateway, and named as this or a former version does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.gateways import ownership
from kuadrant.gateways.istio.gateway_objects import CLUSTER_NAMES, PLUGIN_NAMES, envoy_filter_name
from kuadrant.gateways.istio.push_filter import PUSH_NAMES
from kuadrant.gateways.object_names import ObjectNames
from kuadrant.gateways.obsolete_objects import guards_by_authorization

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES: Final = {
    "WasmPlugin": (PLUGIN_NAMES,),
    # The last are those of Kuadrant 1.0 and later.
    "EnvoyFilter": (CLUSTER_NAMES, PUSH_NAMES, ObjectNames("ratelimiting")),
}


def owner(document: Mapping[str, Any]) -> str | None:
    """Return the Gateway that a WasmPlugin or EnvoyFilter was made for; None if it is not ours."""
    gateway = ownership.owner(document)
    if gateway is None:
        return None
    kind, name = document["kind"], document["metadata"]["name"]
    if any(names.is_for(name, gateway) for names in _NAMES[kind]):
        return gateway
    # Kuadrant 1.5 and later: the module in an EnvoyFilter.
    former = (kind, name) == ("EnvoyFilter", f"kuadrant-{gateway}")
    return gateway if former and not guards_by_authorization(document) else None


def is_needed(document: Mapping[str, Any]) -> bool:
    """Return whether an object of ours holds the cluster that plugins and asking filters name."""
    name: str = document["metadata"]["name"]
    return document["kind"] == "EnvoyFilter" and name == envoy_filter_name(ownership.owner(document) or "")
