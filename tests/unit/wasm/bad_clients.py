"""Clients that mean it ill or know no better, for the module server and its like."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from typing import TYPE_CHECKING

from kuadrant.wasm import Module

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


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


class Clients:
    """Bad clients of one server."""

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
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
