"""What an Envoy that is let in may take of the server, and how a stream ends that takes more."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from kuadrant.envoy_api import message
from kuadrant.xds import EXTENSION, Admission, Denial, Identity, Limits, Rate, Server
from tests.unit.xds.client import AGGREGATED, EXTENSIONS, Client, filters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from kuadrant.xds import Peer

GATEWAY, STRANGER = "127.0.0.2", "127.0.0.3"


class Served:
    """A server that knows of one Envoy, and gives it a filter."""

    def __init__(self, **limits: Any) -> None:
        self.places = {GATEWAY: 1}
        self.refused: list[str] = []
        self.reviewed: list[str] = []
        self.answer: Admission | Denial = Admission("ns/pod", "")
        self.clients: list[Client] = []
        self.port = 0
        self.server = Server(
            admit=self._admit,
            identify=self._identify,
            places=lambda address: self.places.get(address, 0),
            refused=self.refused.append,
            limits=replace(Limits(), **limits),
        )

    def _admit(self, _: Peer) -> Admission | Denial:
        return self.answer

    async def _identify(self, token: str, address: str) -> Identity:
        self.reviewed.append(f"{token} of {address}")
        return Identity("ns/pod")

    def connect(self, method: str = EXTENSIONS, address: str = GATEWAY, token: str = "") -> Client:
        client = Client(self.port, method, address=address, token=token)
        self.clients.append(client)
        return client


@asynccontextmanager
async def served(**limits: Any) -> AsyncIterator[Served]:
    one = Served(**limits)
    one.port = await one.server.start()
    await one.server.set(filters("a"))
    one.server.open()
    try:
        yield one
    finally:
        for client in one.clients:
            await client.close()
        await one.server.stop()


async def ended(client: Client) -> tuple[grpc.StatusCode, str]:
    async with asyncio.timeout(10):
        return await client.call.code(), await client.call.details()


async def is_served(one: Served) -> None:
    client = one.connect()
    await client.ask("", "f")
    assert (await client.read()).type_url == EXTENSION


def large(**what: Any) -> Callable[[Client], Any]:
    return lambda client: client.call.write(message("envoy.service.discovery.v3.DiscoveryRequest")(**what))


FIRST = {"node": {"id": "pod"}, "resource_names": ["f"]}
TOO_MUCH = [
    pytest.param(
        large(node={"id": "pod", "metadata": {"a": ["a" * 2**20] * 30}}),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "larger than max",
        id="30 MiB",
    ),
    pytest.param(
        large(node={"id": "p" * 1025}), grpc.StatusCode.INVALID_ARGUMENT, "at most 1024 characters", id="node"
    ),
    pytest.param(
        large(node={"id": "pod"}, type_url="t" * 1025),
        grpc.StatusCode.INVALID_ARGUMENT,
        "at most 1024 characters",
        id="type",
    ),
    pytest.param(
        large(node={"id": "pod"}, resource_names=["n"] * 257),
        grpc.StatusCode.INVALID_ARGUMENT,
        "at most 256 names",
        id="names",
    ),
]


@pytest.mark.parametrize(("ask", "code", "words"), TOO_MUCH)
async def test_a_request_that_is_too_large_ends_its_stream(
    ask: Callable[[Client], Any], code: grpc.StatusCode, words: str
) -> None:
    async with served() as one:
        client = one.connect()
        await ask(client)
        found, details = await ended(client)
        assert (found, words in details) == (code, True), details
        assert one.server.connected() == ()
        await is_served(one)


async def test_what_is_no_request_ends_its_stream() -> None:
    async with served() as one:
        client = one.connect()
        await client.call.write(b"\xff\xff\xff")
        assert await ended(client) == (grpc.StatusCode.INVALID_ARGUMENT, "it is no DiscoveryRequest")
        assert one.refused == ["malformed"]


async def test_all_types_of_a_stream_together_ask_for_so_many_names() -> None:
    async with served(names=3) as one:
        client = one.connect(AGGREGATED)
        await client.ask(EXTENSION, "f", "g")
        await client.read()
        await client.ask("other", "h", "i")
        assert (await ended(client))[0] is grpc.StatusCode.INVALID_ARGUMENT
        assert one.refused == ["names"]


async def test_a_stream_asks_for_so_many_types() -> None:
    async with served(types=3) as one:
        client = one.connect(AGGREGATED)
        for number in range(4):
            await client.ask(f"type {number}")
        assert (await ended(client))[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_who_asks_for_nothing_is_closed() -> None:
    async with served(silence=0.1) as one:
        client = one.connect()
        assert await ended(client) == (grpc.StatusCode.DEADLINE_EXCEEDED, "it asked for nothing")
        assert one.refused == ["silent"]


async def test_a_connection_that_does_not_speak_is_closed() -> None:
    async with served(silence=1.0) as one:
        reader, writer = await asyncio.open_connection("127.0.0.1", one.port, local_addr=(GATEWAY, 0))
        async with asyncio.timeout(10):
            while await reader.read(1000):
                pass
        writer.close()
        await is_served(one)


async def test_who_gets_nothing_is_closed_in_a_while_with_the_reason() -> None:
    async with served(hold=0.1) as one:
        one.answer = Denial("it is somebody else")
        client = one.connect()
        await client.ask("", "f")
        assert await ended(client) == (grpc.StatusCode.PERMISSION_DENIED, "it is somebody else")
        assert one.refused == ["denied"]
        assert one.server.status() == ()


async def test_who_gets_something_in_that_while_stays() -> None:
    async with served(hold=1.5) as one:
        one.answer = Denial("it is not known yet")
        waits = one.connect()
        await waits.ask("", "f")
        async with asyncio.timeout(10):
            while not one.server.connected():
                await one.server.changed()
        one.answer = Admission("ns/pod", "")
        one.server.admit_again()
        nonce = (await waits.read()).nonce
        silent = one.connect(address=STRANGER)
        with pytest.raises(grpc.aio.AioRpcError):
            await silent.ask("", "f")  # which is closed after as long
        await waits.ask("", "f", nonce=nonce)
        await one.server.settled(EXTENSION)
        assert one.server.connected()[0].admission == Admission("ns/pod", "")


async def test_an_envoy_has_so_many_streams_and_another_one_its_own() -> None:
    async with served(streams=2) as one:
        first, second = one.connect(), one.connect()
        for client in (first, second):
            await client.ask("", "f")
            await client.read()
        third = one.connect()
        assert (await ended(third))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert one.refused == ["streams"]

        one.places[STRANGER] = 1
        other = one.connect(address=STRANGER)
        await other.ask("", "f")
        await other.read()

        await first.close()
        async with asyncio.timeout(10):
            while len(one.server.status()) == 3:
                await one.server.changed()
        await is_served(one)


async def test_a_strangers_token_is_not_looked_at() -> None:
    """The address is judged before any token."""
    async with served(hold=0.1) as one:
        stranger = one.connect(address=STRANGER, token="junk")
        with pytest.raises(grpc.aio.AioRpcError):
            await stranger.ask("", "f")
        gateway = one.connect(token="token")
        await gateway.ask("", "f")
        await gateway.read()
        assert one.reviewed == [f"token of {GATEWAY}"]
        assert set(one.refused) == {"stranger"}


async def test_requests_that_come_without_end_are_read_slowly_and_keep_nobody_waiting() -> None:
    async with served(requests=Rate(10.0, burst=20.0)) as one:
        one.places[STRANGER] = 1
        floods = one.connect(address=STRANGER)

        written = 0

        async def flood() -> None:
            nonlocal written
            while True:
                await floods.ask("", "f", nonce="none")
                written += 1

        flooding = asyncio.create_task(flood())
        began, changes = asyncio.get_running_loop().time(), 0
        while asyncio.get_running_loop().time() < began + 1:
            await asyncio.wait_for(one.server.changed(), 10)
            changes += 1
        await is_served(one)
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
        took = asyncio.get_running_loop().time() - began
        assert changes <= 20 + 10 * took + 1 < written


async def test_an_envoys_words_are_kept_up_to_a_length() -> None:
    async with served() as one:
        client = one.connect()
        await client.ask("", "f")
        with capture_logs() as lines:
            await client.ask("", "f", nonce=(await client.read()).nonce, error="no" * 50_000)
            (refusal,) = await one.server.settled(EXTENSION)
        assert refusal.text == "no" * 2048
        assert [len(line["text"]) for line in lines if "text" in line] == [4096]
