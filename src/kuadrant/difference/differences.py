"""Finds what two configurations do otherwise: :func:`differences`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from kuadrant.difference.changes import Changes
from kuadrant.difference.compared_port import Port, answered
from kuadrant.difference.match_drafts import both, drafts_of, names_of
from kuadrant.difference.record import Differences, RoutingChange, TellingRequest
from kuadrant.difference.rule_pairs import Pair, pairs, reordered
from kuadrant.difference.search import Search
from kuadrant.difference.shown_requests import Shown, each_once, reason_of
from kuadrant.difference.sides import Side
from kuadrant.difference.smallest import size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kuadrant.compiler.program import HostProgram
    from kuadrant.difference.compared_port import Told
    from kuadrant.difference.drafts import Draft
    from kuadrant.difference.sides import PortKey, Rule
    from kuadrant.explanation import Configuration


def differences(old: Configuration, new: Configuration) -> Differences:
    """Return what gateways do otherwise with ``new`` in the place of ``old``.

    Every request that is shown was decided with both; where none was found, the limit says so.
    """
    own_router = old.own_router and new.own_router
    sides = Side(old, own_router=own_router), Side(new, own_router=own_router)
    changes = Changes()
    told: list[Shown] = []
    keys = sorted(sides[0].listeners.keys() | sides[1].listeners.keys())
    ports = [port for _, port in keys]
    for key in keys:
        if not _is_in_both(key, sides, changes):
            continue
        is_alone = ports.count(key[1]) == 1
        comparison = _Comparison(Port(key, *sides, is_alone=is_alone), changes, shown=len(keys) > 1)
        told += comparison.requests()
    return Differences(
        limits=tuple(changes.limits()),
        responses=tuple(changes.responses()),
        routing=tuple(changes.all_routing()),
        requests=tuple(each_once(told)),
        notes=tuple(dict.fromkeys((*old.notes, *new.notes))),
    )


def _is_in_both(key: PortKey, sides: tuple[Side, Side], changes: Changes) -> bool:
    listeners = [side.listeners.get(key) for side in sides]
    what = f"port {key[1]} of Gateway {key[0]}"
    if None in listeners:
        change: Any = "added" if listeners[0] is None else "removed"
        side = sides[0] if listeners[0] else sides[1]
        for host in side.listeners[key].hosts:
            changes.routing(RoutingChange(change=change, what=what), host.hostname, is_told=True)
        if not side.listeners[key].hosts:
            changes.routing(RoutingChange(change=change, what=what), is_told=True)
        return False
    old, new = (one.protocol for one in listeners if one is not None)
    if old != new:
        changes.routing(RoutingChange(change="changed", what=what, because=f"{old} -> {new}"), is_told=True)
    return True


class _Comparison:
    """The host names of one port."""

    def __init__(self, port: Port, changes: Changes, *, shown: bool) -> None:
        self._port = port
        self._changes = changes
        self._where = f" (port {port.key[1]} of {port.key[0]})" if shown else ""
        self._search = Search(port)
        self._hostnames = frozenset(
            host.hostname for side in port.sides for host in side.listeners[port.key].hosts
        )
        self._also: dict[int, dict[str, None]] = {}

    def requests(self) -> Iterator[Shown]:
        """Look at each host name, and yield the requests that were found, each with its size and why."""
        for hostname in sorted(self._hostnames):
            self._look(hostname)
        for cause, turn, one in self._search.all():
            before, after = answered(one)
            request = TellingRequest(
                steps=tuple(self._port.sent(one.steps)),
                before=before,
                after=after,
                also=tuple(self._also.get(id(one), ())),
            )
            yield size(one), reason_of(cause, turn), request

    def _look(self, hostname: str) -> None:
        old, new = self._port.sides
        key = self._port.key
        hosts = old.host(key, hostname), new.host(key, hostname)
        if self._are_same(*hosts):
            return
        rules = old.rules(key, hostname), new.rules(key, hostname)
        found = pairs(*rules)
        swapped = [*reordered(found, rules[1])]
        drafts = {id(pair): [*self._drafts(hostname, pair)] for pair in found if pair.differs}
        known = [*self._search.found]
        self._search.look([draft for some in drafts.values() for draft in some])
        self._note_also(hostname, known, [draft for some in drafts.values() for draft in some])
        told = [pair for pair in found if self._is_told(pair, drafts.get(id(pair), ()))]
        where = f"{hostname}{self._where}"
        self._changes.add(where, found, told)
        for one, other in swapped:
            self._swapped(hostname, where, one, other)

    def _are_same(self, old: HostProgram | None, new: HostProgram | None) -> bool:
        if old is None or new is None or len(old.rules) != len(new.rules):
            return False
        before, after = self._port.sides
        return all(
            one.match == other.match and before.behaviour(one) == after.behaviour(other)
            for one, other in zip(old.rules, new.rules, strict=True)
        )

    def _drafts(self, hostname: str, pair: Pair) -> Iterator[Draft]:
        for name in self._names(hostname):
            for rule in (pair.before, pair.after):
                if rule is not None:
                    yield from drafts_of(rule.program.match, name)

    def _names(self, hostname: str) -> Sequence[str]:
        return names_of(hostname, self._hostnames)

    def _is_told(self, pair: Pair, drafts: Iterable[Draft]) -> bool:
        if not pair.differs:
            return False
        causes = {self._search.cause(draft) for draft in drafts}
        return any(cause is not None and self._search.found.get(cause) for cause in causes)

    def _note_also(self, hostname: str, known: Iterable[object], drafts: Iterable[Draft]) -> None:
        causes = {self._search.cause(draft) for draft in drafts}
        for cause in known:
            if cause in causes:
                for turn, told in self._search.found[cause].items():  # type: ignore[index]
                    if self._shows(hostname, cause, turn, told):
                        self._also.setdefault(id(told), {})[hostname] = None

    def _shows(self, hostname: str, cause: Any, turn: Any, told: Told) -> bool:
        name = self._names(hostname)[0]
        steps = tuple(
            structs.replace(step, draft=structs.replace(step.draft, host=name)) for step in told.steps
        )
        again = self._port.whole(steps) if self._search.shows(cause, turn, steps) else None
        return again is not None and (again.before, again.after) == (told.before, told.after)

    def _swapped(self, hostname: str, where: str, one: Rule, other: Rule) -> None:
        drafts = [
            draft
            for match in both(one.program.match, other.program.match)
            for draft in drafts_of(match, self._names(hostname)[0])
        ]
        self._search.look(drafts)
        change = RoutingChange(
            change="changed",
            what=f"{other.place.rule} of {other.place.route} ({other.place.match})",
            because=f"tried before {one.place.rule} of {one.place.route} ({one.place.match})",
            origin=other.place.origin,
        )
        self._changes.routing(change, where, is_told=self._is_told(Pair(one, None), drafts))
