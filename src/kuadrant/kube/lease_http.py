"""Keeping a Lease over HTTP: the socket and the clocks of an elector (`lease`)."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from typing import TYPE_CHECKING

from kuadrant import log
from kuadrant.kube.client import FAILURES, describe
from kuadrant.kube.lease import Elector, Request, Timing, Wait
from kuadrant.tasks import reason

if TYPE_CHECKING:
    import httpx2

    from kuadrant.kube.kind import Key

logger = log.get("leader")


def _wall() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _clock() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock.

    A Lease does not sleep either.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Leadership:
    """Runs an elector over HTTP."""

    def __init__(
        self, key: Key, identity: str, client: httpx2.AsyncClient, timing: Timing | None = None
    ) -> None:
        self._timing = timing or Timing()
        self._elector = Elector(key, identity, timing=self._timing)
        self._client = client
        self._changed = asyncio.Event()
        self._said: str | None = None

    @property
    def leads(self) -> bool:
        """Tell whether we lead at this moment; to be asked before each write."""
        return self._elector.leads(_clock())

    @property
    def holder(self) -> str:
        """The holder of the Lease as far as is known; empty for nobody."""
        return self._elector.holder

    async def acquired(self) -> None:
        """Wait until we lead."""
        while not self.leads:
            await self._changed.wait()

    async def lost(self) -> None:
        """Wait until we do not lead."""
        loop = asyncio.get_running_loop()
        while self.leads:
            left = self._elector.leads_until - _clock()
            try:
                async with asyncio.timeout_at(loop.time() + left):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def run(self) -> None:
        """Stand for election and renew until cancelled, then free the Lease."""
        try:
            while True:
                step = self._elector.next(_clock(), _wall())
                if isinstance(step, Wait):
                    await asyncio.sleep(step.until - _clock())
                    continue
                self._elector.receive(*await self._perform(step), _clock())
                self._notify()
        except Exception as error:
            # Who hears below that leadership is lost may cancel this, and the reason would be lost with it.
            logger.error(("the Lease is not kept any more"), problem=reason(error))  # noqa: TRY400 - it has its place
            raise
        finally:
            request = self._elector.release(_wall())
            self._notify()
            if request is not None:
                # Cancelled already: one more request is granted, bounded by its own timeout.
                await self._perform(request)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        problem = self._elector.problem
        if problem != self._said:
            self._said = problem
            if problem is not None:
                logger.warning("the Lease cannot be read or written", problem=problem)

    async def _perform(self, request: Request) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(self._timing.request):
                response = await self._client.request(
                    request.method,
                    request.path,
                    content=request.body,
                    headers={"content-type": "application/json"},
                )
        except TimeoutError:
            return 0, b"no answer in time"
        except FAILURES as error:
            return 0, describe(error).encode()
        return response.status_code, response.content
