"""The hosts of one port of a gateway with their rules, kept in order while pieces come and go."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from kuadrant.compiler.program import HostProgram
from kuadrant.incremental import InOrder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.compiler.route_piece import HostRule

_rank = attrgetter("rank")


class HostTable:
    """The rules of each host name, in the order in which they are tried."""

    def __init__(self) -> None:
        self._own: frozenset[str] = frozenset()
        self._rules: dict[str, list[HostRule]] = {}
        self._gone: dict[str, set[int]] = {}
        self._new: dict[str, list[HostRule]] = {}
        self._programs: InOrder[str, HostProgram] = InOrder()

    def serve(self, own: Iterable[str]) -> None:
        """Make ``own`` the names of the port's listeners.

        They are there even if they have no rules: their requests are nobody else's.
        """
        former, self._own = self._own, frozenset(own)
        for hostname in former ^ self._own:
            self._new.setdefault(hostname, [])

    def change(self, old: Iterable[HostRule], new: Iterable[HostRule]) -> None:
        """One piece has the rules ``new`` in the place of ``old``; those that are the same instance stay."""
        kept = {id(rule) for rule in old} & {id(rule) for rule in new}
        for rule in old:
            if id(rule) not in kept:
                self._gone.setdefault(rule.hostname, set()).add(id(rule))
        for rule in new:
            if id(rule) not in kept:
                self._new.setdefault(rule.hostname, []).append(rule)

    def hosts(self) -> tuple[HostProgram, ...]:
        """Every host, in lexicographic order; a host with the same rules as before is the same instance."""
        for hostname in self._gone.keys() | self._new.keys():
            self._programs.set(hostname, self._settled(hostname))
        self._gone.clear()
        self._new.clear()
        return self._programs.values()

    def _settled(self, hostname: str) -> HostProgram | None:
        rules = self._rules.get(hostname, [])
        if gone := self._gone.get(hostname):
            # They are in the list until now, so that no other rule can have their ids.
            rules = [rule for rule in rules if id(rule) not in gone]
        rules += self._new.get(hostname, ())
        if not rules and hostname not in self._own:
            self._rules.pop(hostname, None)
            return None
        # Sorted but for what is new, which takes little more than a look at each.
        rules.sort(key=_rank)
        self._rules[hostname] = rules
        return HostProgram(hostname, tuple([rule.program for rule in rules]))
