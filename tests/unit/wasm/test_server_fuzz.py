"""The module server under clients that mean it ill or know no better; `FUZZ_SCALE` times 3 seconds of them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
import socket
import struct
import time
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.wasm import Limits, Module, serve

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from kuadrant.wasm import ModuleServer
    from tests.conftest import Fuzz

MODULE = Module("shim", b"\0asm\1\0\0\0" + random.Random(0).randbytes(100_000), version="0.2.0")
PATHS = (
    "/kuadrant-wasm-shim",
    f"/kuadrant-wasm-shim?sha256={MODULE.sha256}",
    f"/wasm/{MODULE.sha256}.wasm",
    f"/wasm/{'0' * 64}.wasm",
    "/v2/",
    "/v2/kuadrant-wasm-shim/manifests/latest",
    "/../../etc/passwd",
    "/%2e%2e/%00",
    "*",
)
QUICK = Limits(head=0.5, idle=0.5, response=2.0, refused=0.2, connections=256)
SECONDS = 3.0
CLIENTS = 24
IDLE = 2000


class Clients:
    """Bad clients of one server."""

    def __init__(self, server: ModuleServer, seed: int) -> None:
        self._port = server.port
        self._random = random.Random(seed)
        self.behaviours: tuple[Callable[[socket.socket], Awaitable[None]], ...] = (
            self.mutated,
            self.garbage,
            self.long_head,
            self.slow,
            self.half_closed,
            self.pipelined,
            self.reset,
            self.unread,
            self.with_body,
            self.silent,
        )

    async def one(self) -> None:
        """Connect, behave, and go; whatever was answered has to be HTTP."""
        with socket.socket() as opened:
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._random.choice((2048, 65536)))
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(3):
                    await asyncio.get_running_loop().sock_connect(opened, ("127.0.0.1", self._port))
                    await self._random.choice(self.behaviours)(opened)

    def request(self) -> bytes:
        pick = self._random.choice
        method = pick(("GET", "GET", "HEAD", "POST", "DELETE", "get", "OPTIONS", "PRI"))
        fields = [f"Host: {pick(('a', '', 'a' * 300))}"]
        fields += self._random.sample(
            [
                "Range: bytes=5-9",
                "Range: bytes=-99999999999999999999",
                'If-None-Match: "x", W/"y"',
                "Connection: close",
                "Upgrade: h2c",
                "Expect: 100-continue",
                "Accept-Encoding: gzip",
            ],
            self._random.randrange(4),
        )
        version = pick(("1.1", "1.1", "1.0", "2.0", "9"))
        return "\r\n".join((f"{method} {pick(PATHS)} HTTP/{version}", *fields, "", "")).encode()

    async def mutated(self, opened: socket.socket) -> None:
        data = bytearray(self.request())
        for _ in range(self._random.randrange(1, 6)):
            place = self._random.randrange(len(data))
            data[place : place + self._random.randrange(3)] = self._random.randbytes(
                self._random.randrange(4)
            )
        await self.exchange(opened, bytes(data))

    async def garbage(self, opened: socket.socket) -> None:
        await self.exchange(opened, self._random.randbytes(self._random.randrange(1, 4096)))

    async def long_head(self, opened: socket.socket) -> None:
        name = self._random.choice((b"", b"X-Long: ", b"Host: "))
        await self.exchange(opened, b"GET / HTTP/1.1\r\n" + name + b"a" * 1_000_000 + b"\r\n\r\n")

    async def slow(self, opened: socket.socket) -> None:
        for byte in self.request():
            await asyncio.get_running_loop().sock_sendall(opened, bytes((byte,)))
            await asyncio.sleep(self._random.random() * 0.03)

    async def half_closed(self, opened: socket.socket) -> None:
        data = self.request()
        await asyncio.get_running_loop().sock_sendall(opened, data[: self._random.randrange(len(data) + 1)])
        opened.shutdown(socket.SHUT_WR)
        await self.read(opened)

    async def pipelined(self, opened: socket.socket) -> None:
        await self.exchange(opened, b"".join(self.request() for _ in range(self._random.randrange(2, 50))))

    async def reset(self, opened: socket.socket) -> None:
        await asyncio.get_running_loop().sock_sendall(opened, self.request())
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def unread(self, opened: socket.socket) -> None:
        await asyncio.get_running_loop().sock_sendall(opened, self.request() * 20)
        await asyncio.sleep(self._random.random())

    async def with_body(self, opened: socket.socket) -> None:
        length = self._random.choice((b"5", b"1000000", b"-1", b"99999999999999999999", b"x"))
        head = b"POST /kuadrant-wasm-shim HTTP/1.1\r\nHost: a\r\nContent-Length: " + length + b"\r\n\r\n"
        await self.exchange(opened, head + b"a" * self._random.choice((0, 5, 1_000_000)))

    async def silent(self, _: socket.socket) -> None:
        await asyncio.sleep(self._random.random())

    async def exchange(self, opened: socket.socket, data: bytes) -> None:
        async def write() -> None:
            with contextlib.suppress(OSError):
                await asyncio.get_running_loop().sock_sendall(opened, data)

        writing = asyncio.create_task(write())
        try:
            await self.read(opened)
        finally:
            writing.cancel()
            await asyncio.wait((writing,))

    async def read(self, opened: socket.socket) -> None:
        answer = b""
        while len(answer) < 8 and (part := await asyncio.get_running_loop().sock_recv(opened, 65536)):
            answer += part
        assert b"HTTP/1.1 ".startswith(answer[:9]), answer[:20]


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many file descriptors as the idle connections of both sides take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * IDLE + 2000, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def module(port: int) -> bytes | None:
    """What a client gets that knows how to ask, whatever else goes on; None if it was itself too slow to be promised anything.

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
        bad = Clients(server, fuzz.seed)
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
