"""Envoy's ports: what it has not is tried again, and no look that says nothing is taken for one that does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from kuadrant.gateways.envoy import Address
from kuadrant.standalone.open_listeners import KeptOpen, open_listeners

if TYPE_CHECKING:
    from collections.abc import Collection


class Envoy:
    """What has which ports, and how often it was told of its listeners again."""

    def __init__(self) -> None:
        self.wanted = {"a", "b"}
        self.has: Collection[str] | None = {"a", "b"}
        self.told = 0
        self.kept = KeptOpen(lambda: self.wanted, self.opened, self.again)

    async def opened(self) -> Collection[str] | None:
        return self.has

    def again(self) -> None:
        self.told += 1


async def test_a_port_that_is_missing_twice_in_a_row_is_tried_until_it_is_there() -> None:
    envoy = Envoy()
    assert not await envoy.kept.look()
    envoy.has = {"a"}
    assert [await envoy.kept.look() for _ in range(3)] == [False, True, True]
    envoy.has = {"a", "b"}
    assert not await envoy.kept.look()
    assert envoy.told == 2


async def test_a_listener_that_is_new_has_a_moment_and_one_that_goes_is_not_missed() -> None:
    envoy = Envoy()
    envoy.has = {"a"}
    await envoy.kept.look()
    envoy.wanted = {"a", "c"}
    await envoy.kept.look()
    envoy.wanted = {"a"}
    await envoy.kept.look()
    assert envoy.told == 0


async def test_an_envoy_that_does_not_tell_is_left_alone() -> None:
    envoy = Envoy()
    envoy.has = None
    assert [await envoy.kept.look() for _ in range(3)] == [False] * 3
    assert envoy.told == 0


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        (b'200 OK\r\ncontent-length: 36\r\n\r\n{"listener_statuses":[{"name":"a"}]}', {"a"}),
        (b"200 OK\r\ncontent-length: 2\r\n\r\n{}", set()),
        (b"200 OK\r\ncontent-length: 2\r\n\r\n[]", None),
        (b'200 OK\r\ncontent-length: 25\r\n\r\n{"listener_statuses":[1]}', None),
        (b"", None),
        (b"not HTTP", None),
    ],
)
async def test_what_the_admin_page_says_is_read(answer: bytes, names: set[str] | None) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + answer if answer else b"")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await open_listeners(Address("127.0.0.1", port)) == names
    server.close()
    await server.wait_closed()
    assert await open_listeners(Address("127.0.0.1", port)) is None
