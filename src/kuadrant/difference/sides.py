"""One of two configurations, so that its rules can be compared with those of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from kuadrant.api.algorithm import FIXED_WINDOW, Algorithm
from kuadrant.api.limit_mode import ENFORCE, EVERYBODY, Mode
from kuadrant.api.limit_scope import CLUSTER, GATEWAY, Scope
from kuadrant.compiler.program import (
    RuleProgram,
)
from kuadrant.difference.record import LimitSide, Place
from kuadrant.difference.responses import Said, said
from kuadrant.explanation.client_answer import admitted_status, refused_share
from kuadrant.explanation.origin import Origin
from kuadrant.explanation.origins import section_of
from kuadrant.explanation.routing_trace import match_words
from kuadrant.gateways.plugin_tables import host_of
from kuadrant.policy.condition import Counter, PolicyCondition
from kuadrant.policy.identifiers import limit_condition
from kuadrant.policy.identity_source import IdentitySource
from kuadrant.policy.policy_precedence import merge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.api.limitador import Limit
    from kuadrant.compiler import RuleOrigin
    from kuadrant.compiler.program import (
        Action,
        HostProgram,
        LimitAction,
        ListenerProgram,
    )
    from kuadrant.explanation import Configuration
    from kuadrant.policy.policy_precedence import EffectiveLimit

PortKey = tuple[str, int]
"""A gateway, as ``namespace/name``, and a port of it."""
Rates = tuple[tuple[int, int], ...]
Signals = tuple[tuple[str, str], ...]
Counting = tuple[Algorithm, int | None, Mode, Signals, int, Scope]
"""How hits are counted, what a bucket holds if that is said, what it does where it has no room, the headers
by which it says so, for how many of a hundred it is enforced, and who counts."""


class Behaviour(Struct, frozen=True, gc=False):
    """All of a rule that decides on its requests: two that are equal answer the same.

    ``limits`` are, in the order in which they are asked for, scope, key, conditions, counters,
    where identities are from, how it counts, and rates. ``response`` is what clients are told of them;
    ``refused`` says for how many requests a backend answers 500.
    """

    limits: tuple[
        tuple[
            str,
            str,
            tuple[PolicyCondition, ...],
            tuple[Counter, ...],
            IdentitySource | None,
            Counting,
            tuple[tuple[int, int], ...],
        ],
        ...,
    ]
    status: int | None
    response: Said = ()
    refused: str = ""


class Rule(Struct, frozen=True, gc=False):
    """A rule of a host name as the gateway has it."""

    program: RuleProgram
    behaviour: Behaviour
    place: Place
    key: tuple[str, str, int]
    limits: tuple[LimitSide, ...]
    by: tuple[str, Origin]


class Side:
    """One of the two."""

    def __init__(self, configuration: Configuration, *, own_router: bool) -> None:
        self.configuration = configuration
        self.own_router = own_router
        self.listeners: dict[PortKey, ListenerProgram] = {}
        for program in configuration.compilation.programs:
            for listener in program.listeners:
                self.listeners[f"{program.namespace}/{program.name}", listener.port] = listener
        self.programs = {
            f"{program.namespace}/{program.name}": program for program in configuration.compilation.programs
        }
        self._hosts: dict[PortKey, dict[str, HostProgram]] = {}
        self._held: dict[tuple[str, str], list[Limit]] = {}
        for limit in configuration.compilation.all_limits:
            for condition in limit.conditions:
                self._held.setdefault((limit.namespace, condition), []).append(limit)

    def behaviour(self, rule: RuleProgram) -> Behaviour:
        """Return all of ``rule`` that decides on its requests."""
        return Behaviour(
            tuple(
                (
                    action.scope,
                    limit.key,
                    limit.when,
                    limit.evaluated,
                    limit.identity,
                    self._counting(action, limit),
                    self._rates(action, limit),
                )
                for action in rule.actions
                for limit in action.limits
            ),
            admitted_status(rule, own_router=self.own_router),
            said(rule.response) if rule.actions else (),
            refused_share(rule, own_router=self.own_router),
        )

    def _rates(self, action: Action, limit: LimitAction) -> Rates:
        held = self._held.get((action.scope, limit_condition(limit.key)), ())
        return tuple((one.max_value, one.seconds) for one in held)

    def _counting(self, action: Action, limit: LimitAction) -> Counting:
        held = self._held.get((action.scope, limit_condition(limit.key)), ())
        said = limit.signals
        scope: Scope = GATEWAY if limit.counted else CLUSTER
        each = (
            (one.counts_by, one.burst or None, one.mode or ENFORCE, said, one.percent, scope) for one in held
        )
        return next(each, (FIXED_WINDOW, None, ENFORCE, said, EVERYBODY, scope))

    def conditions(self, scope: str, key: str) -> tuple[str, ...]:
        """Return the conditions by which the rate limit service knows the limit ``key``."""
        return next((one.conditions for one in self._held.get((scope, limit_condition(key)), ())), ())

    def host(self, key: PortKey, hostname: str) -> HostProgram | None:
        """Return who serves requests to ``hostname``."""
        if key not in self._hosts:
            listener = self.listeners.get(key)
            self._hosts[key] = {host.hostname: host for host in listener.hosts} if listener else {}
        return host_of(hostname, self._hosts[key])

    def rules(self, key: PortKey, hostname: str) -> tuple[Rule, ...]:
        """Return the rules of a host name in their order, without those that an equal match precedes."""
        host = self.host(key, hostname)
        if host is None:
            return ()
        known = self.configuration.origins.of_rules(*key, host.hostname)
        first = {rule.match: rule for rule in reversed(host.rules)}
        return tuple(
            self._rule(key, hostname, rule, known.get(id(rule)))
            for rule in host.rules
            if first[rule.match] is rule
        )

    def _rule(self, key: PortKey, hostname: str, rule: RuleProgram, origin: RuleOrigin | None) -> Rule:
        kind = origin.kind if origin else "HTTPRoute"
        path = ("spec", "rules", origin.rule_index, "matches", origin.match_index) if origin else ()
        place = Place(
            gateway=key[0],
            port=key[1],
            host=hostname,
            route=f"{kind} {rule.route}",
            rule=origin.rule if origin else "",
            match=match_words(rule.match),
            origin=self.configuration.origins.of(kind, rule.route, path),
        )
        number = origin.match_index if origin else 0
        return Rule(
            program=rule,
            behaviour=self.behaviour(rule),
            place=place,
            key=(place.route, place.rule, number),
            limits=tuple(self._limits(rule, origin)),
            by=self._by(key[0], origin),
        )

    def _by(self, gateway: str, origin: RuleOrigin | None) -> tuple[str, Origin]:
        """Who says what clients are told: the policy that does, else the Gateway for the installation."""
        policies = origin.policies if origin else ()
        merged = merge(policies)
        response = merged.response if merged else None
        for policy in policies:
            if response is not None and policy.response is response:
                path = (*policy.field, "response")
                of = self.configuration.origins.of("RateLimitPolicy", policy.key, path)
                return f"RateLimitPolicy {policy.key}", of
        return f"Gateway {gateway}", self.configuration.origins.of("Gateway", gateway)

    def _limits(self, rule: RuleProgram, origin: RuleOrigin | None) -> Iterator[LimitSide]:
        merged = merge(origin.policies) if origin else None
        entries: dict[tuple[str, tuple[str, ...]], EffectiveLimit] = {
            (entry.key, (entry.source.key,)): entry for entry in (merged.limits if merged else ())
        }
        for action in rule.actions:
            for limit in action.limits:
                yield self._limit(rule, action, limit, entries.get((limit.key, limit.sources)))

    def _limit(
        self, rule: RuleProgram, action: Action, limit: LimitAction, entry: EffectiveLimit | None
    ) -> LimitSide:
        counted: Literal["for each route", "together"] = (
            "for each route" if action.scope == rule.route else "together"
        )
        policy = entry.source.key if entry else next(iter(limit.sources), "")
        algorithm, burst, mode, signals, percent, counted_by = self._counting(action, limit)
        return LimitSide(
            name=entry.limit.name if entry else limit.key,
            policy=policy,
            section=section_of(entry.source) if entry else "limits",
            origin=self._origin(entry, policy),
            rates=self._rates(action, limit),
            algorithm=algorithm,
            burst=burst,
            mode=mode,
            enforce_percent=percent,
            counted_by=counted_by,
            signals=signals,
            when=tuple(condition.text for condition in limit.when),
            counters=tuple(counter.text for counter in limit.counters),
            cost=limit.cost.text if limit.cost else "",
            fallback=limit.fallback,
            identity=str(limit.identity or ""),
            counted=counted,
            key=limit.key,
        )

    def _origin(self, entry: EffectiveLimit | None, policy: str) -> Origin:
        path = (*entry.source.field, "limits", entry.limit.name) if entry else ()
        return self.configuration.origins.of("RateLimitPolicy", policy, path)
