"""What there is to reach in a set of policies: the limits and rules in effect, by the names people know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.problem import spelled
from kuadrant.compiler.route_piece import ListenerPlace
from kuadrant.policy.identifiers import action_set_name, limit_condition
from kuadrant.policy.route import from_grpc_route, from_http_route
from kuadrant.policy_tests.moments import spelled_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.api.documents import Folder
    from kuadrant.api.limitador import Limit
    from kuadrant.compiler import Compilation
    from kuadrant.compiler.program import GatewayProgram, LimitAction, ListenerProgram
    from kuadrant.policy.route import Route


class KnownLimit(Struct, frozen=True, gc=False, order=True):
    """A limit in effect, where it is written, and its rates for people."""

    file: str
    line: int
    column: int
    policy: str
    name: str
    rates: str

    def __str__(self) -> str:
        """The limit in a sentence."""
        return f"{self.name} of {self.policy} ({self.rates})"


class KnownRule(Struct, frozen=True, gc=False, order=True):
    """A rule of a route that a gateway serves, and where it is written."""

    file: str
    line: int
    column: int
    route: str
    name: str

    def __str__(self) -> str:
        """The rule as ``expect.rule`` has it."""
        return f"{self.route}/{self.name}"


class Inventory(Struct, frozen=True, gc=False):
    """Every limit and every rule in effect.

    ``limits`` are by scope and descriptor key, ``conditions`` the same by scope and the condition that the
    rate limit service has; ``rules`` are by the name of the action set.
    """

    limits: Mapping[tuple[str, str], KnownLimit]
    conditions: Mapping[tuple[str, str], KnownLimit]
    rules: Mapping[str, KnownRule]


def inventory(folder: Folder, compilation: Compilation) -> Inventory:
    """Return what is in effect of ``folder``, which compiles to ``compilation``."""
    limits: dict[tuple[str, str], KnownLimit] = {}
    places = _Places(folder, compilation)
    held = _by_condition(compilation.limits)
    for program in compilation.programs:
        for scope, limit in _limit_actions(program):
            if (scope, limit.key) not in limits:
                limits[scope, limit.key] = places.limit(limit, held[scope, limit_condition(limit.key)])
    return Inventory(
        limits=limits,
        conditions={(scope, limit_condition(key)): limit for (scope, key), limit in limits.items()},
        rules=_rules(folder, compilation.programs, places),
    )


class _Places:
    """Where things are written."""

    def __init__(self, folder: Folder, compilation: Compilation) -> None:
        self._sources = folder.sources
        self._policies = {fact.policy.key: fact.policy for fact in compilation.policies}

    def limit(self, action: LimitAction, held: tuple[Limit, ...]) -> KnownLimit:
        source = action.sources[0]
        policy, name = self._policies[source], held[0].name
        written = self._sources["RateLimitPolicy", policy.namespace, policy.name]
        line, column = written.place(spelled((*policy.field, "limits", name)))
        rates = " and ".join(f"{limit.max_value} in {spelled_time(limit.seconds * 1000)}" for limit in held)
        return KnownLimit(written.file, line, column, source, name, rates)

    def rule(self, route: Route, name: str) -> KnownRule:
        written = self._sources[route.kind, route.namespace, route.name]
        index = next(index for index, rule in enumerate(route.rules) if rule.name == name)
        line, column = written.place(spelled(("spec", "rules", index)))
        return KnownRule(written.file, line, column, route.key, name)


def _by_condition(limits: Iterable[Limit]) -> dict[tuple[str, str], tuple[Limit, ...]]:
    found: dict[tuple[str, str], tuple[Limit, ...]] = {}
    for limit in limits:
        for condition in limit.conditions:
            key = (limit.namespace, condition)
            found[key] = (*found.get(key, ()), limit)
    return found


def _limit_actions(program: GatewayProgram) -> Iterator[tuple[str, LimitAction]]:
    for listener in program.listeners:
        for host in listener.hosts:
            for rule in host.rules:
                for action in rule.actions:
                    for limit in action.limits:
                        yield action.scope, limit


def _rules(folder: Folder, programs: Iterable[GatewayProgram], places: _Places) -> dict[str, KnownRule]:
    """The rules of all programs, which have a rule's name only as a part of what a digest is made of."""
    routes: dict[str, list[Route]] = {}
    objects = folder.objects
    for route in (*map(from_http_route, objects.http_routes), *map(from_grpc_route, objects.grpc_routes)):
        routes.setdefault(route.key, []).append(route)
    classes = {
        f"{gateway.metadata.namespace}/{gateway.metadata.name}": gateway.spec.gateway_class_name
        for gateway in objects.gateways
    }
    rules: dict[str, KnownRule] = {}
    for program in programs:
        gateway = f"{program.namespace}/{program.name}"
        for listener in program.listeners:
            names = [ListenerPlace(classes[gateway], gateway, name) for name in dict.fromkeys(listener.names)]
            in_program = {rule.name for host in listener.hosts for rule in host.rules}
            for hostname, key in _served(listener):
                for route in routes[key]:
                    rules |= {
                        name: places.rule(route, rule)
                        for name, rule in _names(route, hostname, names)
                        if name in in_program
                    }
    return rules


def _served(listener: ListenerProgram) -> Iterable[tuple[str, str]]:
    """Each host name with each route that it has."""
    return dict.fromkeys((host.hostname, rule.route) for host in listener.hosts for rule in host.rules)


def _names(route: Route, hostname: str, listeners: Iterable[ListenerPlace]) -> Iterator[tuple[str, str]]:
    """Yield the name in a program, and its own, of each rule of a route under a host name."""
    for rule in route.rules:
        for match_index in range(len(rule.matches)):
            for place in listeners:
                name = action_set_name(
                    gateway_class=place.gateway_class,
                    gateway=place.gateway,
                    listener=place.listener,
                    route=route.key,
                    rule=rule.name,
                    match_index=match_index,
                    hostname=hostname,
                )
                yield name, rule.name
