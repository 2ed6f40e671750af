"""The rate limit service: Limitador's rule, as a function from counters to counters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.api.algorithm import SLIDING_WINDOW
from kuadrant.api.counter_identity import Identity
from kuadrant.api.limit_keys import hits_of
from kuadrant.api.limit_mode import SOFT, counter_text, is_enforced
from kuadrant.api.limitador import Limit
from kuadrant.policy.identifiers import descriptor_entry, limit_condition
from kuadrant.reference_model.counter_windows import (
    Window,
    hits_at,
    kept_until,
    lasting,
    room_in,
    seen_at,
    whole_in,
    with_hits,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CounterKey = tuple[Identity, tuple[tuple[str, str], ...]]
"""What makes a limit's counters its own, and the values of its variables."""


class Standing(Struct, frozen=True, gc=False):
    """The state of a counter after a request.

    What is left of the most that its ``limit`` admits, and the seconds until it is whole again. ``wait`` are
    those until it has room for as many ``hits`` once more; None if it never has.
    """

    limit: Limit
    counter: CounterKey
    remaining: int
    reset: float
    wait: float | None
    hits: int = 1

    @property
    def denies(self) -> bool:
        """Tell whether a request that was limited has no room here."""
        return self.remaining < self.hits


class Watched(Struct, frozen=True, gc=False):
    """A counter that is not enforced for its values, and whether it had no room for the request.

    That ``is_known`` unless it depends on the clock of the service, for this request or for one before.
    """

    standing: Standing
    is_full: bool
    is_known: bool = True

    @property
    def is_exceeded(self) -> bool:
        """Tell whether it is one of a soft limit, which a request that goes on says so of."""
        return self.is_full and self.standing.limit.mode == SOFT


class Answer(Struct, frozen=True, gc=False):
    """The answer of the service: whether the request is over a limit.

    Also where the counters of all that apply stand.

    The standings are in the order of the headers, the most restrictive first; those that are only ``watched``
    are not among them. Where it depends on the clock of the service, ``bounds`` are the answers if each hit
    of a sliding window counts as shortly and as long as it can, and one is ``in_doubt`` if it depends on
    what became of a request before.
    """

    limited: bool
    standings: tuple[Standing, ...]
    watched: tuple[Watched, ...] = ()
    bounds: tuple[Answer, Answer] | None = None
    in_doubt: bool = False

    @property
    def is_known(self) -> bool:
        """Tell whether the answer is the same wherever slices of the service's clock begin."""
        same = self.bounds is None or self.bounds[0].limited == self.bounds[1].limited
        return same and not self.in_doubt

    @property
    def again(self) -> int | None:
        """The seconds after which one more has room in all of them, if nobody else comes; None if never."""
        waits = [standing.wait for standing in self.standings if standing.wait is not None]
        if len(waits) < len(self.standings):
            return None
        return math.ceil(round(max(waits, default=0.0), 6))


def again(answers: Iterable[Answer]) -> int | None:
    """Return the seconds after which all of them have room, at least one; None if one never has."""
    waits = [answer.again for answer in answers]
    known = [wait for wait in waits if wait is not None]
    return max(1, *known) if len(known) == len(waits) else None


