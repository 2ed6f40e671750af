"""Decides what a gateway can be told now, while limits are not held yet.

It is told all that the rate limit service holds the limits for, and the former state of the rest. Whoever
edits one policy again and again so that its limits are never held keeps nobody else's edits from a gateway
(issue F, 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.compiler.program import (
    Action,
    GatewayProgram,
    HostProgram,
    LimitAction,
    ListenerProgram,
    RuleProgram,
)
from kuadrant.compiler.route_piece import actions_of
from kuadrant.policy.identifiers import limit_condition

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator

    from kuadrant.api.limitador import Limit
    from kuadrant.operator.core.held_limits import HeldLimits
    from kuadrant.policy.match import RequestMatch


class Staged(Struct, frozen=True):
    """Holds a program to be in effect at a gateway.

    Attributes:
        program: the program.
        held: the rate limit service holds all that it asks for. As long as it does not, nothing of it may be
            written.
        waiting: the policies (namespace/name) whose former state it has; None if it is a former program as a
            whole.
        unheld: the policies that have a limit which is not held with the wanted value.
    """

    program: GatewayProgram
    held: bool
    waiting: frozenset[str] | None = frozenset()
    unheld: frozenset[str] = frozenset()


class Staging:
    """Stages the programs of one gateway, one after the other.

    Where the gateway is told something already, the first is staged as a whole, and stays until its limits
    are held, or all that is wanted by then: what an operator before this one has told is known only to the
    gateway. From then on, and where there was nothing before, each limit is staged as soon as it is held.
    """

    def __init__(self) -> None:
        self._first: GatewayProgram | None = None
        self._former: GatewayProgram | None = None

    def stage(
        self, wanted: GatewayProgram, held: HeldLimits, *, is_told: bool, hopeless: Asked = frozenset()
    ) -> Staged:
        """Return what the gateway is to have now, on the way to what is wanted.

        Args:
            wanted: the program in the end.
            held: the limits that the rate limit service holds.
            is_told: the gateway has been told something already, perhaps by an operator before this one.
            hopeless: what there is no room for in the rate limit service: nothing waits for that.
        """
        unheld = policies_that_ask(wanted, asked_for(one for one in wanted.limits if one not in held.limits))
        missing = _not_held(wanted, held)
        former = self._former
        if missing and former is None and is_told:
            first = self._first or wanted
            if lost := hopeless & _not_held(first, held):
                first = _mixed(first, replace(first, listeners=(), limits=()), lost)[0]
            former = self._first = first
            if _not_held(former, held):
                return Staged(former, held=False, waiting=_all_but(former, wanted), unheld=unheld)
        self._first = None
        if not missing:
            staged, waiting = wanted, frozenset[str]()
        else:
            staged, waiting = _mixed(wanted, former or replace(wanted, listeners=(), limits=()), missing)
            if former is None and not staged.limits:
                return Staged(wanted, held=False, unheld=unheld)
        self._former = former if former == staged else staged
        return Staged(self._former, held=True, waiting=waiting, unheld=unheld)


def _all_but(program: GatewayProgram, wanted: GatewayProgram) -> frozenset[str] | None:
    return frozenset() if program == wanted else None


Asked = frozenset[tuple[str, str]]
"""The scopes that a gateway asks for, with the conditions by which the service knows a limit."""


def asked_for(limits: Iterable[Limit]) -> Asked:
    """Return what a gateway asks for that asks for these limits."""
    return frozenset((limit.namespace, condition) for limit in limits for condition in limit.conditions)


def _not_held(program: GatewayProgram, held: HeldLimits) -> Asked:
    return asked_for(limit for limit in program.limits if limit.identity not in held.identities)


def rules_of(program: GatewayProgram) -> Iterator[RuleProgram]:
    """Yield every rule of every host of every port."""
    return (rule for listener in program.listeners for host in listener.hosts for rule in host.rules)


def asks(rule: RuleProgram) -> Iterator[tuple[tuple[str, str], LimitAction]]:
    """Yield what a rule asks for.

    Each limit with its scope and the condition by which the rate limit service knows it.
    """
    for action in rule.actions:
        for limit in action.limits:
            yield (action.scope, limit_condition(limit.key)), limit


def policies_that_ask(program: GatewayProgram, asked: Asked) -> frozenset[str]:
    """Return the policies that ask for any of these."""
    if not asked:
        return frozenset()
    return frozenset(source for rule in rules_of(program) for source in _sources(rule, asked))


def _sources(rule: RuleProgram, asked: Container[tuple[str, str]]) -> Iterator[str]:
    return (source for what, limit in asks(rule) if what in asked for source in limit.sources)


def _mixed(
    wanted: GatewayProgram, former: GatewayProgram, missing: Asked
) -> tuple[GatewayProgram, frozenset[str]]:
    """Return the program with the former state of what asks for something missing, and who waits."""
    before = _Former(former)
    waiting: set[str] = set()
    listeners = tuple(
        replace(listener, hosts=tuple(_hosts(listener, before, missing, waiting)))
        for listener in wanted.listeners
    )
    asked = frozenset(
        what for rule in rules_of(replace(wanted, listeners=listeners)) for what, _ in asks(rule)
    )
    of_wanted = asked_for(wanted.limits)
    limits = (
        *(
            one
            for one in wanted.limits
            if not asked.isdisjoint(keys := asked_for([one])) and missing.isdisjoint(keys)
        ),
        *(
            one
            for one in former.limits
            if not asked.isdisjoint(keys := asked_for([one]))
            and (of_wanted.isdisjoint(keys) or not missing.isdisjoint(keys))
        ),
    )
    return replace(wanted, listeners=listeners, limits=limits), frozenset(waiting)


class _Former:
    """Finds the rules of a former program, by where they were and by their routes."""

    def __init__(self, program: GatewayProgram) -> None:
        self._hosts = {
            (listener.port, host.hostname): host for listener in program.listeners for host in listener.hosts
        }
        self._of_route: dict[str, list[RuleProgram]] = {}
        for host in self._hosts.values():
            for rule in host.rules:
                self._of_route.setdefault(rule.route, []).append(rule)

    def host(self, port: int, hostname: str) -> HostProgram | None:
        return self._hosts.get((port, hostname))

    def actions(self, port: int, hostname: str, rule: RuleProgram, late: Collection[str]) -> Iterator[Action]:
        """Yield what a rule's requests were limited by, as far as that can be told.

        That is what the rule with the same match asked for. Without one, what policies that are late asked
        for on the same route, wherever it was; and if they asked for nothing there, on the first rule of the
        host that the requests belonged to.
        """
        host = self.host(port, hostname)
        same = next((one for one in host.rules if one.match == rule.match), None) if host else None
        if same is not None:
            yield from same.actions
            return
        found = [*_of(late, self._of_route.get(rule.route, ()))]
        if not found and host is not None:
            covering = next((one for one in host.rules if _covers(one.match, rule.match)), None)
            found = [*_of(late, [covering] if covering else [])]
        yield from found


def _of(policies: Collection[str], rules: Iterable[RuleProgram]) -> Iterator[Action]:
    for rule in rules:
        for action in rule.actions:
            if limits := tuple(one for one in action.limits if not set(policies).isdisjoint(one.sources)):
                yield Action(action.scope, limits)


def _covers(former: RequestMatch, match: RequestMatch) -> bool:
    """Tell whether every request of a match was one of the former match.

    Not known where the former has regular expressions, headers or a query.
    """
    if former.headers or former.query or former.method not in (None, match.method):
        return False
    if former.path is None or former.path == match.path:
        return True
    if match.path is None or match.path.type == "regex" or former.path.type != "prefix":
        return False
    return former.path.value == "/" or f"{match.path.value}/".startswith(f"{former.path.value}/")


def _hosts(
    wanted: ListenerProgram, former: _Former, missing: Asked, waiting: set[str]
) -> Iterator[HostProgram]:
    """Yield the hosts of a port, with the former limits where one is missing.

    A host of which nothing can be there yet stays away.
    """
    for host in wanted.hosts:
        late = {id(rule): frozenset(_sources(rule, missing)) for rule in host.rules}
        if not any(late.values()):
            yield host
            continue
        waiting.update(*late.values())
        staged = (_rule(rule, wanted.port, host.hostname, former, late[id(rule)]) for rule in host.rules)
        if rules := tuple(rule for rule in staged if rule is not None):
            made, before = replace(host, rules=rules), former.host(wanted.port, host.hostname)
            yield before if before == made else made


def _rule(
    wanted: RuleProgram, port: int, hostname: str, former: _Former, late: frozenset[str]
) -> RuleProgram | None:
    """Return a rule without the missing limits of the policies that are late; None if it has none.

    It has the limits of all other policies as they are wanted, and of what its requests were limited by
    before what other policies asked for: for a moment it may be stricter than either, and is never less
    strict than both. A rule that has none of these stays away: its requests meet what they met before.
    """
    if not late:
        return wanted
    limits: dict[str, dict[str, LimitAction]] = {}
    for action in wanted.actions:
        for limit in action.limits:
            if late.isdisjoint(limit.sources):
                limits.setdefault(action.scope, {})[limit.key] = limit
    here = {source for _, limit in asks(wanted) for source in limit.sources} - late
    for action in former.actions(port, hostname, wanted, late):
        for limit in action.limits:
            if here.issuperset(limit.sources):
                continue  # all of that policy is as it is wanted
            limits.setdefault(action.scope, {}).setdefault(limit.key, limit)
    host = former.host(port, hostname)
    if not limits and not (host and any(one.match == wanted.match for one in host.rules)):
        return None
    made = ((scope, limits[scope][key]) for scope in sorted(limits) for key in sorted(limits[scope]))
    return replace(wanted, actions=actions_of(made))
