"""The source of identities of each Gateway, kept while Gateways and the Kuadrant change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.http_route import HTTPRoute
from kuadrant.incremental import are, kept
from kuadrant.policy.identity_source import IdentitySource, source_of_gateway, source_of_installation
from kuadrant.policy.route import from_grpc_route, from_http_route
from kuadrant.policy.route_attachment import parent_gateway

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.grpc_route import GRPCRoute
    from kuadrant.api.objects import Objects
    from kuadrant.compiler.policy_table import ObjectKey
    from kuadrant.policy.model import Problem, Target


class Identified(Struct, frozen=True, gc=False):
    """The Gateways that have another source than before, and whether anything is otherwise."""

    gateways: frozenset[str] = frozenset()
    anything: bool = False


class IdentityTable:
    """Keeps where each Gateway has identities from, by whose word, and what is wrong with that."""

    def __init__(self) -> None:
        self._sources: dict[str, IdentitySource | None] = {}
        self._default: IdentitySource | None = None
        self._seen: tuple[object, object] = (None, None)
        self.problems: tuple[Problem, ...] = ()

    def update(self, objects: Objects) -> Identified:
        """Take over what ``objects`` say."""
        seen = (objects.gateways, objects.kuadrants)
        if are(self._seen, seen):
            return Identified()
        self._seen = seen
        former, default = self._sources, self._default
        self._default, problems = source_of_installation(objects.kuadrants)
        self._sources = {}
        for gateway in objects.gateways:
            key = f"{gateway.metadata.namespace}/{gateway.metadata.name}"
            self._sources[key], found = source_of_gateway(gateway, self._default)
            problems += found
        self.problems = kept(self.problems, tuple(sorted(problems)))
        changed = frozenset(
            key for key, source in self._sources.items() if key in former and source != former[key]
        )
        # A policy whose route names no Gateway that is there goes by the default.
        return Identified(changed, anything=self._sources != former or default != self._default)

    def of(self, gateway: str) -> IdentitySource | None:
        """Return the source of a Gateway, by ``namespace/name``; None if it authenticates nobody."""
        return self._sources.get(gateway)

    def identified(self, gateways: Iterable[str]) -> bool:
        """Tell whether all of these Gateways that are there know who a request is from."""
        there = [one for one in gateways if one in self._sources]
        return all(map(self.of, there)) if there else self._default is not None


def identities(objects: Objects) -> dict[str, IdentitySource | None]:
    """Return the source of each Gateway of ``objects``, by ``namespace/name``."""
    table = IdentityTable()
    table.update(objects)
    keys = (f"{one.metadata.namespace}/{one.metadata.name}" for one in objects.gateways)
    return {key: table.of(key) for key in keys}


class KnownTargets:
    """Tells of what policies are for whether its gateways know who a request is from."""

    def __init__(self) -> None:
        self._identities = IdentityTable()
        self._routes: dict[ObjectKey, HTTPRoute | GRPCRoute] = {}
        self._seen: tuple[object, object] = (None, None)

    def update(self, objects: Objects) -> bool:
        """Take over what ``objects`` say; return whether any target may have other gateways or identities."""
        moved = self._identities.update(objects).anything
        seen = (objects.http_routes, objects.grpc_routes)
        if are(self._seen, seen):
            return moved
        self._seen = seen
        routes: tuple[HTTPRoute | GRPCRoute, ...] = (*objects.http_routes, *objects.grpc_routes)
        self._routes = {
            (route.kind, f"{route.metadata.namespace}/{route.metadata.name}"): route for route in routes
        }
        return True

    def identified(self, target: Target) -> bool:
        """Tell whether all gateways of ``target`` know it."""
        if target.kind == "Gateway":
            return self._identities.identified((target.key,))
        found = self._routes.get((target.kind, target.key))
        if found is None:
            return self._identities.identified(())
        route = from_http_route(found) if isinstance(found, HTTPRoute) else from_grpc_route(found)
        named = (parent_gateway(route, parent) for parent in route.parents)
        return self._identities.identified(key for key in named if key)
