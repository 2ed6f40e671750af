"""The view *Topology*: gateways and listeners, and a page of the routes that a search finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import to_builtins

from kuadrant.topology import limit_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.console.console_state import ConsoleState
    from kuadrant.console.topology_index import RouteEntry, TopologyIndex
    from kuadrant.topology import LimitNode, PolicyNode, RuleNode
    from kuadrant.topology.record import GatewayNode

PAGE: Final = 50
"""Routes on a page."""
_MOST_RULES: Final = 100
_MOST_IDLE: Final = 100


def topology_page(shown: ConsoleState, index: TopologyIndex, query: str, page: int) -> dict[str, Any]:
    """Return the view.

    Args:
        shown: What is shown.
        index: Its topology, to look things up in.
        query: Words that all have to be in what is told of a route; all routes without.
        page: Which page of these, from 0.
    """
    found = index.found(query) if query.strip() else index.routes
    last = max(0, (len(found) - 1) // PAGE)
    page = min(max(0, page), last)
    counts: dict[tuple[str, str], int] = {}
    for one in found:
        key = (one.gateway, one.listener.name)
        counts[key] = counts.get(key, 0) + 1
    topology = shown.topology
    return {
        "query": query,
        "page": page,
        "pages": last + 1,
        "found": len(found),
        "all": len(index.routes),
        "classes": [
            {"name": one.name, "gateways": [_gateway(gateway, counts) for gateway in one.gateways]}
            for one in topology.classes
        ],
        "routes": [_route(one) for one in found[page * PAGE : (page + 1) * PAGE]],
        "idle_routes": [
            {
                "kind": one.kind,
                "route": one.route,
                "origin": str(one.origin),
                "policies": policies_told(one.policies),
            }
            for one in topology.idle_routes[:_MOST_IDLE]
        ],
        "idle_routes_more": max(0, len(topology.idle_routes) - _MOST_IDLE),
        "idle_policies": policies_told(topology.idle_policies[:_MOST_IDLE]),
        "notes": list(topology.notes),
    }


def _gateway(gateway: GatewayNode, found: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """Return a Gateway and its listeners, each with how many of its routes were found."""
    return {
        "gateway": gateway.gateway,
        "origin": str(gateway.origin),
        "policies": policies_told(gateway.policies),
        "listeners": [
            {
                "name": one.name,
                "port": one.port,
                "protocol": one.protocol,
                "hostname": one.hostname,
                "origin": str(one.origin),
                "policies": policies_told(one.policies),
                "routes": len(one.routes),
                "found": found.get((gateway.gateway, one.name), 0),
            }
            for one in gateway.listeners
        ],
    }


def policies_told(policies: Iterable[PolicyNode]) -> list[dict[str, Any]]:
    """Return policies where they attach, with how they fare."""
    return [
        {
            "policy": one.policy,
            "section": one.section,
            "strategy": one.strategy,
            "state": one.state,
            "because": one.because,
            "origin": str(one.origin),
        }
        for one in policies
    ]


def limits_told(limits: Iterable[LimitNode]) -> list[dict[str, Any]]:
    """Return limits in effect, in words."""
    return [{"name": one.name, "policy": one.policy, "words": limit_words(one)} for one in limits]


def rule_told(rule: RuleNode) -> dict[str, Any]:
    """Return a rule, its policies and its limits."""
    return {
        "name": rule.name,
        "matches": list(rule.matches),
        "origin": str(rule.origin),
        "policies": policies_told(rule.policies),
        "limits": limits_told(rule.limits),
    }


def _route(entry: RouteEntry) -> dict[str, Any]:
    route = entry.route
    return {
        "class": entry.of_class,
        "gateway": entry.gateway,
        "listener": entry.listener.name,
        "port": entry.listener.port,
        "protocol": entry.listener.protocol,
        "kind": route.kind,
        "route": route.route,
        "hostnames": to_builtins(route.hostnames),
        "origin": str(route.origin),
        "policies": policies_told(route.policies),
        "rules": [rule_told(rule) for rule in route.rules[:_MOST_RULES]],
        "rules_more": max(0, len(route.rules) - _MOST_RULES),
    }
