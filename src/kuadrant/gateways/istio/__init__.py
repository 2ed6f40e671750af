"""Gateways of Istio, as a :class:`kuadrant.gateways.provider.Provider`: of WasmPlugins and EnvoyFilters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.gateways.istio.gateway_objects import envoy_filter_name, gateway_objects, wasm_plugin_name
from kuadrant.gateways.istio.match_precedence import match_precedence
from kuadrant.gateways.istio.ownership import is_needed, owner
from kuadrant.gateways.istio.pod_selection import GATEWAY_NAME, TOKEN, NotSelectable, Selection, selection
from kuadrant.gateways.istio.push_filter import push_filter_name
from kuadrant.gateways.provider import ObjectKind, ObjectVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.api.gateway import Gateway
    from kuadrant.gateways.provider import GatewaySurroundings

__all__ = [
    "CONTROLLERS",
    "CONTROL_PLANE",
    "DRAIN",
    "GATEWAY_NAME",
    "KINDS",
    "LINGER",
    "NAME",
    "TOKEN",
    "NotSelectable",
    "Selection",
    "envoy_filter_name",
    "gateway_objects",
    "is_needed",
    "match_precedence",
    "module_of",
    "observe",
    "owner",
    "push_filter_name",
    "selection",
    "standing",
    "wasm_plugin_name",
]

NAME: Final = "Istio"
CONTROLLERS: Final[tuple[str, ...]] = ("istio.io/gateway-controller",)
CONTROL_PLANE: Final = "app=istiod"
"""The labels of istiod's Service, of every revision; its EndpointSlices have them too."""
DRAIN: Final = 0.0
"""Connections to a former listener keep its filters, which need nothing else."""
LINGER: Final = 50.0
"""The time for which Istio drains connections to a former listener (``drainDuration``, 45 s), and some more.

They keep the plugin's filter, which asks by the cluster that is in an object of its own.
"""
KINDS: Final = (
    ObjectKind("networking.istio.io", "v1alpha3", "envoyfilters", "EnvoyFilter"),
    ObjectKind("extensions.istio.io", "v1alpha1", "wasmplugins", "WasmPlugin"),
)


def observe(gateway: Gateway, surroundings: GatewaySurroundings) -> Selection | NotSelectable:
    """Return how the pods of ``gateway`` are found, in a form that this version of Istio has."""
    fields = surroundings.fields.get("WasmPlugin")
    return selection(
        gateway,
        surroundings.services,
        surroundings.pods,
        # Istio 1.23 and later.
        target_refs=fields is None or "targetRefs" in fields,
    )


def module_of(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the module that an object of ours names; empty if it names none."""
    return document.get("spec", {}).get("sha256") or ""


def standing(_: Mapping[str, Any], _others: Iterable[Mapping[str, Any]]) -> ObjectVerdict:
    """Istio says nothing of its objects: what it reads counts as accepted."""
    return ObjectVerdict(accepted=True)
