"""Routes: which rule a request belongs to, in the program's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.gateways.envoy.route_actions import action

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.compiler.program import HostProgram, RuleProgram
    from kuadrant.gateways.envoy.route_actions import Seen
    from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch

_REMEMBERED_SECONDS = 86_400
ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"


def route_configuration(
    name: str, hosts: Iterable[HostProgram], seen: Seen, *, has_http3: bool = False
) -> dict[str, Any]:
    """Return the routes of the listener ``name``; what matches nothing is answered with 404.

    With ``has_http3`` clients are told that HTTP/3 is at the same port.
    """
    told = {"response_headers_to_add": [_alternative(seen.port)]} if has_http3 else {}
    return {
        "@type": ROUTES,
        "name": name,
        "virtual_hosts": [
            {
                "name": host.hostname,
                "domains": [host.hostname],
                "routes": [_route(host.hostname, rule, seen) for rule in host.rules],
            }
            for host in hosts
        ],
        "ignore_port_in_host_matching": True,
        **told,
    }


def _alternative(port: int) -> dict[str, Any]:
    header = {"key": "alt-svc", "value": f'h3=":{port}"; ma={_REMEMBERED_SECONDS}'}
    return {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _route(hostname: str, rule: RuleProgram, seen: Seen) -> dict[str, Any]:
    return {"name": rule.name, "match": route_match(rule.match), **action(hostname, rule, seen)}


def route_match(match: RequestMatch) -> dict[str, Any]:
    """Return the ``RouteMatch`` that holds for the same requests."""
    result = _path(match.path)
    headers = [_header(header) for header in match.headers]
    if match.method is not None:
        headers.insert(0, {"name": ":method", "string_match": {"exact": match.method}})
    if headers:
        result["headers"] = headers
    if match.query:
        result["query_parameters"] = [_header(parameter) for parameter in match.query]
    return result


def _path(path: PathMatch | None) -> dict[str, Any]:
    if path is None:
        return {"prefix": ""}
    match path.type:
        case "exact":
            return {"path": path.value}
        case "regex":
            return {"safe_regex": _regex(path.value)}
        case "prefix":
            # Envoy takes no single slash there; as a plain prefix it means the same.
            return {"prefix": "/"} if path.value == "/" else {"path_separated_prefix": path.value}


def _header(match: StringMatch) -> dict[str, Any]:
    """Return the matcher of a header; that of a query parameter has the same shape."""
    value = {"exact": match.value} if match.type == "exact" else {"safe_regex": _regex(match.value)}
    return {"name": match.name, "string_match": value}


def _regex(expression: str) -> dict[str, Any]:
    # Envoy takes no empty expression; this one matches the empty text, too, and nothing else.
    return {"regex": expression or "(?:)"}
