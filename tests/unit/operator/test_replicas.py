"""What pods have said to one replica is known to another one that asks, as long as the first is there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]
import pytest

from kuadrant.operator.replicas import Deliveries, Replicas, teller
from kuadrant.status import Content, Delivery
from kuadrant.xds import Credentials
from tests.certificates import SHOWN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

OLD: Deliveries = {"ns/pod": (Delivery(filter="f", asked=1.0, running=Content("a" * 64, "1"), since=2.0),)}
NEW: Deliveries = {"ns/pod": (Delivery(filter="f", asked=1.0, running=Content("a" * 64, "2"), since=3.0),)}


class Telling:
    """The replica that pods are connected to."""

    def __init__(self) -> None:
        self.said = OLD
        self.replica = True
        self._changed = asyncio.Event()
        self._server = grpc.aio.server()
        handler = teller(lambda: self.said, lambda: self._changed.wait(), lambda _: self.replica)  # noqa: PLW0108
        self._server.add_generic_rpc_handlers((handler,))
        self.port = self._server.add_secure_port("127.0.0.1:0", Credentials(SHOWN.certificate).of_server())

    async def start(self) -> None:
        await self._server.start()

    def say(self, said: Deliveries) -> None:
        self.said = said
        self._changed.set()
        self._changed = asyncio.Event()

    async def stop(self) -> None:
        await self._server.stop(None)


class Asking(Replicas):
    """The one that leads."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        super().__init__(self.event.set, "127.0.0.1")
        self.authority = SHOWN.authority

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                self.event.clear()
                await self.event.wait()


@pytest.fixture
async def telling() -> AsyncIterator[Telling]:
    telling = Telling()
    await telling.start()
    yield telling
    await telling.stop()


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    asking = Asking()
    yield asking
    await asking.stop()


async def test_what_a_replica_hears_is_heard_and_every_change_of_it(telling: Telling, asking: Asking) -> None:
    asking.follow([f"127.0.0.1:{telling.port}"])
    await asking.until(lambda: [*asking.heard()] == [OLD])
    telling.say(NEW)
    await asking.until(lambda: [*asking.heard()] == [NEW])


async def test_what_a_replica_said_that_is_gone_is_not_believed(telling: Telling, asking: Asking) -> None:
    asking.follow([f"127.0.0.1:{telling.port}"])
    await asking.until(lambda: [*asking.heard()] == [OLD])
    await telling.stop()
    await asking.until(lambda: [*asking.heard()] == [])


async def test_one_that_is_no_replica_any_more_is_not_asked(telling: Telling, asking: Asking) -> None:
    asking.follow([f"127.0.0.1:{telling.port}"])
    await asking.until(lambda: [*asking.heard()] == [OLD])
    asking.follow([])
    await asking.until(lambda: [*asking.heard()] == [])


async def test_who_is_no_replica_is_told_nothing(telling: Telling) -> None:
    telling.replica = False
    known = grpc.ssl_channel_credentials(SHOWN.authority.encode())
    async with grpc.aio.secure_channel(f"127.0.0.1:{telling.port}", known) as channel:
        call = channel.unary_stream("/kuadrant.operator.Deliveries/Follow")(b"")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
