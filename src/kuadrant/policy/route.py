"""HTTPRoute and GRPCRoute as one kind of route: a gRPC call is a POST whose path is ``/service/method``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from kuadrant.api.route import ParentReference
from kuadrant.policy.match import RequestMatch, grpc_match, http_match

if TYPE_CHECKING:
    from kuadrant.api.grpc_route import GRPCRoute
    from kuadrant.api.http_route import HTTPRoute


class RouteRule(Struct, frozen=True, gc=False):
    """A rule: its name, and what requests must be like (one of ``matches``).

    The name is its own, or ``rule-<n>`` counted from 1.
    """

    name: str
    matches: tuple[RequestMatch, ...]


class Route(Struct, frozen=True, gc=False):
    """A route; without ``hostnames`` it is for every host name.

    ``created`` is empty if no API server has seen it.
    """

    kind: Literal["HTTPRoute", "GRPCRoute"]
    namespace: str
    name: str
    created: str
    parents: tuple[ParentReference, ...]
    hostnames: tuple[str, ...]
    rules: tuple[RouteRule, ...]

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


def from_http_route(route: HTTPRoute) -> Route:
    """The route that ``route`` describes."""
    rules = (
        RouteRule(rule.name or f"rule-{number}", tuple(map(http_match, rule.matches)))
        for number, rule in enumerate(route.spec.rules, start=1)
    )
    return _route("HTTPRoute", route, tuple(rules))


def from_grpc_route(route: GRPCRoute) -> Route:
    """The route of HTTP requests that ``route`` describes."""
    rules = (
        RouteRule(
            rule.name or f"rule-{number}",
            tuple(map(grpc_match, rule.matches)),
        )
        for number, rule in enumerate(route.spec.rules, start=1)
    )
    return _route("GRPCRoute", route, tuple(rules))


def _route(
    kind: Literal["HTTPRoute", "GRPCRoute"], route: HTTPRoute | GRPCRoute, rules: tuple[RouteRule, ...]
) -> Route:
    return Route(
        kind=kind,
        namespace=route.metadata.namespace,
        name=route.metadata.name,
        created=route.metadata.creation_timestamp or "",
        parents=route.spec.parent_refs,
        hostnames=route.spec.hostnames,
        rules=rules,
    )
