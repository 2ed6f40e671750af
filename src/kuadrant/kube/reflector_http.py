"""Driving a reflector over HTTP, into a store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic

import httpx2

from kuadrant import log
from kuadrant.kube.client import FAILURES, describe
from kuadrant.kube.kind import T, Unreadable
from kuadrant.kube.reflector import Get, Reflector, Wait

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.kube.kind import Key, Kind, Labelled, Output
    from kuadrant.kube.reflector import Status
    from kuadrant.kube.store import Store

logger = log.get("kube")

_TIMEOUT = httpx2.Timeout(10, read=None)


class Follower(Generic[T]):
    """Keeps one kind of a store, or ``only`` some of its objects, up to date while ``run`` runs.

    The kind must be declared in the store.
    """

    def __init__(
        self, kind: Kind[T], store: Store, client: httpx2.AsyncClient, *, only: Key | Labelled | None = None
    ) -> None:
        self._store = store
        self._client = client
        self._reflector = Reflector(kind, store.table(kind).entries, only=only)
        self._awake = asyncio.Event()
        self._said: str | None = None

    @property
    def status(self) -> Status:
        """The state of following; times are those of the event loop's clock."""
        return self._reflector.status

    def look_again(self) -> None:
        """The kind may be served by now, for instance because its CRD was just created."""
        self._reflector.look_again(asyncio.get_running_loop().time())
        self._awake.set()

    async def run(self) -> None:
        """Follow until cancelled; no failure of the API server or of the connection ends it."""
        loop = asyncio.get_running_loop()
        while True:
            step = self._reflector.next(loop.time())
            if isinstance(step, Wait):
                self._awake.clear()
                try:
                    async with asyncio.timeout_at(step.until):
                        await self._awake.wait()
                except TimeoutError:
                    pass
                continue
            await self._perform(step)
            self._report()

    async def _perform(self, step: Get) -> None:
        reflector, loop = self._reflector, asyncio.get_running_loop()
        parameters = dict(step.parameters)
        try:
            async with (
                asyncio.timeout_at(reflector.deadline) as deadline,
                self._client.stream("GET", step.path, params=parameters, timeout=_TIMEOUT) as response,
            ):
                reflector.respond(response.status_code, response.headers.get("retry-after"), loop.time())
                self._report()
                async for data in response.aiter_raw():
                    self._receive(reflector.receive(data, loop.time()))
                    if not reflector.reading:
                        return
                    deadline.reschedule(reflector.deadline)
        except TimeoutError:
            reflector.expire(loop.time())
        except FAILURES as error:
            self._receive(reflector.end(loop.time(), describe(error)))
        else:
            self._receive(reflector.end(loop.time()))

    def _receive(self, outputs: Iterable[Output[T]]) -> None:
        outputs = list(outputs)
        for output in outputs:
            if isinstance(output, Unreadable):
                logger.warning(
                    "an object cannot be read; its last readable form stays",
                    kind=self._reflector.kind.name,
                    key="/".join(output.key) if output.key else None,
                    problem=output.problem,
                )
        if outputs:
            self._store.receive(self._reflector.kind, outputs)
            self._report()

    def _report(self) -> None:
        problem = self._reflector.status.problem
        if problem != self._said:
            self._said = problem
            if problem is None:
                logger.info("following again", kind=self._reflector.kind.name)
            else:
                logger.warning(problem, kind=self._reflector.kind.name)
