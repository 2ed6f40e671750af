"""Makes decisions wait when deciding took much of the last seconds; else the next is made at once."""

from __future__ import annotations

from math import exp, inf

from kuadrant.operator.core.times import (
    DECISION_REST,
    LONGEST_PACE_SECONDS,
    PACE_FREE_SECONDS,
    PACE_MEMORY_SECONDS,
    STANDBY_PACE_SECONDS,
)


class DecisionPace:
    """Spaces decisions while thousands of objects come.

    Each decision looks at all objects, and soon there will be more. Times are seconds of a clock that does
    not go back.
    """

    def __init__(self) -> None:
        self._spent = 0.0
        self._ended = -inf
        self._rest = 0.0

    def note(self, ended: float, took: float) -> None:
        """Note a decision that ended then and took so many seconds, of CPU where that can be told."""
        self._spent = self._spent * exp((self._ended - ended) / PACE_MEMORY_SECONDS) + took
        self._ended = ended
        self._rest = (
            0.0 if self._spent < PACE_FREE_SECONDS else min(LONGEST_PACE_SECONDS, DECISION_REST * took)
        )

    def delay(self, now: float, *, is_awaited: bool = True) -> float:
        """Return the seconds to wait before the next.

        Args:
            now: the time.
            is_awaited: whether anybody acts on it.
        """
        rest = self._rest if is_awaited else STANDBY_PACE_SECONDS
        return max(0.0, self._ended + rest - now)
