"""Every way of a request through the documents: by a listener and a route to a rule, and the limits there."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.gateway import Gateway
from kuadrant.compiler.listener_conflicts import hostname_of, listeners_by_port
from kuadrant.policy.policy_attachment import AttachedPolicies
from kuadrant.policy.policy_precedence import EffectiveLimit, merge
from kuadrant.policy.route import Route, from_grpc_route, from_http_route
from kuadrant.policy.route_attachment import is_attached, parent_gateway, served_hostnames
from kuadrant.policy.route_selectors import selects

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from kuadrant.api.gateway import Listener
    from kuadrant.api.meta import Object
    from kuadrant.api.objects import Objects
    from kuadrant.policy.model import Policy

RouteKey = tuple[str, str]
"""Kind and ``namespace/name``."""


class Path(Struct, frozen=True):
    """One rule of a route under one listener, with the host names that are served there.

    ``limits`` are those in effect on it, and ``under`` those of them that are for each host name: a limit of
    ``v1beta2`` may select some.
    """

    gateway: str
    port: int
    route: Route
    rule: int
    hostnames: tuple[str, ...]
    limits: tuple[EffectiveLimit, ...]
    under: tuple[tuple[EffectiveLimit, ...], ...]


class Paths(Struct, frozen=True):
    """All paths; and all routes and Gateways, by ``namespace/name``, with the paths that lead by each.

    ``served`` has those of a route's host names under which a listener of a Gateway serves it, where the
    listener takes the route.
    ``named`` are the Gateways that routes name, also in vain; ``by_policy`` has the paths on which at least
    one limit of a policy is in effect.
    """

    all: tuple[Path, ...]
    routes: dict[RouteKey, Route]
    gateways: dict[str, Gateway]
    named: frozenset[str]
    namespace_labels: dict[str, dict[str, str]]
    served: dict[tuple[str, str, RouteKey], frozenset[str]]
    by_route: dict[RouteKey, list[Path]]
    by_gateway: dict[str, list[Path]]
    by_policy: dict[str, list[Path]]

    def leading_to(self, kind: str, key: str) -> list[Path]:
        """Return the paths that lead by a Gateway or a route."""
        return (self.by_gateway.get(key) if kind == "Gateway" else self.by_route.get((kind, key))) or []


def paths_of(objects: Objects, policies: Iterable[Policy]) -> Paths:
    """Return the paths of ``objects``; ``policies`` are those that take part."""
    routes: dict[RouteKey, Route] = {(route.kind, route.key): route for route in _routes(objects)}
    gateways = {key(gateway): gateway for gateway in objects.gateways}
    labels = {one.metadata.name: one.metadata.labels for one in objects.namespaces}
    finder = _Finder(AttachedPolicies(policies, objects.gateways, routes.values()))
    found: list[Path] = []
    origins: dict[tuple[str, str, RouteKey], frozenset[str]] = {}
    named = _by_gateway(routes.values(), gateways)
    for name, of_gateway in named.items():
        gateway = gateways[name]
        for listeners in listeners_by_port(gateway).values():
            hostnames = frozenset(map(hostname_of, listeners))
            for listener, route in product(listeners, of_gateway):
                if is_attached(route, gateway, listener, labels):
                    served = served_hostnames(route.hostnames, hostname_of(listener), hostnames)
                    origins[name, listener.name, (route.kind, route.key)] = frozenset().union(
                        *served.values()
                    )
                    found += finder.paths(name, listener, route, served)
    paths = Paths(tuple(found), routes, gateways, frozenset(named), labels, origins, {}, {}, {})
    for path in found:
        paths.by_route.setdefault((path.route.kind, path.route.key), []).append(path)
        paths.by_gateway.setdefault(path.gateway, []).append(path)
        for policy in {entry.source.key for entry in path.limits}:
            paths.by_policy.setdefault(policy, []).append(path)
    return paths


def key(one: Object) -> str:
    """Return ``namespace/name``."""
    return f"{one.metadata.namespace}/{one.metadata.name}"


def _by_gateway(routes: Iterable[Route], gateways: Container[str]) -> dict[str, list[Route]]:
    """The routes that name each Gateway."""
    found: dict[str, list[Route]] = {}
    for route in routes:
        for parent in dict.fromkeys(parent_gateway(route, one) for one in route.parents):
            if parent is not None and parent in gateways:
                found.setdefault(parent, []).append(route)
    return found


def _routes(objects: Objects) -> Iterator[Route]:
    yield from map(from_http_route, objects.http_routes)
    yield from map(from_grpc_route, objects.grpc_routes)


class _Finder:
    """Finds the limits of paths; the same policies have the same ones."""

    def __init__(self, attached: AttachedPolicies) -> None:
        self._attached = attached
        self._merged: dict[tuple[int, ...], tuple[EffectiveLimit, ...]] = {}

    def paths(
        self, gateway: str, listener: Listener, route: Route, served: dict[str, frozenset[str]]
    ) -> Iterator[Path]:
        """Yield the paths of a route under a listener."""
        if not served:
            return
        of = self._attached.on
        above = (
            *of("Gateway", gateway),
            *of("Gateway", gateway, listener.name),
            *of(route.kind, route.key),
        )
        for index, rule in enumerate(route.rules):
            limits = self._limits((*above, *of(route.kind, route.key, rule.name)))
            narrowed = any(entry.limit.selectors for entry in limits)
            under = tuple(
                tuple(one for one in limits if selects(one.limit.selectors, rule, origins | {name}))
                if narrowed
                else limits
                for name, origins in served.items()
            )
            yield Path(gateway, listener.port, route, index, (*served,), limits, under)

    def _limits(self, policies: tuple[Policy, ...]) -> tuple[EffectiveLimit, ...]:
        numbers = tuple(map(id, policies))
        if numbers not in self._merged:
            effective = merge(policies)
            self._merged[numbers] = effective.limits if effective else ()
        return self._merged[numbers]
