"""The rate limit service: Limitador's rule over fixed windows, as a function from counters to counters."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.limitador import Identity, Limit
from kuadrant.policy.identifiers import descriptor_entry

if TYPE_CHECKING:
    from collections.abc import Iterable

CounterKey = tuple[Identity, tuple[tuple[str, str], ...]]
"""What makes a limit's counters its own, and the values of its variables."""


class Window(Struct, frozen=True, gc=False):
    """The hits of a counter since its first one; over when ``ends`` is reached."""

    hits: int
    ends: float


class Standing(Struct, frozen=True, gc=False):
    """The state of a counter after a request.

    What is left of ``limit``, and the seconds until it is whole again.
    """

    limit: Limit
    counter: CounterKey
    remaining: int
    reset: float


class Answer(Struct, frozen=True, gc=False):
    """The answer of the service: whether the request is over a limit.

    Also where the counters of all that apply stand.

    The standings are in the order of the headers, the most restrictive first.
    """

    limited: bool
    standings: tuple[Standing, ...]


class Counters(Struct, frozen=True, gc=False):
    """The limits that the service holds, and the windows that are open."""

    limits: tuple[Limit, ...]
    windows: Mapping[CounterKey, Window] = MappingProxyType({})

    def ask(self, scope: str, entries: Iterable[tuple[str, str]], now: float) -> tuple[Answer, Counters]:
        """Ask for one more request of ``scope`` with the descriptor ``entries`` at ``now``, in seconds.

        All limits that apply are looked at, then all are counted; where one has no room, none is.
        """
        descriptor = dict(entries)
        asked = [
            (limit, key) for limit in self.limits if (key := _counter(limit, scope, descriptor)) is not None
        ]
        before = [(limit, key, self._live(key, now)) for limit, key in asked]
        limited = any((window.hits if window else 0) + 1 > limit.max_value for limit, _, window in before)
        if limited:
            return Answer(limited=True, standings=_standings(before, now, limited=True)), self
        after = [
            (
                limit,
                key,
                Window(window.hits + 1, window.ends) if window else Window(1, now + limit.seconds),
            )
            for limit, key, window in before
        ]
        windows = {key: window for key, window in self.windows.items() if now < window.ends}
        windows.update((key, window) for limit, key, window in after if limit.seconds)
        answer = Answer(limited=False, standings=_standings(after, now, limited=False))
        return answer, Counters(self.limits, windows)

    def _live(self, key: CounterKey, now: float) -> Window | None:
        window = self.windows.get(key)
        return window if window is not None and now < window.ends else None


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


def _standings(
    asked: Iterable[tuple[Limit, CounterKey, Window | None]], now: float, *, limited: bool
) -> tuple[Standing, ...]:
    standings = [
        Standing(limit, key, max(0, limit.max_value - window.hits), window.ends - now)
        if window
        else Standing(limit, key, limit.max_value, limit.seconds)
        for limit, key, window in asked
    ]
    # One that has no room for this request comes before all that have.
    return tuple(sorted(standings, key=lambda standing: standing.remaining - limited))


_UNPRINTABLE = re.compile(r"[^ -~]")


def headers(answer: Answer) -> tuple[tuple[str, str], ...]:
    """The ``x-ratelimit-*`` headers (draft 03), as Limitador writes them; none where no limit applies."""
    if not answer.standings:
        return ()
    first = answer.standings[0]
    limits = [str(first.limit.max_value)]
    for standing in answer.standings:
        name = _UNPRINTABLE.sub("?", standing.limit.name.replace('"', "'"))
        limits.append(
            f"{standing.limit.max_value};w={standing.limit.seconds}" + (f';name="{name}"' if name else "")
        )
    return (
        ("x-ratelimit-limit", ", ".join(limits)),
        ("x-ratelimit-remaining", str(first.remaining)),
        ("x-ratelimit-reset", str(math.ceil(round(first.reset, 6)))),
    )
