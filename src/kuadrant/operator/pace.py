"""How soon to decide again: at once, unless deciding took much of the last seconds."""

from __future__ import annotations

from math import exp
from typing import Final

_MEMORY: Final = 2.0
"""Seconds after which about a third of what was spent still counts."""
_FREE: Final = 0.3
"""Seconds of deciding that are free: an edit and what comes of it are a few decisions, one right after the other."""
_REST: Final = 4.0
"""Thereafter, so many times as long as the last decision took is left to everything else, the API server on the same machine included."""
_LONGEST: Final = 0.5


class Pace:
    """Has decisions wait while thousands of objects come: each looks at all of them, and soon there will be more.

    Times are seconds of a clock that does not go back.
    """

    def __init__(self) -> None:
        self._spent = 0.0
        self._ended = 0.0
        self._rest = 0.0

    def note(self, ended: float, took: float) -> None:
        """A decision was made that took so many seconds, of CPU where that can be told."""
        self._spent = self._spent * exp((self._ended - ended) / _MEMORY) + took
        self._ended = ended
        self._rest = 0.0 if self._spent < _FREE else min(_LONGEST, _REST * took)

    def delay(self, now: float) -> float:
        """Return the seconds to wait before the next."""
        return max(0.0, self._ended + self._rest - now)