class Counters(Struct, frozen=True, gc=False):
    """The limits that the service holds, and the windows that are open.

    The counters ``in_doubt`` may have been counted by a request whose outcome is not known; each until when.
    """

    limits: tuple[Limit, ...]
    windows: Mapping[CounterKey, Window] = MappingProxyType({})
    in_doubt: Mapping[CounterKey, float] = MappingProxyType({})

    def ask(self, scope: str, entries: Iterable[tuple[str, str]], now: float) -> tuple[Answer, Counters]:
        """Ask for one more request of ``scope`` with the descriptor ``entries`` at ``now``, in seconds.

        All limits that apply are looked at, then all are counted; where one has no room, none is. Those that
        are only watched have no say in that, and of them those with room are counted, and all soft ones.
        """
        before = self._asked(scope, entries, now)
        enforced = [one for one in before if _is_enforced(one)]
        watched = [one for one in before if not _is_enforced(one)]
        if any(not _has_room(one, now) for one in enforced):
            answer = self._doubting(_answer((enforced, watched), (enforced, watched), now), before, now)
            return answer, self._with({one.counter: one.window for one in before if one.window})
        counted = [_counted(one, now) for one in enforced]
        seen = [_counted(one, now) if _is_counted(one, now) else one for one in watched]
        windows = {key: window for key, window in self.windows.items() if now < kept_until(window)}
        windows.update(
            (one.counter, one.window) for one in (*counted, *seen) if one.window and one.limit.seconds
        )
        answer = self._doubting(_answer((enforced, watched), (counted, seen), now), before, now)
        unknown = [one for one, told in zip(watched, answer.watched, strict=True) if not told.is_known]
        return answer, Counters(self.limits, windows, self._doubted(unknown, now))

    def without(
        self, before: Counters, scope: str, entries: Iterable[tuple[str, str]], now: float
    ) -> Counters:
        """Return the same as if such a request had not been counted; ``before`` is how it was."""
        windows = {**self.windows}
        for one in self._asked(scope, entries, now):
            if (window := before.windows.get(one.counter)) is None:
                windows.pop(one.counter, None)
            else:
                windows[one.counter] = window
        return replace(self, windows=windows)

    def doubting(self, scope: str, entries: Iterable[tuple[str, str]], now: float) -> Counters:
        """Return the same where it is not known whether such a request was counted."""
        return replace(self, in_doubt=self._doubted(self._asked(scope, entries, now), now))

    def _doubted(self, perhaps: Iterable[_Asked], now: float) -> Mapping[CounterKey, float]:
        """The counters that are in doubt where ``perhaps`` may have been counted."""
        found = [one for one in perhaps if one.limit.most > 0]
        if not found:
            return self.in_doubt
        in_doubt = dict(self.in_doubt)
        for one in found:
            # No longer than if it was counted now.
            ends = kept_until(with_hits(one.window, one.limit, now, one.hits))
            in_doubt[one.counter] = max(ends, now + one.limit.seconds, in_doubt.get(one.counter, now))
        return in_doubt

    def _doubting(self, answer: Answer, asked: Iterable[_Asked], now: float) -> Answer:
        """The answer with what of it is not known: of all, and of each counter that is only watched."""
        doubted = {one.counter for one in asked if now < self.in_doubt.get(one.counter, now)}
        full = [[one.is_full for one in bound.watched] for bound in answer.bounds or (answer,)]
        watched = tuple(
            replace(one, is_known=one.standing.counter not in doubted and len(set(ways)) == 1)
            for one, *ways in zip(answer.watched, *full, strict=True)
        )
        in_doubt = any(one.counter in doubted for one in asked if _is_enforced(one))
        return replace(answer, watched=watched, in_doubt=in_doubt)

    def look(self, scope: str, entries: Iterable[tuple[str, str]], now: float) -> Answer:
        """Return where the enforced counters stand, as ``ask`` would find them; none is counted."""
        found = [one for one in self._asked(scope, entries, now) if _is_enforced(one)]
        answer = _bounded(
            (found,), lambda asked: Answer(limited=False, standings=_standings(asked[0], now, limited=True))
        )
        return self._doubting(answer, found, now)

    def _asked(self, scope: str, entries: Iterable[tuple[str, str]], now: float) -> list[_Asked]:
        """The counters that a question is about, as they are."""
        descriptor = dict(entries)
        hits = {limit_condition(key): number for key, number in hits_of(descriptor).items()}
        asked = [
            (limit, key) for limit in self.limits if (key := _counter(limit, scope, descriptor)) is not None
        ]
        return [
            _Asked(limit, key, seen_at(self.windows.get(key), limit, now), _hits(limit, hits))
            for limit, key in asked
        ]

    def _with(self, seen: Mapping[CounterKey, Window]) -> Counters:
        """The same, with these in it; it is itself where they are."""
        if all(self.windows[key] is window for key, window in seen.items()):
            return self
        return replace(self, windows={**self.windows, **seen})


