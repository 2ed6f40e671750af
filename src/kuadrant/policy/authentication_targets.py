"""Decides which Gateways a RequestAuthentication is for, where pods are not looked at.

`kuadrant run` has no pods, and only carries out what names a Gateway; of a cluster it is known what may be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.policy.model import GATEWAY_API

if TYPE_CHECKING:
    from kuadrant.api.gateway import Gateway
    from kuadrant.api.request_authentication import RequestAuthentication

GATEWAY_LABEL: Final = "gateway.networking.k8s.io/gateway-name"
"""The label by which providers say of a pod which Gateway's it is."""
_ROOT_NAMESPACE: Final = "istio-system"


def is_for_gateway(one: RequestAuthentication, gateway: Gateway) -> bool:
    """Return whether it is for the Gateway by what it says: its target, or the Gateway's own label."""
    if one.metadata.namespace != gateway.metadata.namespace:
        return False
    if one.spec.targets:
        wanted = (GATEWAY_API, "Gateway", gateway.metadata.name)
        return any((target.group, target.kind, target.name) == wanted for target in one.spec.targets)
    labels = one.spec.selector.match_labels if one.spec.selector else {}
    return labels in ({}, {GATEWAY_LABEL: gateway.metadata.name})


def may_be_for_gateway(one: RequestAuthentication, gateway: Gateway) -> bool:
    """Return whether it may be for the Gateway in a cluster; which pods labels select is not known."""
    named = [(target.kind, target.name) for target in one.spec.targets]
    if one.metadata.namespace == gateway.metadata.namespace:
        return ("Gateway", gateway.metadata.name) in named if named else True
    return one.metadata.namespace == _ROOT_NAMESPACE and not named
