"""Finds the parts of conditions and counters that fail for some request, and with them the request.

Everything is gone through once for each way in which requests can differ in what its parts need: whether a
header is there, how many pieces a path has. So a part is found only if nothing around it makes up for it, as
``'x' in request.headers && ..``, ``.. || ..``, ``has()`` and ``?:`` do, in its expression or in one beside
it. What else a request is like is not looked at: it can be anything.
"""

from __future__ import annotations

from itertools import count, islice, product
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from kuadrant.policy.expression_outcomes import TRUE, Evaluation, Examined, Failing, Outcome, both, negated
from kuadrant.policy.expression_text import HEADERS, quoted
from kuadrant.policy.fallible_parts import ALWAYS, least
from kuadrant.policy.request_facts import MANY, NO, YES, Entries, RequestFacts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kuadrant.policy.request_facts import Interval, Subject, World

_MOST_WORLDS: Final = 64
_MOST_PARTS: Final = 10_000
"""So many parts are gone through, over all worlds: who writes hundreds of needs is told of the first."""


def failing(
    conditions: Sequence[Any],
    excluded: Sequence[Any],
    counters: Sequence[Any],
    entries: Entries | None = None,
    lengths: Mapping[str, int] = MappingProxyType({}),
) -> tuple[Failing, ...]:
    """Return the parts that fail for some request, and end it; expressions are numbered in this order.

    All ``conditions``, checked expressions, have to hold, and none of the ``excluded``, as by CEL's ``&&``;
    ``counters`` are looked at where that is so. ``entries`` and ``lengths``, the least ones of parts by their
    texts, are known of every request. Of what is needed more than once the first part is told.
    """
    told: dict[Subject, Failing] = {}
    for one in _Search(conditions, excluded, counters, entries or Entries()).found():
        if one.need.kind != "length" or one.need.least > lengths.get(one.need.of, 0):
            told.setdefault(one.need.subject, one)
    return tuple(sorted(told.values(), key=_place))


def _place(one: Failing) -> tuple[int, int]:
    return one.expression, one.offset


class _Search:
    """The worlds in which a limit is looked at, and what fails in each."""

    def __init__(
        self,
        conditions: Sequence[Any],
        excluded: Sequence[Any],
        counters: Sequence[Any],
        entries: Entries,
    ) -> None:
        numbers = count()
        self._conditions, self._excluded, self._counters = (
            [Examined(next(numbers), checked) for checked in some]
            for some in (conditions, excluded, counters)
        )
        present = entries.present | {(HEADERS, quoted(name)) for name in ALWAYS}
        self._entries = replace(entries, present=present)
        self._size = 1 + sum(len(one.types) for one in (*conditions, *excluded, *counters))

    def found(self) -> list[Failing]:
        """Return the parts that fail in one of the worlds, in the order in which they are written."""
        asked: dict[Subject, set[int]] = {}
        free = self._in({}, asked)
        if not free:
            return []
        if any(kind == "length" for kind, _, _ in asked):
            # What bounds a length may be written before the part that needs it.
            free = self._in({}, asked)
        free_first = sorted(free, key=_place)
        ways = {subject: [*_ways(subject, bounds)] for subject, bounds in asked.items()}
        failed: set[Failing] = set()
        most = min(_MOST_WORLDS, 1 + _MOST_PARTS // self._size)
        if prod(map(len, ways.values())) <= most:
            for world in product(*ways.values()):
                failed |= self._in(dict(zip(ways, world, strict=True)), {})
        else:  # each by itself, with everything else as it may be
            worlds = ((subject, way) for subject, several in ways.items() for way in several)
            for subject, way in islice(worlds, most):
                found = self._in({subject: way}, {})
                failed |= {one for one in found if one.need.subject == subject}
        return [one for one in free_first if one in failed]

    def _in(self, world: World, asked: dict[Subject, set[int]]) -> frozenset[Failing]:
        facts = RequestFacts(world, asked, self._entries)
        whole = TRUE
        for condition in self._conditions:
            whole = both(whole, _condition(_outcome(condition, facts)))
        for condition in self._excluded:
            whole = both(whole, negated(_condition(_outcome(condition, facts))))
        failures = whole.failures
        if whole.true:
            for counter in self._counters:
                one = _outcome(counter, facts)
                failures |= one.failures
                if not one.succeeds:
                    break
        return failures


def _outcome(one: Examined, facts: RequestFacts) -> Outcome:
    return Evaluation(one, facts).of(one.expression, {})


def _condition(one: Outcome) -> Outcome:
    """``one`` where what is of no known type is true or false."""
    return Outcome(true=True, false=True, failures=one.failures) if one.other else one


def _ways(subject: Subject, bounds: set[int]) -> Iterator[Interval]:
    """Return how it may be with a subject: there or not, or between which lengths that are asked for."""
    if subject[0] != "length":
        yield from (NO, YES)
        return
    lowest = least(subject[1])
    starts = [lowest, *sorted(one for one in bounds if one > lowest)]
    for start, after in zip(starts, [*starts[1:], None], strict=True):
        yield (start, MANY if after is None else after - 1)
