"""Conditions on requests by which they belong to a rule of a route, whatever API they are written in."""

from __future__ import annotations

from re import escape
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.grpc_route import GRPCMethodMatch, GRPCRouteMatch
    from kuadrant.api.http_route import HTTPPathMatch, HTTPQueryParamMatch, HTTPRouteMatch
    from kuadrant.api.route import HeaderMatch


class StringMatch(Struct, frozen=True, gc=False):
    """A named value that a request must carry: a header (name in lower case) or a query parameter."""

    name: str
    value: str
    type: Literal["exact", "regex"] = "exact"


class PathMatch(Struct, frozen=True, gc=False):
    """A condition on the path without its query.

    ``prefix`` is on segment boundaries (``/toy`` holds for ``/toy`` and ``/toy/x``, not for ``/toystore``)
    and never ends in ``/`` unless it is ``/`` itself; ``regex`` has to match the whole path.
    """

    value: str
    type: Literal["exact", "prefix", "regex"] = "prefix"


class RequestMatch(Struct, frozen=True, gc=False):
    """All that a request must fulfil to belong to a rule; an absent part holds for every request."""

    path: PathMatch | None = None
    method: str | None = None
    headers: tuple[StringMatch, ...] = ()
    query: tuple[StringMatch, ...] = ()


def http_match(match: HTTPRouteMatch) -> RequestMatch:
    """Return the conditions of ``match``.

    Of several for one header or query parameter the first counts (Gateway API).
    """
    return RequestMatch(
        path=_path(match.path),
        method=match.method,
        headers=_headers(match.headers),
        query=_query(match.query_params),
    )


def grpc_match(match: GRPCRouteMatch) -> RequestMatch:
    """Return the conditions of ``match`` on the request that a call is."""
    return RequestMatch(_grpc_path(match.method), headers=_headers(match.headers))


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
