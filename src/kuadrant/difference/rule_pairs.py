"""Finds which rules of a host name, old and new, are the same one, and how they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.difference.match_drafts import are_apart
from kuadrant.difference.sides import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Pair(Struct, frozen=True, gc=False):
    """A rule, old and new; None where it is not there."""

    before: Rule | None
    after: Rule | None

    @property
    def differs(self) -> bool:
        """Tell whether requests could be answered otherwise."""
        return (
            self.before is None
            or self.after is None
            or self.before.program.match != self.after.program.match
            or self.before.behaviour != self.after.behaviour
        )


def pairs(old: Sequence[Rule], new: Sequence[Rule]) -> tuple[Pair, ...]:
    """Return the rules of both, in pairs: by the requests that are theirs, the rest by their names."""
    by_match = {rule.program.match: rule for rule in new}
    found = [Pair(rule, by_match.pop(rule.program.match, None)) for rule in old]
    by_key = {rule.key: rule for rule in by_match.values()}
    named = [
        Pair(one.before, by_key.pop(one.before.key, None)) if one.before and one.after is None else one
        for one in found
    ]
    taken = {one.after.program.match for one in named if one.after is not None}
    return (*named, *(Pair(None, rule) for rule in new if rule.program.match not in taken))


def reordered(found: Sequence[Pair], new: Sequence[Rule]) -> Iterator[tuple[Rule, Rule]]:
    """Yield rules that were tried one after the other, and are now tried the other way round.

    Only those that may have requests in common and do not do the same with them.
    """
    place = {rule.program.match: number for number, rule in enumerate(new)}
    both = [one for one in found if one.before is not None and one.after is not None]
    order = [place[one.after.program.match] for one in both if one.after is not None]
    if order == sorted(order):
        return
    for number, (one, own) in enumerate(zip(both, order, strict=True)):
        for other, later in zip(both[number + 1 :], order[number + 1 :], strict=True):
            if later < own and one.after is not None and other.after is not None:
                is_same = one.after.behaviour == other.after.behaviour and not (one.differs or other.differs)
                if not is_same and not are_apart(one.after.program.match, other.after.program.match):
                    yield one.after, other.after
