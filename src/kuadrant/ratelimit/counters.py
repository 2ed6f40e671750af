"""Counts how often each limit was used: Limitador's rule, in memory. Time is handed in.

* All counters that a request asks for are checked, then all are increased. A request that one of them denies
  is counted nowhere.
* A fixed window starts with the first hit that is counted in it and is over ``seconds`` later, to the
  instant; ``counter_windows.py`` has the other ways to count. A limit of 0 seconds keeps nothing:
  each request is measured by itself. One of at most 0 denies every hit.
* A limit has one counter, or one for each list of values of its variables. Values longer than 64 characters
  are held as their digest, lists longer than 128 likewise, so that a counter's size has a bound.

**The bound.** No live counter is ever forgotten. Where a limit has no room for one more counter with values
(``kuadrant.ratelimit.counter_shares``), its new values share one more counter of that limit, until its window
is over: they are limited together instead of not at all, and values that already have a counter notice
nothing. While a limit's shared counter lives, its new values go there, so that no value is ever admitted more
often than its limit says. Where counters live for as long as they are used, the shared one would have no end:
there a new value gets a counter of its own as soon as there is room for it, a copy of the shared one.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from copy import copy
from hashlib import blake2b
from heapq import heapify, heappop, heappush
from itertools import count
from sys import getsizeof
from typing import TYPE_CHECKING, Final, NamedTuple

from kuadrant.api.limit_mode import counter_text
from kuadrant.ratelimit.counter_shares import Holding, Shares, Tenant, tenant_of
from kuadrant.ratelimit.counter_windows import BYTES, MOVING, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kuadrant.api.counter_identity import Identity
    from kuadrant.ratelimit.counter_windows import Moving

# Steps of tidying up per new counter: more than one, so that it catches up; few, so that no call waits for
# it.
_SWEEP_STEPS = 8
_LONGEST_KEY = 128
_NOTE_SECONDS: Final = 60.0
_LOOK_EVERY: Final = 64


class Values:
    """The values of a limit's variables.

    ``text`` names them for every process, ``key`` for this one, in at most 128 characters.
    """

    __slots__ = ("key", "size", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.key: str | bytes = (
            text if len(text) <= _LONGEST_KEY else blake2b(text.encode(), digest_size=24).digest()
        )
        self.size = getsizeof(self.key)


def counter_values(values: Sequence[str]) -> Values | None:
    """The values of a limit's variables as they name its counter: long ones become a digest.

    None without variables.
    """
    return Values(counter_text(values)) if values else None


class LimitCounters(Holding):
    """The counters of one limit.

    A single one, or one for each list of values, in the order in which they end. ``moving`` makes them, None
    if they are fixed windows.
    """

    __slots__ = ("by_values", "identity", "moving", "queued", "seconds", "shared", "single", "store_name")

    def __init__(self, identity: Identity) -> None:
        super().__init__(Tenant(tenant_of(identity[0])))
        self.identity = identity
        self.seconds = identity[1]
        self.moving = MOVING.get(identity[4])
        self.single: Window | Moving | None = None
        self.by_values: OrderedDict[str | bytes, Window | Moving] = OrderedDict()
        self.shared: Window | Moving | None = None
        self.queued = False
        self.store_name = ""

    def live(self, values: Values | None, now: float) -> Window | Moving | None:
        """The window that a hit for ``values`` would be counted in; None if it would start a new one."""
        window = self.single if values is None else self.by_values.get(values.key)
        if window is not None and now < window.ends:
            return window
        if values is None or self.shared is None:
            return None
        return self.shared if now < self.shared.ends else None


class Ask(NamedTuple):
    """One counter that a request wants to be counted in: at most ``max_value`` with these ``hits``.

    ``rate`` is how many tokens a bucket gets in a window. One that is not ``enforced`` denies nothing, and
    one that is ``soft`` counts all hits that are let through, also those that it has no room for.
    """

    counters: LimitCounters
    values: Values | None
    max_value: int
    hits: int
    name: str
    rate: int
    enforced: bool = True
    soft: bool = False


class Standing(NamedTuple):
    """The state of a counter: what is left of it, and the seconds until it is whole again.

    ``wait`` are the seconds until it has room for the hits that were asked for, once more where they were
    counted; None if it never has.
    """

    ask: Ask
    remaining: int
    reset: float
    wait: float | None = 0.0


class Note(NamedTuple):
    """A limit of a tenant has nearly no room left.

    If ``is_full``, new values of the limit ``identity`` share a counter from now on.
    """

    tenant: Tenant
    identity: Identity
    is_full: bool


class Counters:
    """The counters of a set of limits.

    ``bound`` is how many bytes counters with values may take. ``held``, ``expired`` and ``shared`` say how
    many are held now, were removed after their end, and were opened for new values at the bound. ``notes``
    are what has to be told to a person, at most once a minute for each tenant, until somebody takes them.
    """

    def __init__(self, bound: int) -> None:
        self.shares = Shares(bound)
        self.held = 0
        self.expired = 0
        self.shared = 0
        self.notes: deque[Note] = deque(maxlen=16)
        self._noted: dict[str, float] = {}
        self._limits: dict[Identity, LimitCounters] = {}
        # For each limit that holds counters with values, a time before which none of them ends.
        self._ends: list[tuple[float, int, LimitCounters]] = []
        self._tie = count()

    def keep(self, identities: Iterable[Identity]) -> dict[Identity, LimitCounters]:
        """The counters of these limits.

        Those of limits that were held before go on, all others are forgotten.
        """
        former = self._limits
        self._limits = {key: former.get(key) or LimitCounters(key) for key in identities}
        if former.keys() - self._limits.keys():
            kept = set(map(id, self._limits.values()))
            self._ends = [entry for entry in self._ends if id(entry[2]) in kept]
            heapify(self._ends)
        self.held = sum(len(counters.by_values) for counters in self._limits.values())
        with_values = [one for one in self._limits.values() if one.identity[3]]
        self.shares.divide((tenant_of(one.identity[0]), one) for one in with_values)
        self._noted = {name: until for name, until in self._noted.items() if name in self.shares.tenants}
        return self._limits

    def check_and_add(self, asks: Sequence[Ask], now: float) -> Ask | None:
        """Count the hits of all ``asks``, or none of them and return the first that has no room for its own.

        ``asks`` are of different limits. Where ``now`` is less than it was, what is counted is as if of now.
        """
        windows: list[Window | Moving | None] = []
        for counters, values, max_value, hits, _, rate, _, _ in asks:
            # As in LimitCounters.live: one request may ask for hundreds.
            window = counters.single if values is None else counters.by_values.get(values.key)
            if window is None or window.ends <= now:
                shared = None if values is None else counters.shared
                window = shared if shared is not None and now < shared.ends else None
            if window is None:
                used = hits
            elif isinstance(window, Window):
                window.ends = min(window.ends, now + counters.seconds)
                used = hits + window.hits
            else:
                used = hits + window.hits_at(now, max_value, rate)
            if used > max_value:
                return asks[len(windows)]
            windows.append(window)
        self._count(asks, windows, now)
        return None

    def watch(self, asks: Sequence[Ask], now: float, *, admitted: bool) -> Sequence[Ask]:
        """Count the hits of each that has room, if the request is ``admitted``; return those that have none.

        They are those that are not enforced, after the others have decided. A soft one counts without room,
        unless it never has any.
        """
        if not asks:
            return ()
        if admitted:
            full = [ask for ask in asks if self.check_and_add((ask,), now) is not None]
            soft = [ask for ask in full if ask.soft and ask.max_value > 0]
            self._count(soft, [ask.counters.live(ask.values, now) for ask in soft], now)
            return full
        return [ask for ask in asks if _standing(ask, now).remaining < ask.hits]

    def sweep(self, now: float, steps: int) -> None:
        """Remove counters whose window is over, in at most so many steps."""
        ends = self._ends
        while steps and ends and ends[0][0] <= now:
            steps -= 1
            counters = ends[0][2]
            key, window = next(iter(counters.by_values.items()), (b"", None))
            if window is not None and window.ends <= now:
                counters.by_values.popitem(last=False)
                self.shares.give(counters, BYTES[counters.identity[4]] + getsizeof(key))
                self.held -= 1
                self.expired += 1
                continue
            heappop(ends)
            counters.queued = window is not None
            if window is not None:
                heappush(ends, (window.ends, next(self._tie), counters))

    def _count(self, asks: Sequence[Ask], windows: Sequence[Window | Moving | None], now: float) -> None:
        """Count in the window that each has; in a new one, where that is None."""
        for ask, window in zip(asks, windows, strict=True):
            if isinstance(window, Window):
                window.hits += ask.hits
            elif ask.hits and ask.counters.seconds:
                if window is None:
                    self._open(ask, _first(ask, now), now)
                else:
                    self._add(ask, window, now)

    def _add(self, ask: Ask, window: Moving, now: float) -> None:
        """Count in a window whose end moves, or in a copy of it where there is room for one more."""
        counters, values = ask.counters, ask.values
        if window is counters.shared:
            own = copy(window)
            own.add(ask.hits, now, ask.max_value, ask.rate)
            self._open(ask, own, now)
            return
        window.add(ask.hits, now, ask.max_value, ask.rate)
        if values is not None:
            counters.by_values.move_to_end(values.key)

    def _open(self, ask: Ask, window: Window | Moving, now: float) -> None:
        counters, values = ask.counters, ask.values
        if values is None:
            counters.single = window
            return
        key = values.key
        if key in counters.by_values:
            counters.by_values[key] = window
            counters.by_values.move_to_end(key)
            return
        if self._ends and self._ends[0][0] <= now:
            self.sweep(now, _SWEEP_STEPS)
        if not self.shares.take(counters, BYTES[counters.identity[4]] + values.size):
            self.shared += counters.shared is None or counters.shared.ends <= now
            counters.shared = window
            self._note(counters, now, is_full=True)
            return
        counters.by_values[key] = window
        self.held += 1
        if not self.held % _LOOK_EVERY and self.shares.is_nearly_used(counters):
            self._note(counters, now, is_full=False)
        if not counters.queued:
            counters.queued = True
            heappush(self._ends, (window.ends, next(self._tie), counters))

    def _note(self, counters: LimitCounters, now: float, *, is_full: bool) -> None:
        tenant = counters.tenant
        if self._noted.get(tenant.name, now) <= now:
            self._noted[tenant.name] = now + _NOTE_SECONDS
            self.notes.append(Note(tenant, counters.identity, is_full))


def _first(ask: Ask, now: float) -> Window | Moving:
    """Return the window that the first hits are counted in."""
    if ask.counters.moving is None:
        return Window(ask.hits, now + ask.counters.seconds)
    window = ask.counters.moving(ask.counters.seconds)
    window.add(ask.hits, now, ask.max_value, ask.rate)
    return window


def standings(asks: Iterable[Ask], now: float, *, limited: bool) -> list[Standing]:
    """Return where the counters of a decision stand after it, the most restrictive first.

    Ties stay in their order.
    """
    return most_restrictive_first([_standing(ask, now) for ask in asks], limited=limited)


def _standing(ask: Ask, now: float) -> Standing:
    most, hits, rate = ask.max_value, ask.hits, ask.rate
    window = ask.counters.live(ask.values, now)
    never = None if hits > most else 0.0
    if window is None:
        return Standing(ask, most, 0.0 if ask.counters.moving else ask.counters.seconds, never)
    if isinstance(window, Window):
        # A request that another limit denied before this one was looked at, after the clock went back.
        window.ends = min(window.ends, now + ask.counters.seconds)
        left, reset = max(0, most - window.hits), window.ends - now
        return Standing(ask, left, reset, never if never is None or hits <= left else reset)
    left = max(0, most - window.hits_at(now, most, rate))
    wait = never if never is None else window.room_in(hits, now, most, rate)
    return Standing(ask, left, window.whole_in(now, most, rate), wait)


def most_restrictive_first(standings: Iterable[Standing], *, limited: bool) -> list[Standing]:
    """The standings after a decision in the order of how much they leave; ties stay in their order."""
    # One that has no room for its own hits comes before all that have.
    return sorted(standings, key=lambda standing: standing.remaining - (standing.ask.hits if limited else 0))
