"""Gateways of Istio: the objects that make them limit requests, and those that are to be deleted."""

from kuadrant.gateways.istio.objects import (
    GatewayObjects,
    Settings,
    envoy_filter_name,
    gateway_objects,
    wasm_plugin_name,
)
from kuadrant.gateways.istio.obsolete import obsolete
from kuadrant.gateways.istio.push import push_filter_name
from kuadrant.gateways.istio.selection import GATEWAY_NAME, NotSelectable, Selection, selection

__all__ = [
    "GATEWAY_NAME",
    "GatewayObjects",
    "NotSelectable",
    "Selection",
    "Settings",
    "envoy_filter_name",
    "gateway_objects",
    "obsolete",
    "push_filter_name",
    "selection",
    "wasm_plugin_name",
]
