"""The kinds and names of all objects that a Gateway can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.gateways import envoy_gateway, istio

if TYPE_CHECKING:
    from collections.abc import Iterable


def of_istio(gateway: str, ports: Iterable[int]) -> list[tuple[str, str]]:
    """The kinds and names of all objects that a Gateway of Istio can have."""
    return [
        *(("WasmPlugin", istio.wasm_plugin_name(gateway, port)) for port in (None, *ports)),
        ("EnvoyFilter", istio.envoy_filter_name(gateway)),
        ("EnvoyFilter", istio.push_filter_name(gateway)),
    ]


def of_envoy_gateway(gateway: str, ports: Iterable[int]) -> list[tuple[str, str]]:
    """The same of Envoy Gateway."""
    return [
        *(
            ("EnvoyExtensionPolicy", envoy_gateway.extension_policy_name(gateway, port))
            for port in (None, *ports)
        ),
        ("EnvoyPatchPolicy", envoy_gateway.patch_policy_name(gateway)),
        ("EnvoyPatchPolicy", envoy_gateway.push_policy_name(gateway)),
        ("EnvoyPatchPolicy", envoy_gateway.http3_policy_name(gateway)),
    ]
