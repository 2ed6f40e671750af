"""Chooses the call to decide next: one tenant's expensive calls do not keep another's waiting.

One thread decides all calls, each in a bounded time. As long as nobody needs more than his part, calls are
decided as they come. Who has used more than his part of the last tenths of a second, while others asked as
well, waits, and so does whose calls are expensive, for others may come: of all calls that wait one is decided
for each round of the event loop, two of a tenant that does not take too much any more, of each tenant in
turn, and calls of the others come in between.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

_PERIOD_SECONDS: Final = 0.1
_ALLOWANCE_SECONDS: Final = 0.005
# On average of a call, by the clock: cheap ones take as much where the server's own threads get in between.
_EXPENSIVE_SECONDS: Final = 0.0003
_NOTHING: Final = (0.0, 0)
MOST_WAITING: Final = 512
"""Calls of one tenant that may wait."""


class BusyError(Exception):
    """A tenant has more calls waiting than one may; the text says so."""


class Turns:
    """Knows how much time the tenants' calls took lately, and the calls that wait.

    Times are in seconds and never decrease.
    """

    def __init__(self) -> None:
        # The seconds and calls of each in this period and in the one before, the seconds of all, and how many
        # tenants these are.
        self._used: dict[str, list[float]] = {}
        self._before: dict[str, list[float]] = {}
        self._total = self._total_before = 0.0
        self._tenants = 0
        self._ends = 0.0
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def waiting(self) -> int:
        """The number of calls that wait."""
        return sum(map(len, self._waiting.values()))

    def spent(self, tenant: str, seconds: float, now: float) -> None:
        """A call of ``tenant`` took so long."""
        if now >= self._ends:
            self._turn(now)
        used = self._used.get(tenant)
        if used is None:
            self._tenants += tenant not in self._before
            used = self._used[tenant] = [0.0, 0]
        used[0] += seconds
        used[1] += 1
        self._total += seconds

    def must_wait(self, tenant: str) -> bool:
        """Tell whether a call of ``tenant`` has to wait for its turn, as of the last call decided."""
        return tenant in self._waiting or self._takes_too_much(tenant)

    def _takes_too_much(self, tenant: str) -> bool:
        seconds, calls = self._used.get(tenant, _NOTHING)
        if tenant in self._before:
            seconds, calls = seconds + self._before[tenant][0], calls + self._before[tenant][1]
        if seconds <= _ALLOWANCE_SECONDS:
            return False
        if seconds > calls * _EXPENSIVE_SECONDS:
            return True
        return seconds > (self._total + self._total_before) / self._tenants + _ALLOWANCE_SECONDS

    async def wait(self, tenant: str) -> None:
        """Return when it is the turn of this call of ``tenant``.

        Raises:
            BusyError: Too many of its calls wait.
        """
        queue = self._waiting.get(tenant)
        if queue is not None and len(queue) >= MOST_WAITING:
            raise BusyError(
                f"{len(queue)} calls for domains of {tenant!r} wait: its limits take too long, or are asked "
                "too often"
            )
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._next)
        if queue is None:
            queue = self._waiting[tenant] = deque()
        queue.append(turn)
        await turn

    def _next(self) -> None:
        """Let one call go on that still waits; calls whose callers have gone are passed over."""
        while self._waiting:
            tenant = next(iter(self._waiting))
            queue = self._waiting.pop(tenant)
            while queue and queue[0].done():
                queue.popleft()
            if not queue:
                continue
            queue.popleft().set_result(None)
            if queue and not self._takes_too_much(tenant):
                # A queue that is always full would not end by itself. Nor may all of it go at once: others
                # would wait for that.
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
            if queue:
                self._waiting[tenant] = queue
            break
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._next)

    def _turn(self, now: float) -> None:
        is_recent = now < self._ends + _PERIOD_SECONDS
        self._before, self._total_before = (self._used, self._total) if is_recent else ({}, 0.0)
        self._used, self._total, self._tenants = {}, 0.0, len(self._before)
        self._ends = now + _PERIOD_SECONDS
