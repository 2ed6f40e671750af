"""Answers who asks for counters: masked, unless he may see values; and not more often than costs nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.counter_page import MOST, masked
from kuadrant.ratelimit.value_mask import ValueMask

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.api.counter_page import CounterPage
    from kuadrant.ratelimit.service import RateLimitService

PACE_SECONDS: Final = 0.25
"""The least time between two looks."""
PAUSES: Final = 20
"""After a look there is a pause of so many times its length, since it is in the way of requests."""


class TooOftenError(Exception):
    """Somebody else has just asked."""


class CounterAnswers:
    """Pages of a service's counters.

    ``clock`` is monotonic, in seconds.
    """

    def __init__(self, service: RateLimitService, clock: Callable[[], float]) -> None:
        self._service = service
        self._clock = clock
        self._mask = ValueMask()
        self._next = 0.0

    def page(self, policy: str, most: int, *, show_values: bool) -> CounterPage:
        """Return the counters that are nearest to their limit.

        Raises:
            TooOftenError: The last page was made a moment ago.
        """
        began = self._clock()
        if began < self._next:
            raise TooOftenError
        page = self._service.standing_counters(policy, max(1, min(most, MOST)))
        ended = self._clock()
        self._next = ended + max(PACE_SECONDS, PAUSES * (ended - began))
        return page if show_values else masked(page, self._mask)