def _answer(before: _Both, after: _Both, now: float) -> Answer:
    """The answer for limits that are enforced and that are watched, before the request and after it."""
    return _bounded((*before, *after), lambda asked: _told(asked[:2], asked[2:], now))


def _bounded(asked: _Groups, told: Callable[[_Groups], Answer]) -> Answer:
    """The answer that is ``told`` of groups of counters, with its bounds where it depends on the clock."""
    answer = told(asked)
    if not any(one.limit.counts_by == SLIDING_WINDOW for some in asked for one in some):
        return answer
    shortest, longest = (told(_lasting(asked, longest=longest)) for longest in (False, True))
    return answer if shortest == longest else replace(answer, bounds=(shortest, longest))


def _told(before: _Groups, after: _Groups, now: float) -> Answer:
    limited = any(not _has_room(one, now) for one in before[0])
    standings = _standings(after[0], now, limited=limited)
    return Answer(limited=limited, standings=standings, watched=_watched(before[1], after[1], now))


def _lasting(asked: _Groups, *, longest: bool) -> _Groups:
    return tuple(
        [one._replace(window=lasting(one.window, longest=longest)) for one in some] for some in asked
    )


def _counter(limit: Limit, scope: str, descriptor: Mapping[str, str]) -> CounterKey | None:
    """The counter of ``limit`` for a request; None if the limit does not apply to it."""
    known = {descriptor_entry(key): value for key, value in descriptor.items()}
    marks = {f'{entry} == "1"' for entry, value in known.items() if value == "1"}
    if limit.namespace != scope or not marks.issuperset(limit.conditions):
        return None
    if not known.keys() >= set(limit.variables):
        return None
    values = tuple((variable, known[variable]) for variable in sorted(set(limit.variables)))
    return limit.identity, values


class _Asked(NamedTuple):
    """A counter that a request asks for, as it is, and the hits that the request is for its limit."""

    limit: Limit
    counter: CounterKey
    window: Window | None
    hits: int


_Both = tuple[Sequence[_Asked], Sequence[_Asked]]
_Groups = tuple[Sequence[_Asked], ...]


def _hits(limit: Limit, hits: Mapping[str, int]) -> int:
    return max((hits[one] for one in limit.conditions if one in hits), default=1)


def _is_enforced(one: _Asked) -> bool:
    values = [value for _, value in one.counter[1]]
    return is_enforced(one.limit.percent, one.limit.conditions, counter_text(values) if values else "")


def _has_room(one: _Asked, now: float) -> bool:
    return hits_at(one.window, one.limit, now) + one.hits <= one.limit.most


def _is_counted(one: _Asked, now: float) -> bool:
    """Whether one that is watched counts a request that goes on: a soft one also if it has no room."""
    return _has_room(one, now) or (one.limit.mode == SOFT and one.limit.most > 0)


def _counted(one: _Asked, now: float) -> _Asked:
    return one._replace(window=with_hits(one.window, one.limit, now, one.hits))


def _standings(asked: Iterable[_Asked], now: float, *, limited: bool) -> tuple[Standing, ...]:
    standings = [_standing(one, now) for one in asked]
    # One that has no room for this request comes before all that have.
    return tuple(sorted(standings, key=lambda one: one.remaining - (one.hits if limited else 0)))


def _watched(before: Iterable[_Asked], after: Iterable[_Asked], now: float) -> tuple[Watched, ...]:
    both = zip(before, after, strict=True)
    return tuple(Watched(_standing(to, now), is_full=not _has_room(one, now)) for one, to in both)


def _standing(one: _Asked, now: float) -> Standing:
    limit, counter, window, hits = one
    return Standing(
        limit,
        counter,
        max(0, limit.most - hits_at(window, limit, now)),
        whole_in(window, limit, now),
        room_in(window, limit, now, hits),
        hits,
    )
