"""Limits and routing of two sides, what differs in them, each cause once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.difference.record import Change, LimitChange, LimitSide, Place, RoutingChange, ToldChange
from kuadrant.difference.responses import told_otherwise
from kuadrant.explanation.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kuadrant.difference.rule_pairs import Pair
    from kuadrant.difference.sides import Rule

_LimitKey = tuple[LimitSide | None, LimitSide | None]
_Said = tuple[str, str, str, str, Origin]
"""What clients are told otherwise, what it was and is, who says so, and where."""


class Changes:
    """Collects what differs, host name by host name."""

    def __init__(self) -> None:
        self._limits: dict[_LimitKey, list[Place]] = {}
        self._responses: dict[_Said, list[Place]] = {}
        self._routing: dict[RoutingChange, dict[str, None]] = {}
        self._told: set[_LimitKey | _Said | RoutingChange] = set()

    def add(self, host: str, found: Sequence[Pair], told: Iterable[Pair]) -> None:
        """Take over the rules of a host name; for those of ``told`` a request was found."""
        known = {id(pair) for pair in told}
        old = {pair.before.place.route for pair in found if pair.before}
        new = {pair.after.place.route for pair in found if pair.after}
        for pair in found:
            if pair.before and pair.after:
                self._of_both(host, pair.before, pair.after, is_told=id(pair) in known)
            elif rule := pair.after or pair.before:
                others = old if pair.after else new
                self._of_one(host, rule, pair, others, is_told=id(pair) in known)

    def routing(self, change: RoutingChange, host: str | None = None, *, is_told: bool = True) -> None:
        """Take over a change of what is served, at ``host``."""
        hosts = self._routing.setdefault(change, {})
        if host is not None:
            hosts[host] = None
        if is_told:
            self._told.add(change)

    def _of_both(self, host: str, before: Rule, after: Rule, *, is_told: bool) -> None:
        for one, other in _differing(before.limits, after.limits):
            self._limits.setdefault((one, other), []).append((after if other else before).place)
            if is_told:
                self._told.add((one, other))
        if before.limits and after.limits:
            for said in told_otherwise(before.behaviour.response, after.behaviour.response):
                by = (after if after.by[0] != f"Gateway {after.place.gateway}" else before).by
                self._responses.setdefault((*said, *by), []).append(after.place)
                if is_told:
                    self._told.add((*said, *by))
        reasons = []
        if before.program.match != after.program.match:
            reasons.append(f"{before.place.match} -> {after.place.match}")
        if _status(before) != _status(after):
            reasons.append(f"{_status(before)} -> {_status(after)}")
        if before.place.route != after.place.route:
            reasons.append(f"of {before.place.route} -> of {after.place.route}")
        for because in reasons:
            what = f"{after.place.rule} of {after.place.route}"
            change = RoutingChange(change="changed", what=what, because=because, origin=after.place.origin)
            self.routing(change, host, is_told=is_told)

    def _of_one(self, host: str, rule: Rule, pair: Pair, others: set[str], *, is_told: bool) -> None:
        change: Change = "added" if pair.after else "removed"
        place = rule.place
        if place.route in others:
            what, origin = f"{place.rule} of {place.route} ({place.match})", place.origin
        else:
            what, origin = place.route, None
        one = RoutingChange(change=change, what=what, origin=origin, limits=rule.limits)
        self.routing(one, host, is_told=is_told)

    def limits(self) -> Iterator[LimitChange]:
        """Yield the limits that differ."""
        for (before, after), places in self._limits.items():
            change: Change = "changed" if before and after else "added" if after else "removed"
            yield LimitChange(
                change=change,
                before=before,
                after=after,
                places=tuple(places),
                told=(before, after) in self._told,
            )

    def responses(self) -> Iterator[ToldChange]:
        """Yield what clients are told otherwise of limits."""
        for key, places in self._responses.items():
            what, before, after, by, origin = key
            yield ToldChange(
                what=what,
                before=before,
                after=after,
                by=by,
                origin=origin,
                places=tuple(places),
                told=key in self._told,
            )

    def all_routing(self) -> Iterator[RoutingChange]:
        """Yield what is served otherwise; of a route that came or went as a whole once."""
        merged: dict[tuple[str, str, str], RoutingChange] = {}
        for one, hosts in self._routing.items():
            key = (one.change, one.what, one.because)
            known = merged.get(key)
            merged[key] = RoutingChange(
                change=one.change,
                what=one.what,
                because=one.because,
                origin=one.origin,
                hosts=tuple(dict.fromkeys((*(known.hosts if known else ()), *hosts))),
                limits=tuple(dict.fromkeys((*(known.limits if known else ()), *one.limits))),
                told=one in self._told or bool(known and known.told),
            )
        yield from merged.values()


def _status(rule: Rule) -> str:
    """What becomes of requests that limits let through."""
    behaviour = rule.behaviour
    if behaviour.status is not None:
        return str(behaviour.status)
    return f"a backend answers{behaviour.refused and f', but {behaviour.refused}'}"


def _differing(old: Iterable[LimitSide], new: Iterable[LimitSide]) -> Iterator[_LimitKey]:
    by_name = {limit.name: limit for limit in new}
    for limit in old:
        other = by_name.pop(limit.name, None)
        if other is None or _does(limit) != _does(other):
            yield limit, other
    for limit in by_name.values():
        yield None, limit


def _does(limit: LimitSide) -> tuple[object, ...]:
    how = (limit.rates, limit.algorithm, limit.burst, limit.mode, limit.signals, limit.enforce_percent)
    counted_by = (limit.counters, limit.cost, limit.counted_by)
    told = (limit.identity, limit.counted, limit.fallback)
    return limit.key, how, frozenset(limit.when), counted_by, told
