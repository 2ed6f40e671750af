"""What pods have said to one replica is known to another one that asks, as long as the first is there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
import pytest
from structlog.testing import capture_logs

from kuadrant.operator.push.replicas import PodsHeard, Replicas, teller
from kuadrant.status import Content, FilterState
from kuadrant.xds import Credentials
from tests.certificates import SHOWN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

OLD: PodsHeard = {"ns/pod": (FilterState(filter="f", asked=1.0, running=Content("a" * 64, "1"), since=2.0),)}
NEW: PodsHeard = {"ns/pod": (FilterState(filter="f", asked=1.0, running=Content("a" * 64, "2"), since=3.0),)}


WORD = "what replicas know"


class Telling:
    """The replica that pods are connected to."""

    def __init__(self) -> None:
        self.said = OLD
        self.replica = True
        self._changed = asyncio.Event()
        self._server = grpc.aio.server()
        handler = teller(lambda: self.said, self._change, self._is_replica)
        self._server.add_generic_rpc_handlers((handler,))
        self.port = self._server.add_secure_port("127.0.0.1:0", Credentials(SHOWN.certificate).of_server())

    async def _change(self) -> None:
        await self._changed.wait()

    def _is_replica(self, _: str, word: str) -> bool:
        return self.replica and word == WORD

    async def start(self) -> None:
        await self._server.start()

    def say(self, said: PodsHeard) -> None:
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
        self.word = WORD

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


@pytest.mark.parametrize(
    ("replica", "word"), [(False, WORD), (True, "guessed"), (True, "")], ids=["address", "word", "no word"]
)
async def test_who_is_no_replica_is_told_nothing(telling: Telling, replica: bool, word: str) -> None:
    telling.replica = replica
    known = grpc.ssl_channel_credentials(SHOWN.authority.encode())
    async with grpc.aio.secure_channel(f"127.0.0.1:{telling.port}", known) as channel:
        call = channel.unary_stream("/kuadrant.operator.Deliveries/Follow")(
            b"", metadata=(("kuadrant-replica", word),)
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_replica_that_says_what_is_not_understood_is_asked_again(
    telling: Telling, asking: Asking
) -> None:
    wrong: Any = {"ns/pod": "not what it was"}
    telling.said = wrong
    asking.follow([f"127.0.0.1:{telling.port}"])
    with capture_logs() as lines:
        async with asyncio.timeout(20):
            while ("another replica is not understood") not in [line["event"] for line in lines]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    telling.say(OLD)
    await asking.until(lambda: [*asking.heard()] == [OLD])


async def test_asking_a_replica_begins_anew_after_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    again = asyncio.Event()

    async def listen(_: Replicas, address: str) -> None:
        asked.append(address)
        if len(asked) == 1:
            raise ValueError("boom")
        again.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Replicas, "_listen", listen)
    replicas = Replicas(lambda: None, "host")
    replicas.follow(["10.0.0.2:8083"])
    async with asyncio.timeout(20):
        await again.wait()
    await replicas.stop()

    assert asked == ["10.0.0.2:8083"] * 2
