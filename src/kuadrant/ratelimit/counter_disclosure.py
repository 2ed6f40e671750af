"""Answers who asks for counters: masked, unless he may see values; and not more often than costs nobody."""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from kuadrant.api.counter_page import MOST, masked

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

    Values are masked by a word that is made of them and of a key of this process: who looks at two pages can
    tell that it is the same value, and nobody can try which one it is.

    ``clock`` is monotonic, in seconds.
    """

    def __init__(self, service: RateLimitService, clock: Callable[[], float]) -> None:
        self._service = service
        self._clock = clock
        self._key = os.urandom(16)
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

    def _mask(self, value: str) -> str:
        digest = blake2b(value.encode(errors="surrogatepass"), digest_size=4, key=self._key).hexdigest()
        return f"(masked {digest})"
