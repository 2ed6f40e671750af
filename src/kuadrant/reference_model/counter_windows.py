"""Tells what one counter holds, by the way its limit counts: how many hits count now, and until when.

Fractions and whole lists of hits, where the service has integers and slots: to be compared with it.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.algorithm import FIXED_WINDOW, SLICES, SLIDING_WINDOW

if TYPE_CHECKING:
    from kuadrant.api.limitador import Limit

_SECOND = 1_000_000


class FixedWindow(Struct, frozen=True, gc=False):
    """The hits of a counter since its first one; over when ``ends`` is reached."""

    hits: int
    ends: float


class SlidingWindow(Struct, frozen=True):
    """The times at which there were hits, and how many; a slice is ``microseconds`` long, as is all here.

    Where nobody knows when slices begin, ``lasts`` is how long a hit counts, the same for all of them.
    """

    times: tuple[tuple[int, int], ...]
    microseconds: int
    lasts: int | None = None

    @property
    def ends(self) -> float:
        """Return when the last hit counts no more."""
        return self.end_of(self.times[-1][0]) / _SECOND

    def end_of(self, time: int) -> int:
        """Return when a hit of ``time`` counts no more: it goes with all of its slice."""
        if self.lasts is not None:
            return time + self.lasts
        return (time // self.microseconds + SLICES + 1) * self.microseconds


class TokenBucket(Struct, frozen=True):
    """A bucket that ``rate`` tokens come into in each window: when it is full again, in microseconds."""

    full: Fraction
    rate: int

    @property
    def ends(self) -> float:
        """Return when it is full, or a little later."""
        return (ceil(self.full) + 1) / _SECOND


Window = FixedWindow | SlidingWindow | TokenBucket


def seen_at(window: Window | None, limit: Limit, now: float) -> Window | None:
    """Return the counter as it is from now on.

    Where the clock has gone back, what was counted counts as if it were of now, for no longer than that.
    """
    at = round(now * _SECOND)
    match window:
        case FixedWindow(hits, ends) if ends > now + limit.seconds:
            return FixedWindow(hits, now + limit.seconds)
        case SlidingWindow(times, microseconds) if times[-1][0] // microseconds > at // microseconds:
            back = (times[-1][0] // microseconds - at // microseconds) * microseconds
            return SlidingWindow(tuple((one - back, hits) for one, hits in times), microseconds)
        case TokenBucket() if limit.max_value and _left(window, limit, now) > limit.most * _token(limit):
            return TokenBucket(at + limit.most * _token(limit), limit.max_value)
    return window


def hits_at(window: Window | None, limit: Limit, now: float) -> int:
    """Return how many hits of the limit's counter count now; that of a limit without requests has none."""
    match window:
        case FixedWindow(hits, ends):
            return hits if now < ends else 0
        case SlidingWindow():
            return sum(hits for _, hits in _counting(window, now))
        case TokenBucket():
            return ceil(_missing(window, limit, now) / _token(limit)) if limit.most else 0
    return 0


def whole_in(window: Window | None, limit: Limit, now: float) -> float:
    """Return the seconds until nothing that is counted now counts any more."""
    match window:
        case FixedWindow(_, ends) if now < ends:
            return ends - now
        case SlidingWindow():
            return max(0.0, window.ends - round(now * _SECOND) / _SECOND)
        case TokenBucket():
            return float(_missing(window, limit, now) / _SECOND) if limit.most else 0.0
    return limit.seconds if limit.counts_by == FIXED_WINDOW else 0.0


def room_in(window: Window | None, limit: Limit, now: float, more: int = 1) -> float | None:
    """Return the seconds until the counter has room for so many ``more`` hits; None if it never has."""
    if limit.most < more:
        return None
    if hits_at(window, limit, now) + more <= limit.most:
        return 0.0
    at = round(now * _SECOND)
    match window:
        case FixedWindow(_, ends):
            return ends - now
        case SlidingWindow():
            # As many of the oldest as are too many.
            excess = hits_at(window, limit, now) + more - limit.most
            for time, hits in _counting(window, now):
                excess -= hits
                if excess <= 0:
                    return (window.end_of(time) - at) / _SECOND
        case TokenBucket():
            return ceil(_missing(window, limit, now) - (limit.most - more) * _token(limit)) / _SECOND
    raise AssertionError(window)


def with_hits(window: Window | None, limit: Limit, now: float, hits: int = 1) -> Window:
    """Return the counter with so many more hits; a bucket has no fewer tokens than none."""
    if limit.counts_by == FIXED_WINDOW:
        if isinstance(window, FixedWindow) and now < window.ends:
            return FixedWindow(window.hits + hits, window.ends)
        return FixedWindow(hits, now + limit.seconds)
    at = round(now * _SECOND)
    if limit.counts_by == SLIDING_WINDOW:
        microseconds = limit.seconds * _SECOND // SLICES
        before = window.times if isinstance(window, SlidingWindow) else ()
        return SlidingWindow((*before, (at, hits)), microseconds)
    missing = _missing(window, limit, now) if isinstance(window, TokenBucket) else Fraction(0)
    return TokenBucket(at + min(missing + hits * _token(limit), limit.most * _token(limit)), limit.max_value)


def lasting(window: Window | None, *, longest: bool) -> Window | None:
    """Return the counter as if each of its hits counted as long as one can, or no longer than each does.

    That is 1.1 windows for the first of a slice, and just over one for the last.
    """
    if not isinstance(window, SlidingWindow):
        return window
    slices = SLICES * window.microseconds
    return SlidingWindow(
        window.times, window.microseconds, slices + window.microseconds if longest else slices + 1
    )


def kept_until(window: Window) -> float:
    """Return when the counter is whole again, wherever slices begin."""
    longest = lasting(window, longest=True)
    assert longest is not None
    return longest.ends


def _counting(window: SlidingWindow, now: float) -> list[tuple[int, int]]:
    at = round(now * _SECOND)
    return [(time, hits) for time, hits in window.times if at < window.end_of(time)]


def _token(limit: Limit) -> Fraction:
    """The microseconds in which a token comes."""
    return Fraction(limit.seconds * _SECOND, limit.max_value)


def _missing(bucket: TokenBucket, limit: Limit, now: float) -> Fraction:
    """The microseconds until the bucket is full."""
    return max(_left(bucket, limit, now), Fraction(0))


def _left(bucket: TokenBucket, limit: Limit, now: float) -> Fraction:
    full = bucket.full if bucket.rate == limit.max_value else Fraction(ceil(bucket.full))
    return full - round(now * _SECOND)
