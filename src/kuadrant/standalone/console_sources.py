"""Asks the rate limit service of `kuadrant run` for its console."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from msgspec import structs

from kuadrant.api.limit_calls import CallTotals
from kuadrant.ratelimit import CounterAnswers, DecisionAnswers, TooOftenError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.api.counter_page import CounterPage
    from kuadrant.api.decision_page import DecisionPage, DecisionQuestion
    from kuadrant.ratelimit import RateLimitService

_WHO: Final = "kuadrant run"
_PAUSE_SECONDS: Final = 0.3
_KEPT_SECONDS: Final = 1.0
_FORGOTTEN_SECONDS: Final = 10.0


class RunSources:
    """The sources of a console of this process (``kuadrant.console.Sources``)."""

    def __init__(self, service: RateLimitService) -> None:
        self._service = service
        self._counters = CounterAnswers(service, time.monotonic)
        self._decisions = DecisionAnswers(service, time.monotonic)
        self._next: int | None = None
        self._asked_at = 0.0
        self._calls = CallTotals()
        self._calls_until = 0.0
        self._pages: dict[tuple[str, int], tuple[float, CounterPage]] = {}

    async def counters(self, policy: str, most: int) -> Mapping[str, CounterPage]:
        """Return where counters stand; a look of the last second does for all who ask."""
        asked = (policy, most)
        while True:
            at, page = self._pages.get(asked, (0.0, None))
            if page is not None and time.monotonic() - at < _KEPT_SECONDS:
                return {_WHO: page}
            try:
                page = self._counters.page(policy, most, show_values=False)
            except TooOftenError:
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                self._pages = {asked: (time.monotonic(), page)}

    async def totals(self) -> CallTotals:
        """Return the calls so far; a look of a moment ago does for all who ask."""
        now = time.monotonic()
        if now >= self._calls_until:
            self._calls, self._calls_until = self._service.calls(), now + _PAUSE_SECONDS
        return self._calls

    async def decisions(self, asked: DecisionQuestion) -> Mapping[str, DecisionPage]:
        """Return what was decided since this was asked last; nothing of what was before somebody followed."""
        now = time.monotonic()
        if now - self._asked_at > _FORGOTTEN_SECONDS:
            self._next = None
        self._asked_at = now
        page = self._decisions.page(structs.replace(asked, after=self._next, values=False))
        self._next = page.next
        return {_WHO: page}
