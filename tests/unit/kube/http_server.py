"""A small HTTP server whose every answer is a coroutine of the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct


class Request(Struct):
    method: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Response:
    """Writes one answer; what it did not end is cut when its coroutine returns."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def head(self, code: int, **headers: str) -> None:
        lines = [f"HTTP/1.1 {code} X", "transfer-encoding: chunked", "connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self._write("\r\n".join([*lines, "", ""]).encode())

    async def send(self, data: bytes) -> None:
        await self._write(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self._write(b"0\r\n\r\n")

    async def json(self, code: int, content: Any) -> None:
        await self.head(code)
        await self.send(content if isinstance(content, bytes) else json.dumps(content).encode())
        await self.end()

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


Handler = Callable[[Request, Response], Awaitable[None]]


@asynccontextmanager
async def serve(handler: Handler) -> AsyncIterator[str]:
    """Serve on loopback; gives the server's address. Clients that go away end their coroutine."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            request = await _read(reader)
            gone = asyncio.create_task(reader.read())
            answer = asyncio.ensure_future(handler(request, Response(writer)))
            await asyncio.wait({gone, answer}, return_when=asyncio.FIRST_COMPLETED)
            for part in (gone, answer):
                part.cancel()
            await asyncio.gather(gone, answer, return_exceptions=True)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    split = urlsplit(target)
    return Request(method, split.path, dict(parse_qsl(split.query, keep_blank_values=True)), headers, body)
