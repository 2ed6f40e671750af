"""Finds the host and the rule that a request belongs to, and why the others before it are not its."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.explanation.knowledge import selected
from kuadrant.explanation.masked_values import MASK
from kuadrant.explanation.record import Failing, TracedHost, TracedRule
from kuadrant.reference_model.routing import (
    header_holds,
    host_holds,
    owner_of,
    parameter_holds,
    path_holds,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.compiler import RuleOrigin
    from kuadrant.compiler.program import HostProgram, ListenerProgram, RuleProgram
    from kuadrant.explanation.knowledge import Knowledge
    from kuadrant.explanation.origins import Origins
    from kuadrant.policy.match import RequestMatch, StringMatch
    from kuadrant.reference_model.request import Request


def hosts(listener: ListenerProgram, request: Request) -> tuple[HostProgram | None, tuple[TracedHost, ...]]:
    """The host that the request is for, and every host of the port with why it is not."""
    owner = owner_of(listener.hosts, request)

    def why_not(host: HostProgram) -> str:
        if host is owner:
            return ""
        if host_holds(host.hostname, request.host):
            return f"less specific than {owner.hostname if owner else ''}"
        return f"is not the name of {request.host}"

    return owner, tuple(
        TracedHost(
            hostname=host.hostname, chosen=host is owner, because=why_not(host), routed=bool(host.rules)
        )
        for host in listener.hosts
    )


def looked_at(
    host: HostProgram,
    request: Request,
    knowledge: Knowledge,
    known: dict[int, RuleOrigin],
    origins: Origins,
) -> Iterator[tuple[RuleProgram, TracedRule]]:
    """Yield the rules of a host as they are tried, up to the one that holds or cannot be judged."""
    for program in host.rules:
        failing = _failing(program.match, request, knowledge)
        yield program, _rule(program, known.get(id(program)), origins, failing)
        if failing is None or failing.unknown:
            return


def _rule(
    program: RuleProgram, origin: RuleOrigin | None, origins: Origins, failing: Failing | None
) -> TracedRule:
    kind = origin.kind if origin else "HTTPRoute"
    key = program.route
    place = origins.of_match(kind, key, origin.rule_index, origin.match_index) if origin else None
    return TracedRule(
        id=program.name,
        rule=origin.rule if origin else "",
        route=f"{kind} {key}",
        origin=place or origins.of(kind, key),
        match=match_words(program.match),
        failing=failing,
    )


def _failing(match: RequestMatch, request: Request, knowledge: Knowledge) -> Failing | None:
    """The first part that does not hold, else the first that is not known, in the order of Envoy."""
    if match.path is not None and not path_holds(match.path, request.path):
        return Failing(part="path", wanted=_path_words(match), found=request.path)
    if match.method not in (None, request.method):
        return Failing(part="method", wanted=match.method or "", found=request.method)
    unknown: Failing | None = None
    for header in match.headers:
        part = f"header {header.name}"
        wanted = _value_words(header)
        if missing := knowledge.missing([selected(f"request.headers.{_escaped(header.name)}")]):
            found = f"{missing[0].name} is not known"
            unknown = unknown or Failing(part=part, wanted=wanted, found=found, unknown=True)
        elif not header_holds(header, request):
            return Failing(part=part, wanted=wanted, found=_header(header, request, knowledge))
    for parameter in match.query:
        if not parameter_holds(parameter, request):
            value = request.parameter(parameter.name)
            found = "there is none" if value is None else value
            return Failing(
                part=f"query parameter {parameter.name}", wanted=_value_words(parameter), found=found
            )
    return unknown


def _header(match: StringMatch, request: Request, knowledge: Knowledge) -> str:
    values = request.values(match.name)
    if not values:
        return "there is none"
    hidden = knowledge.hides([("request", "headers", match.name)])
    return MASK if hidden else " and ".join(values)


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace(".", "\\.")


def match_words(match: RequestMatch) -> str:
    """Return what requests must be like, in words."""
    words = [match.method] if match.method else []
    if match.path is not None:
        words.append(f"path {_path_words(match)}")
    words += [f"header {header.name} {_value_words(header)}" for header in match.headers]
    words += [f"query parameter {one.name} {_value_words(one)}" for one in match.query]
    return ", ".join(words) or "every request"


def _path_words(match: RequestMatch) -> str:
    assert match.path is not None
    match match.path.type:
        case "exact":
            return f"is {match.path.value}"
        case "prefix":
            return f"begins with {match.path.value}"
        case "regex":
            return f"matches {match.path.value}"


def _value_words(match: StringMatch) -> str:
    return f"is {match.value}" if match.type == "exact" else f"matches {match.value}"
