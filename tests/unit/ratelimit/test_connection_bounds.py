"""What a stranger may send to the port of the rate limit service.

It ends neither the process nor its answers to others.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.ratelimit import connection_bounds as door
from kuadrant.ratelimit.connection_bounds import Connection, Door, to_close
from kuadrant.ratelimit.service import SERVICE

from .asking import KEY, RESPONSE, asking
from .strangers import CALL, DATA, HEADERS, PREFACE, SETTINGS, connect, frame, hold, send_large, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from .strangers import Server

MIB = 1 << 20


def connections(*held: tuple[str, int]) -> list[Connection]:
    return [Connection(number, address, size) for number, (address, size) in enumerate(held)]


def numbers(closed: list[Connection]) -> list[int]:
    return [one.number for one in closed]


def test_with_room_for_all_nobody_is_sent_away() -> None:
    assert to_close(connections(("a", 10), ("b", 0)), most=2, excess=0) == []


def test_of_too_many_the_newest_of_the_address_that_has_most_go() -> None:
    found = connections(("gateway", 0), ("pod", 0), ("pod", 0), ("pod", 0), ("gateway", 0))
    assert numbers(to_close(found, most=3, excess=0)) == [3, 4] or numbers(
        to_close(found, most=3, excess=0)
    ) == [3, 2]


def test_when_memory_is_short_those_go_that_hold_it_the_worst_address_first() -> None:
    found = connections(("gateway", 60), ("pod", 50), ("pod", 40), ("other", 0))
    assert numbers(to_close(found, most=10, excess=70)) == [1, 2]
    assert numbers(to_close(found, most=10, excess=1000)) == [1, 2, 0]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=12),
    st.integers(0, 12),
    st.integers(-5, 60),
)
def test_as_many_go_as_have_to_and_none_twice(held: list[tuple[str, int]], most: int, excess: int) -> None:
    found = connections(*held)
    closed = to_close(found, most=most, excess=excess)

    assert len(set(closed)) == len(closed)
    assert len(found) - len(closed) <= most
    assert sum(one.held for one in closed) >= min(excess, sum(one.held for one in found))


async def ask(channel: grpc.aio.Channel) -> str:
    method = channel.unary_unary(f"/{SERVICE}/ShouldRateLimit")
    answer = await method(asking(KEY), timeout=30, wait_for_ready=True)
    return str(RESPONSE.Code.Name(RESPONSE.FromString(answer).overall_code))


def channel(server: Server) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(
        f"127.0.0.1:{server.port}", options=(("grpc.use_local_subchannel_pool", 1),)
    )


@pytest.mark.slow
@pytest.mark.parametrize("core", ["native", "grpcio"])
@pytest.mark.parametrize("flood_with", [hold, send_large], ids=["never whole", "whole"])
async def test_large_messages_do_not_take_the_memory(
    core: str, flood_with: Callable[[socket.socket, int], None]
) -> None:
    with serving(core, 150 * MIB) as server:
        peak = 0
        async with channel(server) as honest:
            assert await ask(honest) == "OK"
            with contextlib.ExitStack() as stack:
                floods = []
                for _ in range(3):
                    connection = stack.enter_context(connect(server))
                    connection.settimeout(5)
                    floods.append(asyncio.create_task(asyncio.to_thread(flood_with, connection, 400)))
                while not all(flood.done() for flood in floods):
                    peak = max(peak, server.memory)
                    assert await ask(honest) == "OK"
                await asyncio.gather(*floods)
            assert await ask(honest) == "OK"
        # What comes in between two looks is on top.
        assert peak < 350 * MIB


@pytest.mark.slow
async def test_too_many_connections_leave_room_for_others_and_for_the_process() -> None:
    with serving("native") as server, contextlib.ExitStack() as stack:
        before = server.descriptors
        async with channel(server) as honest:
            assert await ask(honest) == "OK"
            strangers = []
            for _ in range(door.MOST_CONNECTIONS + 300):
                connection = stack.enter_context(contextlib.closing(connect(server)))
                strangers.append(connection)
            async with asyncio.timeout(30):
                while server.descriptors > before + door.MOST_CONNECTIONS:
                    assert await ask(honest) == "OK"
            assert await ask(honest) == "OK"
            assert server.memory < 200 * MIB


def garbage(seed: int) -> bytes:
    """What a stranger may send.

    Frames of every kind with anything in them, messages that are none, and no HTTP/2 at all.
    """
    chance = random.Random(seed)
    sent = chance.choice([PREFACE + frame(SETTINGS, 0, 0), PREFACE, b"GET / HTTP/1.1\r\n\r\n", b""])
    for _ in range(chance.randrange(12)):
        stream = chance.choice([0, 1, 1, 3, 2, 2**31 - 1])
        body = chance.choice(
            [b"", chance.randbytes(chance.randrange(200)), CALL, asking(KEY), b"\0\0\0\0\x05hello"]
        )
        kind = chance.choice([HEADERS, DATA, chance.randrange(12), chance.randrange(256)])
        sent += frame(kind, chance.choice([0, 1, 4, 5, 0x25, chance.randrange(256)]), stream, body)
    return sent + chance.randbytes(chance.randrange(30))


@pytest.mark.parametrize("core", ["native", "grpcio"])
async def test_no_bytes_of_a_stranger_end_the_service_or_stay_in_it(core: str) -> None:
    with serving(core) as server:
        async with channel(server) as honest:
            assert await ask(honest) == "OK"
            before, memory = server.descriptors, 0
            for seed in range(400):
                with (
                    socket.create_connection(("127.0.0.1", server.port), 10) as stranger,
                    contextlib.suppress(OSError),
                ):
                    stranger.sendall(garbage(seed))
                if seed == 50:
                    memory = server.memory
            assert await ask(honest) == "OK"
            async with asyncio.timeout(30):
                while server.descriptors > before + 8:
                    assert await ask(honest) == "OK"
            assert server.memory < memory + 40 * MIB


async def test_a_connection_that_is_answered_holds_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        closed: list[None] = []
        looking = Door(listening.getsockname()[1], 0, memory=lambda: 1, closed=lambda: closed.append(None))
        with socket.create_connection(listening.getsockname()) as client:
            accepted, _ = listening.accept()
            with accepted:
                looking.look(0.0)
                client.sendall(b"x" * 1000)
                accepted.recv(1000)
                accepted.sendall(b"y" * 10)
                assert client.recv(10) == b"y" * 10
                async with asyncio.timeout(10):
                    while next(looking._sockets())[2] < 10:  # noqa: ASYNC110 - the system does not tell of it
                        await asyncio.sleep(0)
                looking.look(0.0)
                assert closed == []
                client.sendall(b"x" * 3000)
                accepted.recv(3000)
                looking.look(0.0)
                assert len(closed) == 1
                assert client.recv(1) == b""
