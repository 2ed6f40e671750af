"""Tells what one counter holds: a fixed window, the slices of a sliding one, or a bucket of tokens.

Each says how many hits count ``now``, in seconds of any clock, when others may come, and when it is whole
again. The last two reckon in whole microseconds, so that nothing drifts. Where the clock has gone back, what
was counted counts as if it were of now: nobody is let through more often, nor kept out for longer than if he
had used up the limit in this moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.algorithm import FIXED_WINDOW, SLICES, SLIDING_WINDOW, TOKEN_BUCKET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.api.algorithm import Algorithm

_SECOND: Final = 1_000_000


def microseconds(now: float) -> int:
    """``now``, which is in seconds."""
    return round(now * _SECOND)


class Window:
    """The hits of one counter since its first one; over when ``ends`` is reached."""

    __slots__ = ("ends", "hits")

    def __init__(self, hits: int, ends: float) -> None:
        self.hits = hits
        self.ends = ends


class SlidingWindow:
    """The hits of the current slice and of the ten before it, each a tenth of the window.

    They lie around every interval as long as the window that ends now, so none of these has more. ``ends`` is
    when the last hit counts no more.
    """

    __slots__ = ("_counts", "_newest", "_slice", "ends")

    def __init__(self, seconds: int) -> None:
        self._slice = seconds * (_SECOND // SLICES)
        self._newest = 0
        # Of the newest slice that has a hit and of those before it.
        self._counts = [0] * (SLICES + 1)
        self.ends = 0.0

    def hits_at(self, now: float, most: int, rate: int) -> int:  # noqa: ARG002 - as those of a bucket
        """Return how many hits count now."""
        passed = microseconds(now) // self._slice - self._newest
        if passed <= 0:
            if passed:
                self._end(self._newest + passed)
            return sum(self._counts)
        return sum(self._counts[: -passed or None]) if passed <= SLICES else 0

    def add(self, hits: int, now: float, most: int, rate: int) -> None:  # noqa: ARG002 - as those of a bucket
        """Count more of them."""
        newest = microseconds(now) // self._slice
        passed = min(newest - self._newest, SLICES + 1)
        first, *others = [*[0] * passed, *self._counts]
        self._counts = [first + hits, *others[:SLICES]]
        self._end(newest)

    def whole_in(self, now: float, most: int, rate: int) -> float:  # noqa: ARG002 - as those of a bucket
        """Return the seconds until none of the hits counts."""
        return max(0, (self._newest + SLICES + 1) * self._slice - microseconds(now)) / _SECOND

    def room_in(self, hits: int, now: float, most: int, rate: int) -> float:
        """Return the seconds until there is room for so many more hits, of which there are at most `most`."""
        left = most - hits - self.hits_at(now, most, rate)
        at = microseconds(now) // self._slice
        passed = at - self._newest
        if left >= 0 or passed > SLICES:
            return 0.0
        while left < 0:
            # The oldest slice that counts is the next one that does not.
            left += self._counts[SLICES - passed]
            passed += 1
        return ((self._newest + passed) * self._slice - microseconds(now)) / _SECOND

    def _end(self, newest: int) -> None:
        self._newest = newest
        self.ends = (newest + SLICES + 1) * self._slice / _SECOND


class TokenBucket:
    """Says when the bucket is full again, in microseconds times the tokens of a window.

    In that unit a token takes as much as the window has microseconds, and all is whole numbers. ``ends`` is a
    time by which it is full.
    """

    __slots__ = ("_full", "_rate", "_token", "ends")

    def __init__(self, seconds: int) -> None:
        self._token = seconds * _SECOND
        self._full = 0
        self._rate = 1
        self.ends = 0.0

    def hits_at(self, now: float, most: int, rate: int) -> int:
        """Return how many tokens of a bucket for ``most`` are missing now, with those that have partly come.

        There come ``rate`` in each window.
        """
        return -(-self._missing(now, most, rate) // self._token) if rate else 0

    def add(self, hits: int, now: float, most: int, rate: int) -> None:
        """Take as many tokens; all, if there are not so many."""
        missing = min(self._missing(now, most, rate) + hits * self._token, most * self._token)
        self._full = missing + microseconds(now) * rate
        self._rate = rate
        self.ends = now + most * self._token / rate / _SECOND

    def whole_in(self, now: float, most: int, rate: int) -> float:
        """Return the seconds until it is full."""
        return self._missing(now, most, rate) / rate / _SECOND if rate else 0.0

    def room_in(self, hits: int, now: float, most: int, rate: int) -> float:
        """Return the seconds until there are so many tokens, which are at most `most`."""
        lacking = self._missing(now, most, rate) - (most - hits) * self._token
        return -(-lacking // rate) / _SECOND if lacking > 0 else 0.0

    def _missing(self, now: float, most: int, rate: int) -> int:
        at = microseconds(now) * rate
        # With another rate it stays the same time until it is full: nobody is kept out for longer.
        full = self._full if rate == self._rate else -(-self._full // self._rate) * rate
        if full - at > most * self._token:
            # The clock has gone back, or the bucket has become smaller: it is empty, and fills from now on.
            full = at + most * self._token
            self._full, self._rate = full, rate
        return max(0, full - at)


Moving = SlidingWindow | TokenBucket
"""What counts hits until some time after the last one."""

MOVING: Final[Mapping[Algorithm, type[Moving]]] = {SLIDING_WINDOW: SlidingWindow, TOKEN_BUCKET: TokenBucket}
BYTES: Final[Mapping[Algorithm, int]] = {FIXED_WINDOW: 360, SLIDING_WINDOW: 900, TOKEN_BUCKET: 480}
"""What a counter takes beside its key: its numbers, and its place in a table that may be twice as large as
needed."""
