"""How often each limit was used: Limitador's rule over fixed windows in memory. Time is always handed in.

* All counters that a request asks for are checked, then all are increased. A request that one of them denies is
  counted nowhere.
* A window starts with the first hit that is counted in it and is over ``seconds`` later, to the instant. A limit of 0
  seconds keeps nothing: each request is measured by itself. One of at most 0 denies every hit.
* A limit has one counter, or one for each list of values of its variables. Values longer than 64 characters are held
  as their digest, so that a counter's size has a bound.

**The bound.** No live counter is ever forgotten. Where ``bound`` counters with values are held and none of them is
over, new values of a limit share one more counter of that limit, until its window is over: they are limited together
instead of not at all, and values that already have a counter notice nothing. While a limit's shared counter lives,
its new values go there, so that no value is ever admitted more often than its limit says.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kuadrant.api.limitador import Identity

# Steps of tidying up per new counter: more than one, so that it catches up; few, so that no call waits for it.
_SWEEP_STEPS = 8
_LONGEST_VALUE = 64


def counter_values(values: Iterable[str]) -> tuple[str, ...]:
    """The values of a limit's variables as they name its counter: long ones become a digest."""
    return tuple([value if len(value) <= _LONGEST_VALUE else _digest(value) for value in values])


def _digest(value: str) -> str:
    # The prefix keeps a digest apart from any value that is short enough to stand for itself.
    digest = blake2b(value.encode(errors="surrogatepass"), digest_size=32).hexdigest()
    return f"{digest}/{len(value)}"


class Window:
    """The hits of one counter since its first one; over when ``ends`` is reached."""

    __slots__ = ("ends", "hits")

    def __init__(self, hits: int, ends: float) -> None:
        self.hits = hits
        self.ends = ends


class LimitCounters:
    """The counters of one limit: a single one, or one for each list of values, in the order in which they end."""

    __slots__ = ("by_values", "identity", "queued", "seconds", "shared", "single")

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.seconds = identity[1]
        self.single: Window | None = None
        self.by_values: OrderedDict[tuple[str, ...], Window] = OrderedDict()
        self.shared: Window | None = None
        self.queued = False

    def live(self, values: tuple[str, ...], now: float) -> Window | None:
        """The window that a hit for ``values`` would be counted in; None if it would start a new one."""
        window = self.by_values.get(values) if values else self.single
        if window is not None and now < window.ends:
            return window
        return self.shared if values and self.shared is not None and now < self.shared.ends else None


class Ask(NamedTuple):
    """One counter that a request wants to be counted in: at most ``max_value`` with these ``hits``."""

    counters: LimitCounters
    values: tuple[str, ...]
    max_value: int
    hits: int
    name: str


class Standing(NamedTuple):
    """Where a counter stands: what is left of it, and the seconds until it is whole again."""

    ask: Ask
    remaining: int
    reset: float


class Counters:
    """The counters of a set of limits.

    ``bound`` is the most counters with values that are held. ``held``, ``expired`` and ``shared`` say how many are
    held now, were removed after their end, and were opened for new values at the bound.
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.held = 0
        self.expired = 0
        self.shared = 0
        self._limits: dict[Identity, LimitCounters] = {}
        # For each limit that holds counters with values, a time before which none of them ends.
        self._ends: list[tuple[float, int, LimitCounters]] = []
        self._tie = count()

    def keep(self, identities: Iterable[Identity]) -> dict[Identity, LimitCounters]:
        """The counters of these limits; those of limits that were held before go on, all others are forgotten."""
        self._limits = {key: self._limits.get(key) or LimitCounters(key) for key in identities}
        kept = set(map(id, self._limits.values()))
        self._ends = [entry for entry in self._ends if id(entry[2]) in kept]
        heapify(self._ends)
        self.held = sum(len(counters.by_values) for counters in self._limits.values())
        return self._limits

    def check_and_add(self, asks: Sequence[Ask], now: float) -> Ask | None:
        """Count the hits of all ``asks``, or none of them and return the first that has no room for its own.

        ``asks`` are of different limits. ``now`` never decreases from call to call.
        """
        windows = []
        for ask in asks:
            window = ask.counters.live(ask.values, now)
            if (ask.hits if window is None else ask.hits + window.hits) > ask.max_value:
                return ask
            windows.append(window)
        for ask, window in zip(asks, windows, strict=True):
            if window is not None:
                window.hits += ask.hits
            elif ask.hits and ask.counters.seconds:
                self._open(ask, now)
        return None

    def sweep(self, now: float, steps: int) -> None:
        """Remove counters whose window is over, in at most so many steps."""
        ends = self._ends
        while steps and ends and ends[0][0] <= now:
            steps -= 1
            counters = ends[0][2]
            window = next(iter(counters.by_values.values()), None)
            if window is not None and window.ends <= now:
                counters.by_values.popitem(last=False)
                self.held -= 1
                self.expired += 1
                continue
            heappop(ends)
            counters.queued = window is not None
            if window is not None:
                heappush(ends, (window.ends, next(self._tie), counters))

    def _open(self, ask: Ask, now: float) -> None:
        counters, values = ask.counters, ask.values
        window = Window(ask.hits, now + counters.seconds)
        if not values:
            counters.single = window
            return
        if values in counters.by_values:
            counters.by_values[values] = window
            counters.by_values.move_to_end(values)
            return
        self.sweep(now, _SWEEP_STEPS)
        if self.held >= self.bound:
            counters.shared = window
            self.shared += 1
            return
        counters.by_values[values] = window
        self.held += 1
        if not counters.queued:
            counters.queued = True
            heappush(self._ends, (window.ends, next(self._tie), counters))


def standings(asks: Iterable[Ask], now: float, *, limited: bool) -> list[Standing]:
    """Where the counters of a decision stand after it, the most restrictive first; ties stay in their order."""
    found = []
    for ask in asks:
        window = ask.counters.live(ask.values, now)
        if window is None:
            found.append(Standing(ask, ask.max_value, ask.counters.seconds))
        else:
            found.append(Standing(ask, max(0, ask.max_value - window.hits), window.ends - now))
    return most_restrictive_first(found, limited=limited)


def most_restrictive_first(standings: Iterable[Standing], *, limited: bool) -> list[Standing]:
    """The standings after a decision in the order of how much they leave; ties stay in their order."""
    # One that has no room for its own hits comes before all that have.
    return sorted(standings, key=lambda standing: standing.remaining - (standing.ask.hits if limited else 0))
