"""The stream of events that a page follows: that something else is shown now, calls, and decisions.

An event has an id, by which the stream goes on where it was after the connection was lost: of the run of the
console, and of the last decision. What is shown needs none: each stream begins with the version that is shown
now, so that a page sees whether its own is still that.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import to_builtins

from kuadrant.api.tap_headers import may_be_shown
from kuadrant.console.followed_decisions import DecisionSearch, Reached
from kuadrant.console.limits_page import totals_told
from kuadrant.console.pages import text_of
from kuadrant.tasks import reason

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from kuadrant.console.followed_decisions import FollowedDecisions
    from kuadrant.console.sources import Sources
    from kuadrant.console.state_store import StateStore
    from kuadrant.wasm.http_request import Request

QUIET_SECONDS: Final = 15.0
"""After so long without an event a comment is sent: proxies keep the connection."""
_TOTALS_SECONDS: Final = 1.0
_SHOWN_SECONDS: Final = 0.2
"""A page looks again at most so often, however often something changes."""
_RETRY_MILLISECONDS: Final = 1000
_Event = tuple[str, dict[str, Any]]


class Streams:
    """Makes the streams of pages."""

    def __init__(self, state: StateStore, sources: Sources, decisions: FollowedDecisions) -> None:
        self._state = state
        self._sources = sources
        self._decisions = decisions

    async def stream(self, request: Request) -> AsyncGenerator[bytes]:
        """Yield events as they are sent, for ever."""
        queue: asyncio.Queue[_Event] = asyncio.Queue(1)
        parts = [self._shown(queue)]
        follow = text_of(request, "follow")
        reached = self._reached(request)
        if follow == "decisions":
            parts.append(self._decided(queue, request, reached))
        elif follow in ("limits", "now"):
            parts.append(self._totals(queue))
        yield f"retry: {_RETRY_MILLISECONDS}\n\n".encode()
        working = [asyncio.create_task(part) for part in parts]
        try:
            while True:
                try:
                    async with asyncio.timeout(QUIET_SECONDS):
                        name, data = await queue.get()
                except TimeoutError:
                    yield b": quiet\n\n"
                    continue
                number = data.pop("reached", None)
                yield self._encoded(name, data, number)
        finally:
            for one in working:
                one.cancel()

    def _encoded(self, name: str, data: dict[str, Any], number: int | None) -> bytes:
        identity = "" if number is None else f"id: {self._state.boot}.{number}\n"
        return f"event: {name}\n{identity}data: ".encode() + msgspec.json.encode(data) + b"\n\n"

    def _reached(self, request: Request) -> Reached:
        """Return how far whoever comes back has looked; who comes first, or from another run, begins now."""
        boot, _, number = request.headers.get("last-event-id", "").partition(".")
        now = self._decisions.reached
        if boot == self._state.boot and number.isascii() and number.isdigit() and len(number) < 16:
            return Reached(min(int(number), now.number), now.missed)
        return now

    async def _shown(self, into: asyncio.Queue[_Event]) -> None:
        while True:
            shown = self._state.shown
            version = shown.version
            await into.put(("shown", {"boot": self._state.boot, "version": version, "place": shown.place}))
            await asyncio.sleep(_SHOWN_SECONDS)
            await self._state.changed(version)

    async def _totals(self, into: asyncio.Queue[_Event]) -> None:
        while True:
            try:
                told = await asyncio.to_thread(totals_told, await self._sources.totals())
            except Exception as error:  # noqa: BLE001 - who looks is told, and it is tried again
                told = {"problem": str(error) or reason(error)}
            await into.put(("totals", told))
            await asyncio.sleep(_TOTALS_SECONDS)

    async def _decided(self, into: asyncio.Queue[_Event], request: Request, after: Reached) -> None:
        verdicts = tuple(one for one in text_of(request, "verdict").split(",") if one)
        wanted = DecisionSearch(verdicts=verdicts, query=text_of(request, "q"))
        names = (one.strip().lower() for one in text_of(request, "headers").split(","))
        mark = self._decisions.begin(name for name in names if may_be_shown(name))
        problems: tuple[str, ...] = ()
        try:
            await into.put(("following", {"reached": after.number}))
            while True:
                await self._decisions.wait(after, problems)
                found = self._decisions.since(after, wanted)
                after, problems = found.reached, found.problems
                told = {
                    "decisions": to_builtins(found.decisions),
                    "missed": found.missed,
                    "problems": list(problems),
                    "reached": after.number,
                }
                await into.put(("decisions", told))
        finally:
            self._decisions.end(mark)
