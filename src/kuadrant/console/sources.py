"""Tells who the console asks for what goes by: counters, calls and decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.api.counter_page import CounterPage
    from kuadrant.api.decision_page import DecisionPage, DecisionQuestion
    from kuadrant.api.limit_calls import CallTotals


class SourceError(Exception):
    """Nobody can be asked; the text says why."""


class Sources(Protocol):
    """Answers for one `kuadrant run`, or for the rate limit services of a cluster.

    Where somebody cannot be asked, a text says why, by who it is.
    """

    async def counters(self, policy: str, most: int) -> Mapping[str, CounterPage | str]:
        """Return the counters that are nearest to their limit, values masked."""

    async def totals(self) -> CallTotals:
        """Return the calls so far.

        Raises:
            SourceError: Nobody can be asked.
        """

    async def decisions(self, asked: DecisionQuestion) -> Mapping[str, DecisionPage | str]:
        """Return what was decided since this was asked last; ``asked.after`` is not looked at."""
