"""The seconds after which a client that was denied may come again: ``retry-after``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.ratelimit.counters import Standing

LONGEST_SECONDS: Final = 100 * 366 * 24 * 3600
"""For how long a counter is kept at most."""


def retry_after(standings: Iterable[Standing]) -> int | None:
    """The seconds after which a request that was denied is admitted, if nobody else comes meanwhile.

    At least one, and at most the hundred years for which stores keep a counter. None if it never is: one of
    its limits has no room for it at any time.
    """
    longest = 0.0
    for standing in standings:
        if standing.wait is None:
            return None
        longest = max(longest, standing.wait)
    return min(max(1, whole_seconds(longest)), LONGEST_SECONDS)


def until_one_more(standings: Iterable[Standing]) -> str:
    """Return the seconds after which one more such request has room in all of these, or ``never``."""
    waits = [standing.wait for standing in standings]
    known = [wait for wait in waits if wait is not None]
    if len(known) < len(waits):
        return "never"
    return str(min(whole_seconds(max(known, default=0.0)), LONGEST_SECONDS))


def whole_seconds(seconds: float) -> int:
    """``seconds`` rounded up."""
    # A sum of floating point numbers may be off by some nanoseconds, which must not become a second.
    return math.ceil(round(seconds, 6))
