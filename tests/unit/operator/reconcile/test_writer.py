"""A leader writes, once; what is refused is said in the words of the API server until it is done."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from kuadrant.kube.retry_queue import NotDoneError
from kuadrant.operator.core import kinds
from kuadrant.operator.reconcile.context import desired
from kuadrant.operator.reconcile.queue_keys import LIMITS
from kuadrant.operator.reconcile.writer import Writer
from tests.unit.operator.cluster import LIMITADOR, ApiServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DOCUMENT: dict[str, Any] = {
    "apiVersion": kinds.LIMITADORS.api_version,
    "kind": "Limitador",
    "metadata": {"namespace": LIMITADOR[0], "name": LIMITADOR[1]},
    "spec": {"limits": []},
}
WANTED = desired(kinds.LIMITADORS, DOCUMENT)


class Writing:
    """A writer, and how often something came of what it did."""

    def __init__(self, api: ApiServer, client: httpx2.AsyncClient) -> None:
        self.api = api
        self.leads = True
        self.times = 0
        self.writer = Writer(api.store, client, lambda: self.leads, self._wrote)

    def _wrote(self) -> None:
        self.times += 1

    async def apply(self) -> bool:
        return await self.writer.apply(LIMITS, WANTED)


@asynccontextmanager
async def writing() -> AsyncIterator[Writing]:
    api = ApiServer()
    transport = httpx2.MockTransport(api.answer)
    async with httpx2.AsyncClient(transport=transport, base_url="http://api.example") as client:
        yield Writing(api, client)


async def test_an_object_is_applied_once_and_is_then_in_place() -> None:
    async with writing() as one:
        assert not one.writer.is_in_place(WANTED)

        assert await one.apply()
        assert one.writer.is_in_place(WANTED)
        assert one.writer.is_seen(WANTED)
        assert one.writer.entry(WANTED) is not None
        assert not await one.apply()
        assert (one.api.writes, one.times) == (["PATCH Limitador"], 1)


async def test_who_does_not_lead_writes_nothing() -> None:
    async with writing() as one:
        one.leads = False

        assert not await one.apply()
        assert one.api.writes == []


async def test_what_is_refused_is_said_until_it_is_done() -> None:
    async with writing() as one:
        one.api.refused.add("limitadors")
        with pytest.raises(NotDoneError, match="Limitador kuadrant-system/limitador: no"):
            await one.apply()
        assert list(one.writer.failures) == [LIMITS]

        one.api.refused.clear()
        await one.apply()
        assert one.writer.failures == {}


async def test_of_work_that_is_gone_nothing_is_said() -> None:
    async with writing() as one:
        one.api.refused.add("limitadors")
        with pytest.raises(NotDoneError):
            await one.apply()

        one.writer.forget(LIMITS)
        assert one.writer.failures == {}


async def test_what_is_there_is_deleted() -> None:
    async with writing() as one:
        await one.apply()
        await one.writer.delete(LIMITS, kinds.LIMITADORS, DOCUMENT)
        assert one.writer.entry(WANTED) is None

        await one.writer.delete(LIMITS, kinds.LIMITADORS, DOCUMENT)
        assert one.api.writes == ["PATCH Limitador", "DELETE Limitador"], "what is gone is not asked for"
