"""Decides which listeners of which gateways a route is attached to.

That is decided from the objects themselves, by the rules of Gateway API, and from no status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.policy.hostnames import EVERY_HOSTNAME, intersection, most_specific_owner
from kuadrant.policy.model import GATEWAY_API

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from kuadrant.api.gateway import Gateway, Listener
    from kuadrant.api.meta import LabelSelector, LabelSelectorRequirement
    from kuadrant.api.route import ParentReference
    from kuadrant.policy.route import Route

_HTTP_PROTOCOLS = frozenset({"HTTP", "HTTPS"})
_NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"


def takes_requests(listener: Listener) -> bool:
    """Tell whether ``listener`` takes HTTP requests, so that routes and limits mean something there."""
    return listener.protocol in _HTTP_PROTOCOLS


def parent_gateway(route: Route, parent: ParentReference) -> str | None:
    """The gateway, as ``namespace/name``, that ``parent`` refers to; None if it is no gateway."""
    if (parent.group, parent.kind) != (GATEWAY_API, "Gateway"):
        return None
    return f"{parent.namespace or route.namespace}/{parent.name}"


def is_attached(
    route: Route, gateway: Gateway, listener: Listener, namespace_labels: Mapping[str, Mapping[str, str]]
) -> bool:
    """Tell whether ``listener`` of ``gateway`` takes ``route``, host names apart.

    One of the route's parent references has to mean the listener, and the listener has to allow the route's
    kind and namespace. ``namespace_labels`` are the labels of the namespaces that are known.
    """
    key = f"{gateway.metadata.namespace}/{gateway.metadata.name}"
    return (
        takes_requests(listener)
        and any(
            parent_gateway(route, parent) == key
            and parent.section_name in (None, listener.name)
            and parent.port in (None, listener.port)
            for parent in route.parents
        )
        and allows_kind(listener, route)
        and allows_namespace(listener, gateway.metadata.namespace, route.namespace, namespace_labels)
    )


def allows_kind(listener: Listener, route: Route) -> bool:
    """Tell whether ``listener`` takes routes of this kind."""
    kinds = listener.allowed_routes.kinds
    return not kinds or (GATEWAY_API, route.kind) in ((kind.group, kind.kind) for kind in kinds)


def allows_namespace(
    listener: Listener, own: str, namespace: str, namespace_labels: Mapping[str, Mapping[str, str]]
) -> bool:
    """Tell whether ``listener`` of a Gateway in the namespace ``own`` takes routes of ``namespace``."""
    allowed = listener.allowed_routes.namespaces
    match allowed.from_:
        case "All":
            return True
        case "Same":
            return namespace == own
        case "Selector":
            # The API server gives this label to every namespace; a folder need not write it.
            labels = {**namespace_labels.get(namespace, {}), _NAMESPACE_NAME_LABEL: namespace}
            return allowed.selector is not None and is_selected(labels, allowed.selector)
        case "None":
            return False


def is_selected(labels: Mapping[str, str], selector: LabelSelector) -> bool:
    """Tell whether an object with ``labels`` is selected (Kubernetes: label selectors)."""
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _holds(labels, requirement) for requirement in selector.match_expressions
    )


def _holds(labels: Mapping[str, str], requirement: LabelSelectorRequirement) -> bool:
    match requirement.operator:
        case "In":
            return labels.get(requirement.key) in requirement.values
        case "NotIn":
            return labels.get(requirement.key) not in requirement.values
        case "Exists":
            return requirement.key in labels
        case "DoesNotExist":
            return requirement.key not in labels


def served_hostnames(
    route_hostnames: Iterable[str], listener_hostname: str, port_hostnames: AbstractSet[str]
) -> dict[str, frozenset[str]]:
    """The host names under which a listener serves a route.

    Each with the route's host names that it comes from.

    A host name that a more specific listener of the same port owns is not among them: a request is that
    listener's, and nobody else's (Gateway API: listener isolation). ``port_hostnames`` are the host names of
    all listeners of the port.
    """
    served: dict[str, frozenset[str]] = {}
    for hostname in tuple(route_hostnames) or (EVERY_HOSTNAME,):
        common = intersection(hostname, listener_hostname)
        if common is not None and most_specific_owner(common, port_hostnames) == listener_hostname:
            served[common] = served.get(common, frozenset()) | {hostname}
    return served
