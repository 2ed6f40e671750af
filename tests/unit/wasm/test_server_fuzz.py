"""The module server under clients that mean it ill or know no better.

`FUZZ_SCALE` times 3 seconds of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.wasm.connection import Limits
from kuadrant.wasm.server import serve
from tests.unit.wasm.bad_clients import MODULE, Clients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Fuzz

pytestmark = pytest.mark.slow

QUICK = Limits(head=0.5, idle=0.5, response=2.0, refused=0.2, connections=256)
SECONDS = 3.0
CLIENTS = 24
IDLE = 2000


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many file descriptors as the idle connections of both sides take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * IDLE + 2000, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def module(port: int) -> bytes | None:
    """What a client gets that knows how to ask, whatever else goes on.

    None if it was itself too slow to be promised anything.

    It has an address of its own, as gateways have: bad clients make room for others among themselves.
    """
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0)) as opened:
        with contextlib.suppress(ConnectionError):
            opened.sendall(b"GET /kuadrant-wasm-shim HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        took = time.monotonic() - began
        try:
            with opened.makefile("rb") as answer:
                head, _, body = answer.read().partition(b"\r\n\r\n")
        except ConnectionError as error:
            head, body = repr(error).encode(), b""
    if head.startswith(b"HTTP/1.1 200 OK\r\n"):
        return body
    # A busy machine may hold up this process, too.
    assert took > QUICK.head, f"after {took:.3f} s: {head!r}"
    return None


@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("many_files")
async def test_fuzz_of_connections_leaves_a_server_that_serves(fuzz: Fuzz) -> None:
    defects: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: defects.append(context))
    served = clients = 0
    async with serve([MODULE], "127.0.0.1", limits=QUICK) as server:
        bad = Clients(server.port, fuzz.seed)
        end = time.monotonic() + SECONDS * fuzz.scale

        async def misbehave() -> None:
            nonlocal clients
            while time.monotonic() < end:
                await bad.one()
                clients += 1

        async def idle() -> None:
            """Connect very often and say nothing; the server makes room for others at their cost."""
            while time.monotonic() < end:
                with contextlib.ExitStack() as stack:
                    for number in range(IDLE):
                        opened = stack.enter_context(socket.socket())
                        opened.setblocking(False)
                        with contextlib.suppress(BlockingIOError):
                            opened.connect(("127.0.0.1", server.port))
                        if number % 100 == 0:
                            await asyncio.sleep(0.01)
                    await asyncio.sleep(0.2)

        going = [asyncio.create_task(misbehave()) for _ in range(CLIENTS)] + [asyncio.create_task(idle())]
        while time.monotonic() < end:
            got = await asyncio.to_thread(module, server.port)
            assert got in (MODULE.data, None)
            served += got is not None
            await asyncio.sleep(0.05)
        await asyncio.gather(*going)
        while server.connections:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.05)
        assert await asyncio.to_thread(module, server.port) == MODULE.data

    assert defects == []
    assert served
    fuzz.done(f"bad clients, {served} good ones", clients)
