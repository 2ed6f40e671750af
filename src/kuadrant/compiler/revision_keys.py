"""Keeps a limit apart from what it was before an edit of its windows, counters or algorithm.

The rate limit service holds a former limit for as long as a gateway may ask for it. Under the same descriptor
key it would go on limiting those that ask for the new one. So a limit whose key is taken by another window or
other counters gets a key of its own, a revision, and every gateway meets what it asks for, and nothing else
(issue I, 6). A limit that was never edited so has Kuadrant's key (specification G.1). What makes a counter
another one, so that it begins with nothing, is in ``api/counter_identity``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kuadrant.api.limit_keys import revision
from kuadrant.compiler.program import Action
from kuadrant.incremental import OfEach, are, kept
from kuadrant.policy.identifiers import key_of_condition, limit_condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.api.algorithm import Algorithm
    from kuadrant.api.limitador import Limit
    from kuadrant.compiler.compiler import Compilation
    from kuadrant.compiler.program import GatewayProgram, HostProgram, RuleProgram

Revisions = dict[tuple[str, str], str]
"""The key of the revision by the scope of a limit and its key."""
_AFTER_NAME: Final = len('12345678"] == "1"')
"""Characters of a condition behind what a limit and its revisions have in common."""


def revisions(wanted: Iterable[Limit], present: Iterable[Limit]) -> Revisions:
    """Return the limits that are asked for by another key than Kuadrant's.

    It is the same one as long as the rate limit service holds it, and so also after a restart.

    Args:
        wanted: the limits as they are compiled.
        present: what the rate limit service holds or is about to.
    """
    wanted = tuple(wanted)
    identities = {one.identity for one in wanted}
    # Former limits, and revisions of what is wanted.
    others = [one for one in present if one.identity not in identities and len(one.conditions) == 1]
    taken = {(one.namespace, one.conditions[0]) for one in others}
    named = {(scope, condition[:-_AFTER_NAME]) for scope, condition in taken}
    counted: dict[tuple[str, str], set[tuple[int, tuple[str, ...], Algorithm]]] = {}
    for one in wanted:
        condition = one.conditions[0]
        if (one.namespace, condition[:-_AFTER_NAME]) in named:
            rates = counted.setdefault((one.namespace, condition), set())
            rates.add((one.seconds, one.variables, one.counts_by))
    result: Revisions = {}
    for (scope, condition), rates in counted.items():
        key = key_of_condition(condition)
        other = revision(key, rates)
        if (scope, condition) in taken or (scope, limit_condition(other)) in taken:
            result[scope, key] = other
    return result


class LimitRevisions:
    """Gives a compilation the keys of its revisions; what does not change stays the same instance."""

    def __init__(self) -> None:
        self._hosts: OfEach[HostProgram, _Host] = OfEach(_Host)
        self._limits: dict[tuple[Limit, str], Limit] = {}
        self._programs: dict[tuple[str, str], GatewayProgram] = {}
        self._last: tuple[tuple[object, ...], Compilation] | None = None

    def __call__(self, compilation: Compilation, present: tuple[Limit, ...]) -> Compilation:
        """Return the compilation with the keys by which gateways are to ask.

        Args:
            compilation: what is wanted.
            present: what the rate limit service holds or is about to.
        """
        if self._last is not None and are(self._last[0], (compilation, present)):
            return self._last[1]
        found = revisions(compilation.limits, present)
        revised = kept(None if self._last is None else self._last[1], self._revised(compilation, found))
        self._last = ((compilation, present), revised)
        return revised

    def _revised(self, compilation: Compilation, found: Revisions) -> Compilation:
        if not found:
            self._limits, self._programs = {}, {}
            return compilation
        former, self._limits = self._limits, {}
        conditions = {(scope, limit_condition(key)): other for (scope, key), other in found.items()}
        for limit in compilation.limits:
            if key := conditions.get((limit.namespace, limit.conditions[0])):
                made = former.get((limit, key)) or replace(limit, conditions=(limit_condition(key),))
                self._limits[limit, key] = made
        by_limit = {limit: made for (limit, _), made in self._limits.items()}
        self._programs = {
            (one.namespace, one.name): self._program(one, found, by_limit) for one in compilation.programs
        }
        return replace(
            compilation,
            limits=tuple(by_limit.get(one, one) for one in compilation.limits),
            programs=tuple(self._programs.values()),
        )

    def _program(
        self, program: GatewayProgram, found: Revisions, by_limit: Mapping[Limit, Limit]
    ) -> GatewayProgram:
        listeners = tuple(
            replace(one, hosts=tuple(self._hosts(host).revised(host, found) for host in one.hosts))
            for one in program.listeners
        )
        limits = tuple(by_limit.get(one, one) for one in program.limits)
        if are(limits, program.limits) and listeners == program.listeners:
            return program
        former = self._programs.get((program.namespace, program.name))
        return kept(former, replace(program, listeners=listeners, limits=limits))


class _Host:
    """Remembers the last revision of one host, as long as the compiler keeps the host."""

    def __init__(self, host: HostProgram) -> None:
        self._asked = frozenset(
            (action.scope, limit.key)
            for rule in host.rules
            for action in rule.actions
            for limit in action.limits
        )
        self._found: Revisions = {}
        self._revised: HostProgram | None = None

    def revised(self, host: HostProgram, found: Revisions) -> HostProgram:
        own = {one: found[one] for one in self._asked & found.keys()}
        if not own:
            return host
        if self._revised is None or own != self._found:
            rules = tuple(_rule(rule, own) for rule in host.rules)
            self._found, self._revised = own, replace(host, rules=rules)
        return self._revised


def _rule(rule: RuleProgram, found: Revisions) -> RuleProgram:
    actions = tuple(_action(one, found) for one in rule.actions)
    return rule if are(actions, rule.actions) else replace(rule, actions=actions)


def _action(action: Action, found: Revisions) -> Action:
    limits = tuple(
        replace(one, key=found[action.scope, one.key]) if (action.scope, one.key) in found else one
        for one in action.limits
    )
    return action if are(limits, action.limits) else Action(action.scope, limits)
