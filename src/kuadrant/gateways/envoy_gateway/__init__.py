"""Gateways of Envoy Gateway, as a :class:`kuadrant.gateways.provider.Provider`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.gateways import ownership
from kuadrant.gateways.envoy_gateway.ancestor_status import standing
from kuadrant.gateways.envoy_gateway.gateway_objects import (
    CLUSTER_NAMES,
    PLUGIN_NAMES,
    extension_policy_name,
    gateway_objects,
    patch_policy_name,
)
from kuadrant.gateways.envoy_gateway.match_precedence import match_precedence
from kuadrant.gateways.envoy_gateway.observation import Observation, module_of, observation
from kuadrant.gateways.envoy_gateway.push_patch_policies import (
    PUSH_NAMES,
    http3_policy_name,
    push_policy_name,
)
from kuadrant.gateways.provider import ObjectKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.api.gateway import Gateway
    from kuadrant.gateways.delivery_mode import Token
    from kuadrant.gateways.provider import GatewaySurroundings

__all__ = [
    "CONTROLLERS",
    "CONTROL_PLANE",
    "DRAIN",
    "KINDS",
    "LINGER",
    "NAME",
    "TOKEN",
    "Observation",
    "extension_policy_name",
    "gateway_objects",
    "http3_policy_name",
    "is_needed",
    "match_precedence",
    "module_of",
    "observation",
    "observe",
    "owner",
    "patch_policy_name",
    "push_policy_name",
    "standing",
]

NAME: Final = "Envoy Gateway"
CONTROLLERS: Final[tuple[str, ...]] = ("gateway.envoyproxy.io/gatewayclass-controller",)
TOKEN: Final[Token | None] = None
"""By default its proxies have none: they prove themselves by a certificate that all of them share."""
CONTROL_PLANE: Final = ""
DRAIN: Final = 60.0
"""The time with which Envoy Gateway starts Envoy (``--drain-time-s``).

A plugin's filter is off, and routes turn it on: with the plugin goes what turns it on, for connections to the
former listener as well, whose filters stay.
"""
LINGER: Final = 5.0
"""Its proxies hear of routes and of clusters by streams of their own, one after the other."""
_GROUP: Final = "gateway.envoyproxy.io"
KINDS: Final = (
    ObjectKind(_GROUP, "v1alpha1", "envoypatchpolicies", "EnvoyPatchPolicy"),
    ObjectKind(_GROUP, "v1alpha1", "envoyextensionpolicies", "EnvoyExtensionPolicy"),
)


def observe(_: Gateway, surroundings: GatewaySurroundings) -> Observation:
    """Return what Envoy Gateway says of the objects that are there."""
    return observation(surroundings.existing)


def owner(document: Mapping[str, Any]) -> str | None:
    """Return the Gateway that an object, as the API server has it, was made for; None if it is not ours."""
    gateway = ownership.owner(document)
    if gateway is None:
        return None
    kind, name = document["kind"], document["metadata"]["name"]
    ours = (PLUGIN_NAMES,) if kind == "EnvoyExtensionPolicy" else (CLUSTER_NAMES, PUSH_NAMES)
    return gateway if any(names.is_for(name, gateway) for names in ours) else None


def is_needed(document: Mapping[str, Any]) -> bool:
    """Return whether other objects need this one: the module may ask by the cluster that is in it."""
    name: str = document["metadata"]["name"]
    return (
        name == patch_policy_name(ownership.owner(document) or "") and document["kind"] == "EnvoyPatchPolicy"
    )
