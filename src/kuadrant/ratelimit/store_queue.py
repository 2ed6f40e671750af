"""Chooses who may ask the store next.

At most so many questions are under way, and tenants that have to wait take turns.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from kuadrant.ratelimit.call_turns import BusyError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Gate:
    """Lets ``most`` through at once. Who waits for longer than ``timeout`` seconds is refused, by himself.

    A place that becomes free goes to the tenant who has the fewest questions under way.
    """

    def __init__(self, most: int, timeout: float) -> None:
        self._free = most
        self._timeout = timeout
        self._under_way: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def through(self, tenant: str) -> AsyncIterator[None]:
        """Hold a place for the length of the context.

        Raises:
            BusyError: There was none in time.
        """
        if self._free and not self._waiting:
            self._enter(tenant)
        else:
            await self._wait(tenant)
        try:
            yield
        finally:
            self._leave(tenant)

    def _enter(self, tenant: str) -> None:
        self._free -= 1
        self._under_way[tenant] = self._under_way.get(tenant, 0) + 1

    def _leave(self, tenant: str) -> None:
        self._free += 1
        self._under_way[tenant] -= 1
        if not self._under_way[tenant]:
            del self._under_way[tenant]
        while self._waiting:
            chosen = min(self._waiting, key=lambda one: self._under_way.get(one, 0))
            turn = self._waiting[chosen].popleft()
            if not self._waiting[chosen]:
                del self._waiting[chosen]
            if not turn.done():
                self._enter(chosen)
                turn.set_result(None)
                return

    async def _wait(self, tenant: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(turn)
        try:
            async with asyncio.timeout(self._timeout):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._leave(tenant)
            if isinstance(error, TimeoutError):
                raise BusyError(
                    f"the store of the counters is busy, with questions for domains of {tenant!r} "
                    "among others"
                ) from None
            raise
