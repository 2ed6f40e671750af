"""Changing routes without a moment in which the router serves what the shim does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    Resources = Mapping[str, Mapping[str, Any]]


def surviving(old: Resources, new: Resources) -> dict[str, dict[str, Any]]:
    """Return the route configurations to serve while the shim changes from the old to the new configuration.

    Both are all route configurations by name. Of one that is in both, the old one's hosts and routes remain
    whose host, or host and match, the new one has, too; a host of both remains even without routes, so that
    its requests do not fall to a wildcard. One that is only in the old stays whole, because its listener
    keeps its shim; one that is only in the new is not there yet.

    Served in this order, the router never has a host and match that the shim does not: old routes and old
    shim; these routes, then the new shim; the new routes.
    """
    return {
        name: _reduced(routes, new[name]) if name in new else dict(routes) for name, routes in old.items()
    }


def _reduced(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    known = {host["name"]: {_identity(route) for route in host["routes"]} for host in new["virtual_hosts"]}
    hosts = [
        {**host, "routes": [route for route in host["routes"] if _identity(route) in known[host["name"]]]}
        for host in old["virtual_hosts"]
        if host["name"] in known
    ]
    return {**old, "virtual_hosts": hosts}


def _identity(route: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(route["match"], order="deterministic")
