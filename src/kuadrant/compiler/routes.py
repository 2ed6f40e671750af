"""Routes made ready: what requests must be like, and what happens to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from kuadrant.api.problem import spelled
from kuadrant.api.regular_expression import fault
from kuadrant.compiler.forwarding import ReferenceGrants, forwarding
from kuadrant.compiler.program import Forwarding
from kuadrant.policy.model import Problem
from kuadrant.policy.route import Route, RouteRule, from_grpc_route, from_http_route

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kuadrant.api.grpc_route import GRPCRouteRule
    from kuadrant.api.http_route import HTTPRouteRule
    from kuadrant.api.objects import Objects
    from kuadrant.policy.match import RequestMatch


_PATH = re.compile(r"/[^?#]*")


class PreparedRoute(Struct, frozen=True, gc=False):
    """A route with sound matches only, what each of its rules does with requests, and what is wrong with it."""

    route: Route
    forwardings: tuple[Forwarding, ...]
    problems: tuple[Problem, ...] = ()


def prepare_routes(objects: Objects) -> tuple[PreparedRoute, ...]:
    """All routes of ``objects``, by namespace, name and kind."""
    grants = ReferenceGrants(objects.reference_grants)
    routes = [_prepare(from_http_route(route), route.spec.rules, grants) for route in objects.http_routes]
    routes += (_prepare(from_grpc_route(route), route.spec.rules, grants) for route in objects.grpc_routes)
    return tuple(sorted(routes, key=lambda prepared: (prepared.route.key, prepared.route.kind)))


def _prepare(
    route: Route, rules: Sequence[HTTPRouteRule | GRPCRouteRule], grants: ReferenceGrants
) -> PreparedRoute:
    sound, problems = _without_faulty_matches(route)
    return PreparedRoute(
        route=sound,
        forwardings=tuple(
            forwarding(rule, kind=route.kind, namespace=route.namespace, grants=grants) for rule in rules
        ),
        problems=tuple(problems),
    )


def _without_faulty_matches(route: Route) -> tuple[Route, list[Problem]]:
    """``route`` without matches that no Envoy would take: one of them would have the whole configuration refused."""
    problems: list[Problem] = []
    rules: list[RouteRule] = []
    for rule_index, rule in enumerate(route.rules):
        sound: list[RequestMatch] = []
        for match_index, match in enumerate(rule.matches):
            wrong = next(_faults(match), None)
            if wrong is None:
                sound.append(match)
                continue
            field = spelled(("spec", "rules", rule_index, "matches", match_index))
            problems.append(
                Problem(
                    "error",
                    route.kind,
                    route.namespace,
                    route.name,
                    field,
                    f"{wrong}; no request has this match",
                )
            )
        rules.append(RouteRule(rule.name, tuple(sound)))
    return (structs.replace(route, rules=tuple(rules)) if problems else route), problems


def _faults(match: RequestMatch) -> Iterator[str]:
    if match.path and match.path.type != "regex" and not _PATH.fullmatch(match.path.value):
        yield f'"{match.path.value}" is no path: it has to begin with / and has neither a query nor a fragment'
    for part in (*((match.path,) if match.path else ()), *match.headers, *match.query):
        if part.type == "regex" and (wrong := fault(part.value)) is not None:
            yield f'"{part.value}" is not a regular expression of RE2: {wrong}'
