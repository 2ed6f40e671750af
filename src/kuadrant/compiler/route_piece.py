"""One route under one listener: its rules with their limits.

A pure function of the route's own surroundings, so that the pieces of routes that a change does not touch can
be kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from kuadrant.api.limitador import Limit
from kuadrant.api.response import Response
from kuadrant.compiler.program import Action, Forwarding, LimitAction, RuleProgram
from kuadrant.compiler.wanted_limits import strictest
from kuadrant.policy.attributes import READ_DIFFERENTLY
from kuadrant.policy.condition import ExpressionCounter, SelectorCounter
from kuadrant.policy.failure_mode import failure_mode
from kuadrant.policy.gateway_api_match_precedence import Place, PrecedenceKey, precedence
from kuadrant.policy.identifiers import action_set_name
from kuadrant.policy.identity_source import IdentitySource, reads_identity
from kuadrant.policy.limitador_limits import limitador_limits
from kuadrant.policy.policy_precedence import EffectiveLimit, EffectivePolicy, merge
from kuadrant.policy.response_precedence import response_in_effect
from kuadrant.policy.route_selectors import selects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kuadrant.policy.model import Policy
    from kuadrant.policy.route import Route


class ListenerPlace(Struct, frozen=True, gc=False):
    """A port that serves a route, of a gateway that has ``identity``. ``gateway`` is ``namespace/name``.

    ``response`` is what clients are told of limits as far as policies leave it open.
    """

    gateway_class: str
    gateway: str
    listener: str
    identity: IdentitySource | None = None
    response: Response = Response()


class HostRule(Struct, frozen=True, gc=False):
    """A rule program with the host name that it is for and its rank among the rules of that host name."""

    hostname: str
    rank: PrecedenceKey
    program: RuleProgram


class PolicyOutcome(Struct, frozen=True, gc=False):
    """The outcome of one policy on one path: how many of its limits are in effect there, and whose are."""

    policy: str
    gateway: str
    kept: int
    whole: bool
    winners: tuple[str, ...]


class RoutePiece(Struct, frozen=True, gc=False):
    """The part that one route adds to a port of a gateway.

    ``selected`` are the limits, as policy and limit name, of ``effective`` that are for at least one rule and
    host name.
    """

    rules: tuple[HostRule, ...]
    limits: tuple[Limit, ...]
    outcomes: tuple[PolicyOutcome, ...]
    effective: frozenset[tuple[str, str]]
    selected: frozenset[tuple[str, str]]


def route_piece(
    route: Route,
    *,
    place: ListenerPlace,
    hostnames: Mapping[str, frozenset[str]],
    forwardings: Sequence[Forwarding],
    policies: Sequence[Sequence[Policy]],
) -> RoutePiece:
    """Compile ``route`` under the listener of ``place``.

    ``hostnames`` are the names that the listener serves of it, each with the names that it comes from.
    ``forwardings`` and ``policies`` have one entry for each rule; the policies of a path go from the least to
    the most specific.
    """
    key = route.key
    rules: list[HostRule] = []
    outcomes: list[PolicyOutcome] = []
    effective_names: set[tuple[str, str]] = set()
    selected: dict[tuple[str, str, str], EffectiveLimit] = {}
    # Most rules of a route have the same policies, and the same limits under every host name.
    merged: dict[tuple[int, ...], EffectivePolicy | None] = {}
    made: dict[tuple[int, ...], tuple[Action, ...]] = {}
    for index, (rule, forwarding, on_path) in enumerate(zip(route.rules, forwardings, policies, strict=True)):
        if not rule.matches:  # none of them was sound: no request belongs to the rule
            continue
        effective = _merged(on_path, merged)
        in_effect = effective.limits if effective else ()
        outcomes += _outcomes(on_path, effective, place.gateway)
        effective_names |= {_name(entry) for entry in in_effect}
        for hostname, origins in hostnames.items():
            names = origins | {hostname}
            limits = tuple(entry for entry in in_effect if selects(entry.limit.selectors, rule, names))
            selected.update({(entry.identity, *_name(entry)): entry for entry in limits})
            numbers = tuple(map(id, limits))
            if numbers not in made:
                made[numbers] = _actions(limits, key, place.identity)
            told = _response(effective, place) if limits else Response()
            parts = _Parts(made[numbers], forwarding, told)
            rules += _host_rules(route, index, place, hostname, parts)
    return RoutePiece(
        rules=tuple(rules),
        limits=tuple(_held(selected.values(), key)),
        outcomes=tuple(outcomes),
        effective=frozenset(effective_names),
        selected=frozenset(map(_name, selected.values())),
    )


class _Parts(NamedTuple):
    """The parts of a rule's program that all of its matches have in common."""

    actions: tuple[Action, ...]
    forwarding: Forwarding
    response: Response


def _merged(
    on_path: Sequence[Policy], known: dict[tuple[int, ...], EffectivePolicy | None]
) -> EffectivePolicy | None:
    path = tuple(map(id, on_path))
    if path not in known:
        known[path] = merge(on_path)
    return known[path]


def _response(effective: EffectivePolicy | None, place: ListenerPlace) -> Response:
    return response_in_effect(effective.response if effective else None, place.response)


