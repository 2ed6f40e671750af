"""A topology as a console looks things up in it: routes in a row, and policies by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.topology import PolicyNode, limit_words
from kuadrant.topology.record import ListenerNode, RouteNode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.topology import Topology


class RouteEntry(Struct, frozen=True, kw_only=True, gc=False):
    """A route under one listener; ``text`` is what a search looks at, in lower case."""

    of_class: str
    gateway: str
    listener: ListenerNode
    route: RouteNode
    text: str


class PolicyEntry(Struct, frozen=True, kw_only=True):
    """A policy, what it is attached to, and the numbers of the routes with a rule that it is about."""

    node: PolicyNode
    target: str
    routes: tuple[int, ...] = ()


class TopologyIndex(Struct, frozen=True, kw_only=True):
    """Routes in the order of gateways and listeners, and policies by ``namespace/name``."""

    routes: tuple[RouteEntry, ...]
    policies: Mapping[str, PolicyEntry]

    def found(self, query: str) -> tuple[RouteEntry, ...]:
        """Return the routes in which every word of ``query`` is, whatever its case."""
        words = query.lower().split()
        return tuple(one for one in self.routes if all(word in one.text for word in words))


def topology_index(topology: Topology) -> TopologyIndex:
    """Return where things are in a topology."""
    routes = tuple(_routes(topology))
    policies: dict[str, PolicyEntry] = {}
    about: dict[str, dict[int, None]] = {}
    for target, nodes in _attached(topology):
        for node in nodes:
            policies.setdefault(node.policy, PolicyEntry(node=node, target=target))
    for number, entry in enumerate(routes):
        for name in _policies_of(entry):
            about.setdefault(name, {})[number] = None
    return TopologyIndex(
        routes=routes,
        policies={
            name: PolicyEntry(
                node=policies[name].node,
                target=policies[name].target,
                routes=tuple(about.get(name, ())),
            )
            for name in sorted(policies)
        },
    )


def _routes(topology: Topology) -> Iterator[RouteEntry]:
    for of_class in topology.classes:
        for gateway in of_class.gateways:
            for listener in gateway.listeners:
                above = f"{of_class.name} {gateway.gateway} {listener.name}"
                for route in listener.routes:
                    yield RouteEntry(
                        of_class=of_class.name,
                        gateway=gateway.gateway,
                        listener=listener,
                        route=route,
                        text=_text(above, route),
                    )


def _text(above: str, route: RouteNode) -> str:
    parts = [above, route.kind, route.route, *route.hostnames, *(one.policy for one in route.policies)]
    for rule in route.rules:
        parts += [rule.name, *rule.matches, *(one.policy for one in rule.policies)]
        parts += [f"{limit.policy} {limit_words(limit)}" for limit in rule.limits]
    return "\n".join(parts).lower()


def _attached(topology: Topology) -> Iterator[tuple[str, Iterable[PolicyNode]]]:
    """Yield what policies are attached to, with the policies."""
    for of_class in topology.classes:
        for gateway in of_class.gateways:
            yield f"Gateway {gateway.gateway}", gateway.policies
            for listener in gateway.listeners:
                yield f"Gateway {gateway.gateway}, listener {listener.name}", listener.policies
                for route in listener.routes:
                    yield f"{route.kind} {route.route}", route.policies
                    for rule in route.rules:
                        yield f"{route.kind} {route.route}, {rule.name}", rule.policies
    for idle in topology.idle_routes:
        yield f"{idle.kind} {idle.route}", idle.policies
    yield "a target that is not there", topology.idle_policies


def _policies_of(entry: RouteEntry) -> Iterator[str]:
    """Yield the policies that a route, or a rule of it, is under."""
    for node in entry.route.policies:
        yield node.policy
    for rule in entry.route.rules:
        for node in rule.policies:
            yield node.policy
        for limit in rule.limits:
            yield limit.policy
