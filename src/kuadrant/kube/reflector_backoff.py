"""Waiting after failures: longer each time, and never exactly as long as others wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_DELAY = 0.2
LONGEST_DELAY = 10.0


class Backoff:
    """Tells until when nothing is to be tried.

    Attributes:
        until: The time before which nothing is to be tried.
        failures: How many there were in a row.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        """Begin without a failure; ``random`` gives numbers from 0 to 1."""
        self.until = 0.0
        self.failures = 0
        self._random = random

    def fail(self, now: float, at_least: float) -> None:
        """Take note of a failure, after which ``at_least`` so many seconds have to pass."""
        self.failures += 1
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(self.failures - 1, 16))
        self.until = now + max(self.about(delay), at_least)

    def ask_once_more(self, now: float) -> None:
        """Wait only a little, to have said again what is hard to believe."""
        self.until = now + 2 * FIRST_DELAY

    def about(self, seconds: float) -> float:
        """Return ``seconds`` or less, half of them at least, so that not all come back at once."""
        return seconds * (0.5 + 0.5 * self._random())
