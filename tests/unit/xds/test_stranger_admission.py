"""Who comes in to the push server, over real sockets: 127.0.0.2 and its like are the addresses of pods."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kuadrant.xds.peer_bounds import Limits, Rate
from kuadrant.xds.stranger_admission import Door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

LIMITS = Limits(connections=2, strangers=4, strangers_of_an_address=2)
GATEWAY, OTHER = "127.0.0.2", "127.0.0.3"


class Client:
    """A connection from an address of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def say(self, data: bytes) -> None:
        self._writer.write(data)

    async def hears(self, size: int = 3) -> bytes:
        return await asyncio.wait_for(self._reader.readexactly(size), 10)

    async def closed(self) -> None:
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                assert await self._reader.read() == b""

    def close(self) -> None:
        self._writer.close()


class House:
    """A door, and behind it what sends back what it gets."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {GATEWAY: 1}
        self.refused: list[tuple[str, str]] = []
        self.inside = 0
        self.carried = 0
        self.clients: list[Client] = []
        self.limits = LIMITS
        self.ports: list[int] = []
        self._echoing: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.inside += 1
            self._echoing.append(writer)
            self.ports.append(writer.get_extra_info("peername")[1])
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(2**16):
                    self.carried += len(data)
                    writer.write(data)
                    await writer.drain()
            self.inside -= 1
            writer.close()

        self._echo = await asyncio.start_server(echo, "127.0.0.1", 0)
        self.door = Door(self.limits, lambda address: self.places.get(address, 0), self._refuse)
        self.port = self.door.bind("127.0.0.1", 0)

    def _refuse(self, reason: str, address: str) -> None:
        self.refused.append((reason, address))

    def open(self) -> None:
        self.door.open(self._echo.sockets[0].getsockname()[1])

    async def connect(self, address: str) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0)))
        self.clients.append(client)
        return client

    async def stop(self) -> None:
        self.door.close()
        for client in self.clients:
            client.close()
        await until(lambda: self.inside == 0)
        self._echo.close()
        for writer in self._echoing:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - sockets say nothing of themselves
            await asyncio.sleep(0.005)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    await house.start()
    yield house
    await house.stop()


@pytest.fixture
async def quick() -> AsyncIterator[House]:
    """One that keeps strangers for a moment only."""
    house = House()
    house.limits = replace(LIMITS, hold=0.6)
    await house.start()
    house.open()
    yield house
    await house.stop()


async def test_who_may_ask_is_carried_in_whatever_the_size(house: House) -> None:
    house.open()
    client = await house.connect(GATEWAY)
    much = bytes(range(256)) * 40_000
    client.say(much)  # more than any buffer has room for: each side has to wait for the other
    assert await client.hears(len(much)) == much


async def test_who_sends_more_than_an_envoy_does_is_read_later(house: House) -> None:
    await house.stop()
    house.limits = replace(LIMITS, bytes=Rate(20e6, burst=1000))
    await house.start()
    house.open()
    client = await house.connect(GATEWAY)
    much = bytes(range(256)) * 10_000
    client.say(much)
    assert await client.hears(len(much)) == much


async def test_who_sends_without_end_is_read_no_further_and_nobody_else_waits(house: House) -> None:
    await house.stop()
    house.limits = replace(LIMITS, bytes=Rate(1, burst=100_000))
    house.places[OTHER] = 1
    await house.start()
    house.open()
    for _ in range(2):
        hostile = await house.connect(GATEWAY)
        hostile.say(bytes(10_000_000))
    await until(lambda: house.carried >= 100_000)
    for _ in range(20):
        other = await house.connect(OTHER)
        other.say(b"abc")
        assert await other.hears() == b"abc"
        other.close()
        await until(lambda: house.inside <= 2)
    # What one turn takes is read before it is counted.
    assert house.carried < 100_000 + 2 * 256 * 1024 + 60


async def test_nobody_comes_in_before_it_is_known_who_may(house: House) -> None:
    client = await house.connect(GATEWAY)
    client.say(b"abc")
    await asyncio.sleep(0)
    assert house.inside == 0
    house.open()
    assert await client.hears() == b"abc"


async def test_of_a_stranger_nothing_is_read_until_it_is_known_to_be_none(house: House) -> None:
    house.open()
    stranger = await house.connect(OTHER)
    stranger.say(b"abc")
    gateway = await house.connect(GATEWAY)
    gateway.say(b"def")
    assert await gateway.hears() == b"def"
    assert house.inside == 1

    house.places[OTHER] = 1
    house.door.look()
    assert await stranger.hears() == b"abc"
    assert house.refused == []


async def test_a_stranger_is_closed_in_a_while(quick: House) -> None:
    stranger = await quick.connect(OTHER)
    stranger.say(b"abc")
    await stranger.closed()
    assert quick.refused == [("stranger", OTHER)]


async def test_strangers_make_room_for_strangers_and_never_take_it_from_who_may_ask(house: House) -> None:
    house.open()
    gateway = await house.connect(GATEWAY)
    hogs = [await house.connect(OTHER) for _ in range(3)]
    await hogs[0].closed()
    assert house.refused == [("strangers", OTHER)]

    one = await house.connect("127.0.0.4")
    two = await house.connect("127.0.0.5")
    three = await house.connect("127.0.0.6")  # of the address that has most, the oldest goes
    await hogs[1].closed()
    for client in (gateway, await house.connect(GATEWAY)):
        client.say(b"abc")
        assert await client.hears() == b"abc"

    house.places |= {OTHER: 1, "127.0.0.4": 1, "127.0.0.5": 1, "127.0.0.6": 1}
    house.door.look()
    for client in (hogs[2], one, two, three):
        client.say(b"abc")
        assert await client.hears() == b"abc"


async def test_an_address_has_so_many_connections_for_each_that_may_be_there(house: House) -> None:
    house.places[OTHER] = 2
    house.open()
    for address, most in ((GATEWAY, 2), (OTHER, 4)):
        clients = [await house.connect(address) for _ in range(most)]
        await (await house.connect(address)).closed()
        assert house.refused.pop() == ("connections", address)
        clients[0].close()
        await until(lambda most=most: house.inside == most - 1)  # type: ignore[misc]
        again = await house.connect(address)
        again.say(b"abc")
        assert await again.hears() == b"abc"
        for client in (again, *clients):
            client.close()
        await until(lambda: house.inside == 0)


async def test_who_may_not_ask_any_more_is_closed_in_a_while(quick: House) -> None:
    gone, stays = await quick.connect(GATEWAY), await quick.connect(GATEWAY)
    await until(lambda: quick.inside == 2)
    quick.places.clear()
    quick.door.look()
    await gone.closed()
    await stays.closed()


async def test_who_may_ask_again_within_that_while_stays(quick: House) -> None:
    client = await quick.connect(GATEWAY)
    await until(lambda: quick.inside == 1)
    quick.places.clear()
    quick.door.look()
    quick.places[GATEWAY] = 1
    quick.door.look()
    stranger = await quick.connect(OTHER)
    await stranger.closed()  # which takes as long
    client.say(b"abc")
    assert await client.hears() == b"abc"


async def test_the_word_lets_in_from_anywhere_for_a_while(quick: House) -> None:
    quick.door.word = b"open sesame"
    knows, guesses = await quick.connect(OTHER), await quick.connect(OTHER)
    knows.say(b"hello open ")
    guesses.say(b"hello open the door")
    await asyncio.sleep(0)
    knows.say(b"sesame")
    assert await knows.hears(17) == b"hello open sesame"
    await guesses.closed()
    await knows.closed()


async def test_with_the_word_come_a_few_at_a_time(house: House) -> None:
    house.door.word = b"open sesame"
    house.limits = LIMITS
    house.open()
    for number in range(12):
        client = await house.connect(f"127.0.1.{number + 1}")
        client.say(b"open sesame")
    await until(lambda: house.inside == 8)
    gateway = await house.connect(GATEWAY)
    gateway.say(b"abc")
    assert await gateway.hears() == b"abc"
    assert house.inside == 9


async def test_where_a_connection_comes_from_is_known_behind_the_door(house: House) -> None:
    house.open()
    client = await house.connect(GATEWAY)
    await until(lambda: house.inside == 1)
    (port,) = house.ports
    assert house.door.address_of(port) == GATEWAY
    client.close()
    await until(lambda: house.inside == 0)
    assert house.door.address_of(port) == ""


class Short:
    """A listener of a process that has no descriptor left, once."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.tries = 0

    def accept(self) -> tuple[socket.socket, Any]:
        self.tries += 1
        if self.tries == 1:
            raise OSError(errno.EMFILE, "too many open files")
        return self._listener.accept()

    def fileno(self) -> int:
        return self._listener.fileno()

    def close(self) -> None:
        self._listener.close()


async def test_without_a_descriptor_it_waits_and_goes_on(house: House) -> None:
    assert house.door._listener is not None
    short: Any = Short(house.door._listener)
    house.door._listener = short
    house.open()
    client = await house.connect(GATEWAY)
    client.say(b"abc")
    assert await client.hears() == b"abc"
    # It did not try again and again meanwhile.
    assert short.tries <= 3


def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        Door(LIMITS, lambda _: 1, lambda *_: None).bind("127.0.0.1", taken.getsockname()[1])
