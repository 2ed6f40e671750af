"""Follows decisions as long as somebody looks at them, for all who look."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.api.decision_page import DecisionPage, DecisionQuestion, ReportedDecision
from kuadrant.api.tap_headers import MOST_HEADERS
from kuadrant.tasks import reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.console.sources import Sources

KEPT: Final = 2_000
"""Decisions that are kept for who comes back."""
MOST_AT_ONCE: Final = 200
"""Decisions that one look gets: more nobody reads."""
_PAUSE_SECONDS: Final = 0.25


class DecisionSearch(Struct, frozen=True, kw_only=True):
    """Says which decisions somebody looks at: every word of ``query`` is in what is told, in any case."""

    verdicts: tuple[str, ...] = ()
    query: str = ""

    def has(self, one: ReportedDecision) -> bool:
        """Tell whether a decision is among them."""
        if self.verdicts and one.verdict not in self.verdicts:
            return False
        if not self.query:
            return True
        told = " ".join(
            (one.method, one.host + one.path, one.limit, one.scope, one.route, *one.policies, *one.asked)
        ).lower()
        return all(word in told for word in self.query.lower().split())


class Reached(Struct, frozen=True):
    """Says how far somebody has looked: the last decision's number, and how many were never told by then."""

    number: int = 0
    missed: int = 0


class Followed(Struct, frozen=True, kw_only=True):
    """Holds what came meanwhile: decisions that are wanted, how many are not told, and how far that is."""

    decisions: tuple[ReportedDecision, ...]
    missed: int
    reached: Reached
    problems: tuple[str, ...] = ()


class FollowedDecisions:
    """Has gateways report while there is a follower, and else asks nobody anything."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._kept: deque[ReportedDecision] = deque(maxlen=KEPT)
        self._headers: dict[object, tuple[str, ...]] = {}
        self._problems: tuple[str, ...] = ()
        self._asking: asyncio.Task[None] | None = None
        self._came = asyncio.Event()
        self.reached = Reached()

    def begin(self, headers: Iterable[str]) -> object:
        """Follow, with these headers of requests; return what ends it."""
        mark = object()
        self._headers[mark] = tuple(headers)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return mark

    def end(self, mark: object) -> None:
        """Follow no more for whoever has begun."""
        self._headers.pop(mark, None)
        if not self._headers and self._asking is not None:
            self._asking.cancel()
            self._asking = None

    async def wait(self, after: Reached, problems: tuple[str, ...]) -> None:
        """Return when more has come than ``after``, or other ``problems`` are in the way."""
        while self.reached == after and self._problems == problems:
            await self._came.wait()

    def since(self, after: Reached, wanted: DecisionSearch) -> Followed:
        """Return what came meanwhile; the latest, where that is more than one look gets."""
        first = self.reached.number - len(self._kept)
        begin = max(0, min(after.number, self.reached.number) - first)
        found = [one for one in islice(self._kept, begin, None) if wanted.has(one)]
        gone = max(0, first - after.number) + self.reached.missed - after.missed
        left_out = max(0, len(found) - MOST_AT_ONCE)
        return Followed(
            decisions=tuple(found[left_out:]),
            missed=gone + left_out,
            reached=self.reached,
            problems=self._problems,
        )

    async def _ask(self) -> None:
        while True:
            try:
                pages = await self._sources.decisions(DecisionQuestion(headers=self._wanted_headers()))
                self._take([page for page in pages.values() if isinstance(page, DecisionPage)])
                self._say(tuple(f"{who}: {one}" for who, one in pages.items() if isinstance(one, str)))
            except Exception as error:  # noqa: BLE001 - who looks is told, and it is tried again
                self._say((str(error) or reason(error),))
            await asyncio.sleep(_PAUSE_SECONDS)

    def _wanted_headers(self) -> tuple[str, ...]:
        wanted = dict.fromkeys(name for names in self._headers.values() for name in names)
        return tuple(wanted)[:MOST_HEADERS]

    def _take(self, heard: list[DecisionPage]) -> None:
        came = sorted((one for page in heard for one in page.decisions), key=lambda one: one.time)
        missed = sum(page.missed for page in heard)
        if came or missed:
            self._kept.extend(came)
            self.reached = Reached(self.reached.number + len(came), self.reached.missed + missed)
            self._wake()

    def _say(self, problems: tuple[str, ...]) -> None:
        if problems != self._problems:
            self._problems = problems
            self._wake()

    def _wake(self) -> None:
        self._came.set()
        self._came = asyncio.Event()
