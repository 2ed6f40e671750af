"""HTTPRoute and GRPCRoute as one kind of route: a gRPC call is a POST whose path is ``/service/method``."""

from __future__ import annotations

from re import escape
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from kuadrant.api.route import ParentReference
from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.grpc_route import GRPCMethodMatch, GRPCRoute
    from kuadrant.api.http_route import HTTPPathMatch, HTTPQueryParamMatch, HTTPRoute, HTTPRouteMatch
    from kuadrant.api.route import HeaderMatch


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
            tuple(
                RequestMatch(_grpc_path(match.method), headers=_headers(match.headers))
                for match in rule.matches
            ),
        )
        for number, rule in enumerate(route.spec.rules, start=1)
    )
    return _route("GRPCRoute", route, tuple(rules))


def http_match(match: HTTPRouteMatch) -> RequestMatch:
    """The conditions of ``match``.

    Of several for one header or query parameter the first counts (Gateway API).
    """
    return RequestMatch(
        path=_path(match.path),
        method=match.method,
        headers=_headers(match.headers),
        query=_query(match.query_params),
    )


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


def _path(path: HTTPPathMatch) -> PathMatch:
    match path.type:
        case "Exact":
            return PathMatch(path.value, "exact")
        case "RegularExpression":
            return PathMatch(path.value, "regex")
        case "PathPrefix":
            return PathMatch(path.value.rstrip("/") or "/", "prefix")


def _grpc_path(method: GRPCMethodMatch | None) -> PathMatch | None:
    if method is None or not (method.service or method.method):
        return None
    if method.type == "RegularExpression":
        service, name = (f"(?:{part})" if part else None for part in (method.service, method.method))
        # What stands for any method is what gateways have there: the rule is theirs for exactly these paths.
        return PathMatch(f"/{service or '[^/]+'}/{name or '.+'}", "regex")
    if method.service and method.method:
        return PathMatch(f"/{method.service}/{method.method}", "exact")
    if method.service:
        return PathMatch(f"/{method.service}", "prefix")
    return PathMatch(f"/[^/]+/{escape(method.method or '')}", "regex")


def _headers(headers: Iterable[HeaderMatch]) -> tuple[StringMatch, ...]:
    first: dict[str, StringMatch] = {}
    for header in headers:
        name = header.name.lower()
        first.setdefault(name, StringMatch(name, header.value, _string_type(header.type)))
    return tuple(first.values())


def _query(parameters: Iterable[HTTPQueryParamMatch]) -> tuple[StringMatch, ...]:
    first: dict[str, StringMatch] = {}
    for parameter in parameters:
        match = StringMatch(parameter.name, parameter.value, _string_type(parameter.type))
        first.setdefault(parameter.name, match)
    return tuple(first.values())


def _string_type(name: Literal["Exact", "RegularExpression"]) -> Literal["exact", "regex"]:
    return "exact" if name == "Exact" else "regex"
