"""Makes a topology of objects and of what was compiled from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.explanation import match_words, section_of
from kuadrant.policy.hostnames import EVERY_HOSTNAME
from kuadrant.topology.record import (
    ClassNode,
    GatewayNode,
    IdleRoute,
    ListenerNode,
    PolicyNode,
    RouteNode,
    RuleNode,
    State,
    Topology,
)
from kuadrant.topology.rule_limits import limits_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.gateway import Gateway
    from kuadrant.api.meta import Object
    from kuadrant.compiler import PolicyFacts, RuleOrigin
    from kuadrant.compiler.program import GatewayProgram, RuleProgram
    from kuadrant.explanation import Configuration

_RouteKey = tuple[str, str]
"""Kind and ``namespace/name``."""
_Target = tuple[str, str, str | None]
"""Kind, ``namespace/name`` and section."""
_Matches = list[tuple[str, "RuleProgram", "RuleOrigin"]]
"""Each match of a rule with its host name."""


def topology(of: Configuration) -> Topology:
    """Return what hangs on what in a configuration."""
    return _Builder(of).built()


class _Builder:
    """Builds one topology; what was put somewhere is taken from what is left."""

    def __init__(self, of: Configuration) -> None:
        self._of = of
        self._programs = {f"{one.namespace}/{one.name}": one for one in of.compilation.programs}
        self._facts: dict[_Target, list[PolicyFacts]] = {}
        for facts in of.origins.facts:
            target = facts.policy.target
            self._facts.setdefault((target.kind, target.key, target.section), []).append(facts)
        self._placed: set[_Target] = set()
        self._attached: set[_RouteKey] = set()

    def built(self) -> Topology:
        classes: dict[str, list[GatewayNode]] = {}
        for gateway in self._of.objects.gateways:
            classes.setdefault(gateway.spec.gateway_class_name, []).append(self._gateway(gateway))
        return Topology(
            classes=tuple(ClassNode(name=name, gateways=tuple(classes[name])) for name in sorted(classes)),
            idle_routes=tuple(self._idle_routes()),
            idle_policies=tuple(
                self._policy(facts)
                for target in self._facts
                if target not in self._placed
                for facts in self._facts[target]
            ),
            notes=self._of.notes,
        )

    def _gateway(self, gateway: Gateway) -> GatewayNode:
        key = _key(gateway)
        served = self._served(key)
        return GatewayNode(
            gateway=key,
            origin=self._of.origins.of("Gateway", key),
            policies=self._policies("Gateway", key),
            listeners=tuple(
                ListenerNode(
                    name=listener.name,
                    port=listener.port,
                    protocol=listener.protocol,
                    hostname=listener.hostname or EVERY_HOSTNAME,
                    origin=self._of.origins.of_listener(key, listener.name),
                    policies=self._policies("Gateway", key, listener.name),
                    routes=tuple(
                        self._route(route, rules) for route, rules in sorted(served[listener.name].items())
                    )
                    if listener.name in served
                    else (),
                    not_served=self._of.not_served.get((key, listener.name)),
                )
                for listener in gateway.spec.listeners
            ),
        )

    def _served(self, gateway: str) -> dict[str, dict[_RouteKey, dict[int, _Matches]]]:
        """The matches of rules by listener, route and index of the rule."""
        found: dict[str, dict[_RouteKey, dict[int, _Matches]]] = {}
        program: GatewayProgram | None = self._programs.get(gateway)
        for listener in program.listeners if program else ():
            for host in listener.hosts:
                for rule, origin in self._of.origins.rules(gateway, listener.port, host.hostname):
                    routes = found.setdefault(origin.listener, {})
                    rules = routes.setdefault((origin.kind, origin.route), {})
                    rules.setdefault(origin.rule_index, []).append((host.hostname, rule, origin))
        return found

    def _route(self, route: _RouteKey, rules: dict[int, _Matches]) -> RouteNode:
        self._attached.add(route)
        kind, key = route
        return RouteNode(
            kind=kind,
            route=key,
            hostnames=tuple(sorted({host for matches in rules.values() for host, _, _ in matches})),
            origin=self._of.origins.of(kind, key),
            policies=self._policies(kind, key),
            rules=tuple(self._rule(route, index, rules[index]) for index in sorted(rules)),
        )

    def _rule(self, route: _RouteKey, index: int, matches: _Matches) -> RuleNode:
        name = matches[0][2].rule
        in_order = sorted(matches, key=lambda one: one[2].match_index)
        return RuleNode(
            name=name,
            matches=tuple(dict.fromkeys(match_words(program.match) for _, program, _ in in_order)),
            origin=self._of.origins.of(*route, ("spec", "rules", index)),
            policies=self._policies(*route, name),
            limits=limits_of((program, origin) for _, program, origin in in_order),
        )

    def _idle_routes(self) -> Iterable[IdleRoute]:
        routes = (*self._of.objects.http_routes, *self._of.objects.grpc_routes)
        for kind, key in ((type(route).kind, _key(route)) for route in routes):
            if (kind, key) not in self._attached:
                sections = [section for of, name, section in self._facts if (of, name) == (kind, key)]
                yield IdleRoute(
                    kind=kind,
                    route=key,
                    origin=self._of.origins.of(kind, key),
                    policies=tuple(
                        node for section in sections for node in self._policies(kind, key, section)
                    ),
                )

    def _policies(self, kind: str, key: str, section: str | None = None) -> tuple[PolicyNode, ...]:
        self._placed.add((kind, key, section))
        return tuple(map(self._policy, self._facts.get((kind, key, section), ())))

    def _policy(self, facts: PolicyFacts) -> PolicyNode:
        policy = facts.policy
        state, because = _state(facts)
        return PolicyNode(
            policy=policy.key,
            section=section_of(policy),
            strategy=policy.strategy,
            state=state,
            because=because,
            conditions=self._of.conditions.get(policy.key, ()),
            origin=self._of.origins.of("RateLimitPolicy", policy.key),
        )


def _state(facts: PolicyFacts) -> tuple[State, str]:
    if facts.acceptance.reason != "Accepted":
        return "not accepted", facts.acceptance.message
    if facts.paths == 0:
        return "no path", "no gateway serves what it is for"
    winners = " and ".join(facts.overridden_by)
    if facts.whole_paths == facts.paths:
        return "in effect", ""
    if facts.whole_paths or facts.partial_paths:
        return "in part", f"{winners} took the place of some of its limits" if winners else ""
    return "overridden", f"{winners} took its place" if winners else "it has no limits"


def _key(one: Object) -> str:
    return f"{one.metadata.namespace}/{one.metadata.name}"
