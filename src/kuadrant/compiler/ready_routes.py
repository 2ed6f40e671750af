"""Routes made ready: what requests must be like, and what happens to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from kuadrant.api.grpc_route import GRPCRoute
from kuadrant.api.http_route import HTTPRoute
from kuadrant.api.problem import spelled
from kuadrant.api.regular_expression import fault, without_nul
from kuadrant.compiler.forwarding import ReferenceGrants, forwarding
from kuadrant.compiler.program import Forwarding
from kuadrant.incremental import Tracked
from kuadrant.policy.model import Problem
from kuadrant.policy.route import Route, RouteRule, from_grpc_route, from_http_route
from kuadrant.policy.route_attachment import parent_gateway

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kuadrant.api.grpc_route import GRPCRouteRule
    from kuadrant.api.http_route import HTTPRouteRule
    from kuadrant.api.meta import Object
    from kuadrant.api.objects import Objects
    from kuadrant.api.reference_grant import ReferenceGrant
    from kuadrant.compiler.policy_table import ObjectKey
    from kuadrant.policy.match import RequestMatch


_PATH = re.compile(r"/[^?#]*")


class PreparedRoute(Struct, frozen=True, gc=False):
    """A route with sound matches only, what each of its rules does, and what is wrong with it."""

    route: Route
    forwardings: tuple[Forwarding, ...]
    problems: tuple[Problem, ...] = ()


class RouteTable:
    """All routes, kept while they and the grants for their backends come and go.

    ``by_gateway`` has those that name it.
    """

    def __init__(self) -> None:
        self._grants: Tracked[str, ReferenceGrant] = Tracked(_key)
        self._http: Tracked[str, HTTPRoute] = Tracked(_key)
        self._grpc: Tracked[str, GRPCRoute] = Tracked(_key)
        self.prepared: dict[ObjectKey, PreparedRoute] = {}
        self.by_gateway: dict[str, dict[ObjectKey, PreparedRoute]] = {}

    def update(self, objects: Objects) -> dict[ObjectKey, frozenset[str]]:
        """Make the routes of ``objects`` all that there are.

        Returns those that ask for something else now, each with the Gateways that it has named before or
        names now.
        """
        http, grpc = self._http.update(objects.http_routes), self._grpc.update(objects.grpc_routes)
        if self._grants.update(objects.reference_grants):
            http, grpc = {**http, **self._http.by_key}, {**grpc, **self._grpc.by_key}
        grants = ReferenceGrants(self._grants.by_key.values())
        found: dict[ObjectKey, PreparedRoute | None] = {}
        for name, http_route in http.items():
            found[HTTPRoute.kind, name] = (
                _prepare(from_http_route(http_route), http_route.spec.rules, grants) if http_route else None
            )
        for name, grpc_route in grpc.items():
            found[GRPCRoute.kind, name] = (
                _prepare(from_grpc_route(grpc_route), grpc_route.spec.rules, grants) if grpc_route else None
            )
        return {key: self._replace(key, now) for key, now in found.items() if now != self.prepared.get(key)}

    def _replace(self, key: ObjectKey, now: PreparedRoute | None) -> frozenset[str]:
        former = self.prepared.pop(key, None)
        if now is not None:
            self.prepared[key] = now
        before, after = (gateways_of(one) if one else frozenset() for one in (former, now))
        for gateway in before - after:
            del self.by_gateway[gateway][key]
        for gateway in after:
            self.by_gateway.setdefault(gateway, {})[key] = self.prepared[key]
        return before | after


def gateways_of(prepared: PreparedRoute) -> frozenset[str]:
    """The Gateways that a route names as its parents."""
    route = prepared.route
    return frozenset(key for parent in route.parents if (key := parent_gateway(route, parent)))


def _key(one: Object) -> str:
    return f"{one.metadata.namespace}/{one.metadata.name}"


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
    """``route`` without matches that no Envoy would take.

    One of them would have the whole configuration refused.
    """
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
                    "invalid-match",
                )
            )
        rules.append(RouteRule(rule.name, tuple(sound)))
    return (structs.replace(route, rules=tuple(rules)) if problems else route), problems


def _faults(match: RequestMatch) -> Iterator[str]:
    if match.path and match.path.type != "regex" and not _PATH.fullmatch(match.path.value):
        yield (
            f'"{match.path.value}" is no path: it has to begin with / and has neither a query nor a fragment'
        )
    for part in (*((match.path,) if match.path else ()), *match.headers, *match.query):
        if part.type == "regex" and (wrong := fault(without_nul(part.value))) is not None:
            yield f'"{part.value}" is not a regular expression of RE2: {wrong}'
