"""Finds the rule that a request belongs to, written down as plainly as it can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.reference_model.expressions import matches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.compiler.program import HostProgram, RuleProgram
    from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch
    from kuadrant.reference_model.request import Request


def chosen(hosts: Iterable[HostProgram], request: Request) -> RuleProgram | None:
    """Return the first rule whose parts all hold, of the most specific host; no other host is looked at."""
    owner = owner_of(hosts, request)
    if owner is None:
        return None
    return next((rule for rule in owner.rules if _match_holds(rule.match, request)), None)


def owner_of(hosts: Iterable[HostProgram], request: Request) -> HostProgram | None:
    """Return the most specific of the hosts that the request's name is one of."""
    fitting = [host for host in hosts if host_holds(host.hostname, request.host)]
    return max(
        fitting, key=lambda host: (not host.hostname.startswith("*"), len(host.hostname)), default=None
    )


def host_holds(hostname: str, name: str) -> bool:
    """Tell whether the host name of a request is one that ``hostname`` stands for."""
    if hostname == "*":
        return True
    if hostname.startswith("*"):
        suffix = hostname.removeprefix("*")
        return name.endswith(suffix) and name != suffix
    return name == hostname


def _match_holds(match: RequestMatch, request: Request) -> bool:
    return (
        (match.path is None or path_holds(match.path, request.path))
        and match.method in (None, request.method)
        and all(header_holds(header, request) for header in match.headers)
        and all(parameter_holds(parameter, request) for parameter in match.query)
    )


def path_holds(match: PathMatch, path: str) -> bool:
    """Tell whether a path is as ``match`` says."""
    match match.type:
        case "exact":
            return path == match.value
        case "prefix":
            return path == match.value or path.startswith(match.value.rstrip("/") + "/")
        case "regex":
            return matches(match.value, path)


def header_holds(match: StringMatch, request: Request) -> bool:
    """Tell whether a value of the header is as ``match`` says."""
    return any(_string_holds(match, value) for value in request.values(match.name))


def parameter_holds(match: StringMatch, request: Request) -> bool:
    """Tell whether the query parameter is as ``match`` says."""
    value = request.parameter(match.name)
    return value is not None and _string_holds(match, value)


def _string_holds(match: StringMatch, value: str) -> bool:
    return value == match.value if match.type == "exact" else matches(match.value, value)