def _held(entries: Iterable[EffectiveLimit], route: str) -> Iterable[Limit]:
    """Yield the limits that the rate limit service has to hold for ``entries``."""
    for entry in entries:
        if not entry.limit.counted_by_gateways:
            yield from limitador_limits(entry.limit, key=entry.key, scope=entry.scope(route))


def _host_rules(
    route: Route,
    index: int,
    place: ListenerPlace,
    hostname: str,
    parts: _Parts,
) -> Iterable[HostRule]:
    """Yield the programs of the rule at ``index`` for one host name, one for each of its matches."""
    key, rule = route.key, route.rules[index]
    for match_index, match in enumerate(rule.matches):
        rank = precedence(match, Place(route.created, key, route.kind, index, match_index))
        name = action_set_name(
            gateway_class=place.gateway_class,
            gateway=place.gateway,
            listener=place.listener,
            route=key,
            rule=rule.name,
            match_index=match_index,
            hostname=hostname,
        )
        yield HostRule(hostname, rank, RuleProgram(name, key, match, *parts))


def with_former_parts(old: RoutePiece, new: RoutePiece) -> RoutePiece:
    """Return what equals ``new``, with every part that ``old`` has already as the same instance."""
    if old == new:
        return old
    rules = {rule: rule for rule in old.rules}
    # A rule with another rank may have the same program.
    programs = {rule.program: rule.program for rule in old.rules}
    limits = {limit: limit for limit in old.limits}
    return RoutePiece(
        rules=tuple(
            rules.get(rule) or HostRule(rule.hostname, rule.rank, programs.get(rule.program, rule.program))
            for rule in new.rules
        ),
        limits=tuple(limits.get(limit, limit) for limit in new.limits),
        outcomes=new.outcomes,
        effective=new.effective,
        selected=new.selected,
    )


def _actions(
    limits: Iterable[EffectiveLimit], route: str, identity: IdentitySource | None
) -> tuple[Action, ...]:
    """One action for each scope and who counts, the limits in the order of their names.

    Two where the descriptor of one would need two values for a key: a policy of ``v1beta2`` that is named
    like the route of a ``v1`` policy has its scope, and a counter of theirs the same text with another
    meaning.
    """
    made = (
        (entry.scope(route), _limit_action(entry, route, identity)) for entry in limits if entry.limit.rates
    )
    return actions_of(made)


def actions_of(limits: Iterable[tuple[str, LimitAction]]) -> tuple[Action, ...]:
    """Return the questions of limits, each given with its scope, in their order.

    What the gateway counts by itself comes first: what it refuses asks nobody.
    """
    questions: dict[tuple[bool, str], list[LimitAction]] = {}
    for scope, limit in limits:
        questions.setdefault((not limit.counted, scope), []).append(limit)
    for (is_asked, _), asking in questions.items():
        if not is_asked:
            # In the order in which the rate limit service has its limits.
            asking.sort(key=lambda one: (one.counted[0].name, one.key))
    return tuple(
        Action(asked[1], part) for asked in sorted(questions) for part in _without_clashes(questions[asked])
    )


def _without_clashes(limits: Sequence[LimitAction]) -> Iterable[tuple[LimitAction, ...]]:
    """Return the limits of one scope in one part for each descriptor: no key may have two values in it."""
    counters = {counter for limit in limits for counter in limit.counters}
    apart = {
        SelectorCounter(text)
        for text in READ_DIFFERENTLY
        if counters.issuperset((SelectorCounter(text), ExpressionCounter(text)))
    }
    parts: tuple[list[LimitAction], list[LimitAction]] = ([], [])
    for limit in limits:
        parts[not apart.isdisjoint(limit.counters)].append(limit)
    return (tuple(part) for part in parts if part)


def _limit_action(entry: EffectiveLimit, route: str, identity: IdentitySource | None) -> LimitAction:
    when = (*entry.source.conditions, *entry.limit.when)
    counters = tuple(dict.fromkeys(entry.limit.counters))
    return LimitAction(
        key=entry.key,
        when=when,
        counters=counters,
        sources=(entry.source.key,),
        identity=identity
        if identity is not None and reads_identity((*when, *entry.limit.evaluated))
        else None,
        refuses=entry.limit.refuses,
        signals=entry.limit.signals,
        cost=entry.limit.cost,
        fallback=failure_mode(entry.limit.fallback),
        counted=_counted(entry, route) if entry.limit.counted_by_gateways else (),
    )


def _counted(entry: EffectiveLimit, route: str) -> tuple[Limit, ...]:
    return strictest(limitador_limits(entry.limit, key=entry.key, scope=entry.scope(route)))


def _outcomes(
    on_path: Iterable[Policy], effective: EffectivePolicy | None, gateway: str
) -> Iterable[PolicyOutcome]:
    winners = effective.sources if effective else frozenset()
    in_effect = effective.limits if effective else ()
    for policy in on_path:
        kept = sum(entry.source.key == policy.key for entry in in_effect)
        others = winners - {policy.key}
        yield PolicyOutcome(
            policy=policy.key,
            gateway=gateway,
            kept=kept,
            whole=kept == len(policy.limits) and (kept > 0 or not others),
            winners=tuple(sorted(others)),
        )


def _name(entry: EffectiveLimit) -> tuple[str, str]:
    return (entry.source.key, entry.limit.name)
