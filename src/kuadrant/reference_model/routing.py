"""Which rule a request belongs to, written down as plainly as it can be."""

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
    fitting = [host for host in hosts if _host_holds(host.hostname, request.host)]
    if not fitting:
        return None
    owner = max(fitting, key=lambda host: (not host.hostname.startswith("*"), len(host.hostname)))
    return next((rule for rule in owner.rules if _match_holds(rule.match, request)), None)


def _host_holds(hostname: str, name: str) -> bool:
    if hostname == "*":
        return True
    if hostname.startswith("*"):
        suffix = hostname.removeprefix("*")
        return name.endswith(suffix) and name != suffix
    return name == hostname


def _match_holds(match: RequestMatch, request: Request) -> bool:
    return (
        (match.path is None or _path_holds(match.path, request.path))
        and match.method in (None, request.method)
        and all(
            any(_string_holds(header, value) for value in request.values(header.name))
            for header in match.headers
        )
        and all(_parameter_holds(parameter, request) for parameter in match.query)
    )


def _path_holds(match: PathMatch, path: str) -> bool:
    match match.type:
        case "exact":
            return path == match.value
        case "prefix":
            return path == match.value or path.startswith(match.value.rstrip("/") + "/")
        case "regex":
            return matches(match.value, path)


def _parameter_holds(match: StringMatch, request: Request) -> bool:
    value = request.parameter(match.name)
    return value is not None and _string_holds(match, value)


def _string_holds(match: StringMatch, value: str) -> bool:
    return value == match.value if match.type == "exact" else matches(match.value, value)
