"""Decides which Gateways and routes tokens and certificates are checked for, where pods are not looked at.

`kuadrant run` has no pods, and only carries out what names a Gateway; of a cluster it is known what may be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.policy.identity_source import ISTIO
from kuadrant.policy.model import GATEWAY_API

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.gateway import Gateway
    from kuadrant.api.objects import Objects
    from kuadrant.api.request_authentication import RequestAuthentication
    from kuadrant.api.security_policy import SecurityPolicy
    from kuadrant.policy.identity_source import IdentitySource

    Key = tuple[str, str, str]

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


def may_be_somebody(
    objects: Objects, source: IdentitySource, gateway: Gateway, routes: Iterable[Key]
) -> bool:
    """Return whether a Gateway with this source may authenticate requests to ``routes`` (kind and names).

    It does not where nothing among ``objects`` has it check tokens, or where it speaks no TLS, by which
    certificates are shown. A header is taken as it comes.
    """
    match source.kind:
        case "header":
            return True
        case "mtls":
            return any(listener.protocol != "HTTP" for listener in gateway.spec.listeners)
    if source.name == ISTIO and any(
        may_be_for_gateway(one, gateway) for one in objects.request_authentications
    ):
        return True
    places = {("Gateway", gateway.metadata.namespace, gateway.metadata.name), *routes}
    return any(
        one.spec.jwt is not None
        and any(provider.name == source.name for provider in one.spec.jwt.providers)
        and _secures(one, places)
        for one in objects.security_policies
    )


def _secures(one: SecurityPolicy, places: set[Key]) -> bool:
    named = {
        (target.kind, target.namespace or one.metadata.namespace, target.name) for target in one.spec.targets
    }
    selected = one.spec.target_selectors and one.metadata.namespace in {
        namespace for _, namespace, _ in places
    }
    return bool(selected) or not named.isdisjoint(places)
