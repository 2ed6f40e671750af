"""The order in which a change reaches the rate limit service and Envoy.

At no moment is a request unlimited.

1. The rate limit service holds the old and the new limits.
2. Envoy knows the old and the new clusters and endpoints, and the certificates of listeners.
3. The router forgets what the shim is about to forget.
4. The shim gets its new configuration.
5. The router gets its new routes, and listeners come and go.
6. Old clusters, endpoints and certificates go. (Old limits go later: calls on their way still ask for them.)

Each stage waits until Envoy has acknowledged the one before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kuadrant.api.limitador import Limit, union
from kuadrant.gateways import envoy

if TYPE_CHECKING:
    from collections.abc import Mapping

    Resources = Mapping[str, Mapping[str, Mapping[str, Any]]]


class Target(Struct, frozen=True):
    """A whole state: what the rate limit service holds, and what Envoy is told (type URL, name, resource)."""

    limits: tuple[Limit, ...]
    resources: Resources


def stages(now: Target, wanted: Target) -> tuple[Target, ...]:
    """Return the states to go through from ``now``; the last holds all of ``wanted``'s resources.

    Limits of ``now`` stay to the end; where both have the same limit, the new maximum holds at once.
    """
    limits = union(wanted.limits, now.limits)
    old, new = now.resources, wanted.resources
    result: list[Target] = []
    resources = dict(old)

    def stage(**changed: Mapping[str, Mapping[str, Any]]) -> None:
        resources.update({_TYPES[name]: value for name, value in changed.items()})
        if not result or resources != result[-1].resources:
            result.append(Target(limits, dict(resources)))

    def both(type_url: str) -> Mapping[str, Mapping[str, Any]]:
        return {**old.get(type_url, {}), **new.get(type_url, {})}

    def part(type_url: str) -> Mapping[str, Mapping[str, Any]]:
        return new.get(type_url, {})

    stage(clusters=both(envoy.CLUSTER), endpoints=both(envoy.ENDPOINTS), certificates=both(envoy.SECRET))
    stage(routes=envoy.surviving(old.get(envoy.ROUTES, {}), part(envoy.ROUTES)))
    stage(extensions=both(envoy.EXTENSION))
    stage(routes=both(envoy.ROUTES), listeners=part(envoy.LISTENER))
    stage(
        clusters=part(envoy.CLUSTER),
        endpoints=part(envoy.ENDPOINTS),
        routes=part(envoy.ROUTES),
        extensions=part(envoy.EXTENSION),
        certificates=part(envoy.SECRET),
    )
    return tuple(result)


_TYPES = {
    "clusters": envoy.CLUSTER,
    "endpoints": envoy.ENDPOINTS,
    "routes": envoy.ROUTES,
    "extensions": envoy.EXTENSION,
    "listeners": envoy.LISTENER,
    "certificates": envoy.SECRET,
}
