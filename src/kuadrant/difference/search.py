"""Looks for requests that are answered otherwise, for each kind of difference that a port's rules have.

What is found is confirmed by ``decide``; that nothing is found proves nothing.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import islice, permutations
from math import ceil
from typing import TYPE_CHECKING, Final

from kuadrant.difference.answer import Answer
from kuadrant.difference.compared_port import Step, Told
from kuadrant.difference.condition_values import dimensions, variations
from kuadrant.difference.drafts import preflight
from kuadrant.difference.responses import COUNTED_PREFLIGHTS
from kuadrant.difference.shares import values_of_shares
from kuadrant.difference.smallest import size, smallest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kuadrant.compiler.program import RuleProgram
    from kuadrant.difference.compared_port import Port
    from kuadrant.difference.drafts import Draft
    from kuadrant.difference.sides import Behaviour

Cause = tuple[object, ...]
"""What differs between the rules that a request belongs to; the same for rules that differ alike."""
Turn = tuple[Answer, Answer, frozenset[str]]
"""The first answer that is another: what it was and what it is, and which limits have no room for it."""

_DRAFTS: Final = 300
"""So many requests are tried for a cause, or a share of those for a host name..."""
_AT_ONCE: Final = 1200
_LEAST: Final = 10
"""... and so many for each way to meet a match."""
_TOGETHER: Final = 14
"""So many of them are tried one after the other, in pairs."""
_ROUNDS: Final = 60
_ALIKE: Final = 5
_TIMES: Final = 3
"""For so many host names a cause is looked at again."""


class Search:
    """One port, and what was found for each cause."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._behaviours: dict[tuple[int, int], Behaviour] = {}
        self._causes: dict[tuple[int, int], Cause | None] = {}
        self._kept: dict[Cause, tuple[Draft, ...]] = {}
        self._times: Counter[Cause] = Counter()
        self.found: dict[Cause, dict[Turn, Told]] = {}
        """By cause and turn, the smallest requests; of a cause that nothing was found for it is empty."""

    def all(self) -> Iterator[tuple[Cause, Turn, Told]]:
        """Yield all that was found."""
        for cause, found in self.found.items():
            for turn, told in found.items():
                yield cause, turn, told

    def look(self, drafts: Iterable[Draft]) -> None:
        """Look for requests that are like ``drafts``, for each cause of which none is known yet.

        Where nothing was found requests to other hosts may help, as they can share a counter.
        """
        known = {cause for cause, told in self.found.items() if told or self._times[cause] >= _TIMES}
        by_cause: dict[Cause, dict[Draft, None]] = {}
        for draft in drafts:
            cause = self.cause(draft)
            if cause is not None and cause not in known:
                by_cause.setdefault(cause, {})[draft] = None
        tried: dict[Cause, dict[Draft, None]] = {}
        for cause, own in by_cause.items():
            share = max(min(_DRAFTS, _AT_ONCE // len(by_cause)) // len(own), _LEAST)
            for draft in own:
                for one in self._variations(draft, share):
                    other = cause if one == draft else self.cause(one)
                    if other is not None and other not in known:
                        tried.setdefault(other, dict.fromkeys(self._kept.get(other, ())))[one] = None
        for cause, some in tried.items():
            self._look(cause, sorted(some, key=lambda one: one.size))

    def cause(self, draft: Draft) -> Cause | None:
        """Return what differs between the rules of ``draft``; None if they do the same."""
        rules = self._port.rules(draft)
        if rules is None:
            return None
        key = (id(rules[0]), id(rules[1]))
        if key not in self._causes:
            self._causes[key] = self._difference(rules)
        return self._causes[key]

    def _difference(self, rules: tuple[RuleProgram | None, RuleProgram | None]) -> Cause | None:
        old, new = (self._behaviour(number, rule) for number, rule in enumerate(rules))
        if old == new:
            return None
        before, after = (_relative(one, rule) for one, rule in zip((old, new), rules, strict=True))
        routes = tuple(rule.route if rule else "" for rule in rules)
        moved = routes if routes[0] != routes[1] else None
        statuses = tuple(one.status if one else -1 for one in (old, new))
        said = tuple(one.response if one else () for one in (old, new))
        told = said if said[0] != said[1] else None
        return frozenset((before - after).items()), frozenset((after - before).items()), statuses, moved, told

    def turn(self, told: Told) -> Turn:
        """Return how the last answer of ``told``, the first that is another, differs."""
        return told.before[-1][0], told.after[-1][0], self._port.denying(told.steps)

    def shows(self, cause: Cause, turn: Turn, steps: tuple[Step, ...]) -> Told | None:
        """Return what ``steps`` show, if that is ``cause`` with that ``turn``, and known."""
        told = self._port.told(steps)
        if told is None or self.turn(told) != turn or self.cause(told.steps[-1].draft) != cause:
            return None
        return told if self._port.is_known(told.steps) else None

    def _look(self, cause: Cause, drafts: Sequence[Draft]) -> None:
        found = self.found.setdefault(cause, {})
        unlike = [*self._unlike(drafts)]
        self._times[cause] += 1
        self._kept[cause] = tuple(unlike[:_TOGETHER])
        for plan in (self._repeated, self._with_waiting, self._at_the_end, self._together):
            for told in plan(unlike):
                turn = self.turn(told)
                best = found.get(turn)
                is_smaller = best is None or size(told) < size(best)
                if is_smaller and self.cause(told.steps[-1].draft) == cause:
                    found[turn] = told
            if found:
                break
        for turn, told in [*found.items()]:
            found[turn] = self._until_both_are_limited(smallest(told, partial(self.shows, cause, turn)))

    def _until_both_are_limited(self, told: Told) -> Told:
        """Return ``told`` with so many more requests that it shows how many each of the two admits."""
        (step, *more) = told.steps
        most = max((number for one in self._port.first(step.draft) for _, number in one.counters), default=0)
        whole = None if more else self._port.whole([Step(step.draft, most + 1)])
        if whole is None or not (told.before[-1][0].limited or told.after[-1][0].limited):
            return told
        admitted = [count for (_, count), *others in (whole.before, whole.after) if others]
        return (
            whole.until(max([step.times, *(count + 1 for count in admitted)])) if len(admitted) > 1 else whole
        )

    def _unlike(self, drafts: Iterable[Draft]) -> Iterator[Draft]:
        """Yield the first of those of ``drafts`` that are asked for alike, if all of it is known."""
        groups: dict[object, list[Draft]] = {}
        for draft in drafts:
            groups.setdefault(self._port.first(draft), []).append(draft)
        for alike in groups.values():
            known = (draft for draft in alike[:_ALIKE] if self._port.is_known([Step(draft)]))
            yield from islice(known, 1)

    def _repeated(self, drafts: Iterable[Draft]) -> Iterator[Told]:
        """Each request until a limit is hit."""
        for draft in drafts:
            if told := self._port.told([Step(draft, self._most(draft) + 1)]):
                yield told

    def _with_waiting(self, drafts: Iterable[Draft]) -> Iterator[Told]:
        """Each request again after a window, once or round after round."""
        for draft in islice(drafts, _TOGETHER):
            rates = self._rates(draft)
            most = min((least for least, _ in rates), default=0)
            windows = sorted({seconds for _, seconds in rates if seconds})
            if most < 1:
                continue
            # Also after so long that a bucket has one token more.
            tokens = {ceil(seconds / number) for number, seconds in rates if seconds and number > 0}
            for seconds in sorted({*windows, *tokens}):
                if told := self._port.told([Step(draft, most), Step(draft, most + 1, seconds)]):
                    yield told
            rounds = min(ceil(max(number for number, _ in rates) / most) + 1, _ROUNDS)
            for seconds in windows[:1]:
                again = [Step(draft, most, seconds)] * rounds
                if told := self._port.told([Step(draft, most), *again]):
                    yield told

    def _at_the_end(self, drafts: Iterable[Draft]) -> Iterator[Told]:
        """Each request once, then just before that window ends, and after: where windows slide, these count.

        So two are told apart of which one lasts less than a slice longer.
        """
        for draft in islice(drafts, _TOGETHER):
            rates = self._rates(draft)
            most = min((least for least, _ in rates), default=0)
            for seconds in sorted({seconds for _, seconds in rates if seconds > 1}) if most > 1 else ():
                steps = [Step(draft), Step(draft, most - 1, seconds - 1), Step(draft, most + 1, 1)]
                if told := self._port.told(steps):
                    yield told

    def _together(self, drafts: Sequence[Draft]) -> Iterator[Told]:
        """One request until a limit is hit, then another one that shares a counter with it."""
        first = {draft: self._port.first(draft) for draft in drafts[:_TOGETHER]}
        for one, other in permutations(first, 2):
            most = min((number for number, _ in self._rates(one)), default=0)
            old, new = (a.counters & b.counters for a, b in zip(first[one], first[other], strict=True))
            steps = [Step(one, most), Step(other, self._most(other) + 1)]
            if most > 0 and old != new and (told := self._port.told(steps)):
                yield told

    def _most(self, draft: Draft) -> int:
        return max((number for number, _ in self._rates(draft)), default=0)

    def _rates(self, draft: Draft) -> list[tuple[int, int]]:
        return [rate for one in self._own(draft) for *_, rates in one.limits for rate in rates]

    def _own(self, draft: Draft) -> list[Behaviour]:
        rules = self._port.rules(draft) or ()
        found = (self._behaviour(number, rule) for number, rule in enumerate(rules))
        return [one for one in found if one is not None]

    def _values(self, draft: Draft) -> dict[tuple[str, ...], tuple[str | None, ...]]:
        limits = [limit for one in self._own(draft) for limit in one.limits]
        when = dict.fromkeys(condition for _, _, conditions, *_ in limits for condition in conditions)
        counters = dict.fromkeys(counter for _, _, _, counters, *_ in limits for counter in counters)
        found = dimensions(when, counters)
        for path, values in values_of_shares(self._own(draft), self._port.sides):
            found[path] = tuple(dict.fromkeys((*values, *found.get(path, ()))))
        return found

    def _variations(self, draft: Draft, most: int) -> Iterator[Draft]:
        counts = {COUNTED_PREFLIGHTS in one.response for one in self._own(draft)}
        for one in variations(draft, self._values(draft), most):
            yield one
            if len(counts) > 1:
                yield preflight(one)

    def _behaviour(self, side: int, rule: RuleProgram | None) -> Behaviour | None:
        if rule is None:
            return None
        key = (side, id(rule))
        if key not in self._behaviours:
            self._behaviours[key] = self._port.sides[side].behaviour(rule)
        return self._behaviours[key]


def _relative(behaviour: Behaviour | None, rule: RuleProgram | None) -> Counter[object]:
    """The limits of a rule, whatever the route is called that they are counted for."""
    if behaviour is None or rule is None:
        return Counter()
    return Counter(("" if scope == rule.route else scope, *rest) for scope, *rest in behaviour.limits)
