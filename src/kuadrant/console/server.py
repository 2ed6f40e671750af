"""The console's server: a document, its files, pages in JSON and streams of events, for GET alone."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import httptools

from kuadrant import log
from kuadrant.console.assets import read_assets
from kuadrant.console.followed_decisions import FollowedDecisions
from kuadrant.console.pages import Pages
from kuadrant.console.request_admission import objection
from kuadrant.console.security_headers import FIELDS
from kuadrant.console.streams import Streams
from kuadrant.tasks import reason
from kuadrant.wasm.http_request import HEAD_MAX, HeadParser

if TYPE_CHECKING:
    from collections.abc import Collection

    from kuadrant.console.sources import Sources
    from kuadrant.console.state_store import StateStore
    from kuadrant.wasm.http_request import Request

logger = log.get("kuadrant")

MOST_CONNECTIONS: Final = 64
"""A browser opens six at a time."""
MOST_STREAMS: Final = 24
_HEAD_SECONDS: Final = 10.0
_IDLE_SECONDS: Final = 75.0
_SEND_SECONDS: Final = 20.0
_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"


class ConsoleServer:
    """Serves what ``state`` has and ``sources`` say, from ``start`` to ``stop``.

    Args:
        state: What is shown.
        sources: Who is asked for what goes by.
        host: The address that it binds to.
        port: The port; 0 takes any free one.
        names: Host names by which it is asked, beside ``localhost`` and IP addresses.

    Attributes:
        streams: How many streams are open.
    """

    def __init__(
        self, state: StateStore, sources: Sources, host: str, port: int, *, names: Collection[str] = ()
    ) -> None:
        decisions = FollowedDecisions(sources)
        self._pages = Pages(state, sources)
        self._streams = Streams(state, sources, decisions)
        self._assets = read_assets()
        self._address = (host, port)
        self._names = frozenset(name.lower() for name in names)
        self._connections: set[asyncio.Task[None]] = set()
        self.streams = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; afterwards ``port`` is the bound one.

        Raises:
            OSError: The address cannot be had.
        """
        self._server = await asyncio.start_server(self._connected, *self._address, limit=HEAD_MAX)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more, and end every stream."""
        if self._server is None:
            return
        self._server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._connections) >= MOST_CONNECTIONS:
            writer.close()
            return
        self._connections.add(task)
        try:
            while await self._answer_next(reader, writer):
                pass
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # who asked is gone, or we are to end
        except Exception as error:  # noqa: BLE001 - one connection must not fail others
            logger.error("the console cannot answer", problem=reason(error))  # noqa: TRY400 - it has its place
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer_next(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether another may follow on the connection."""
        async with asyncio.timeout(_IDLE_SECONDS):
            first = await reader.readexactly(1)
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = first + await reader.readuntil(b"\r\n\r\n")
            request, hosts = _parsed(head)
        except asyncio.LimitOverrunError:
            await _send(writer, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TEXT, b"")
            return False
        except httptools.HttpParserError:
            await _send(writer, HTTPStatus.BAD_REQUEST, _TEXT, b"")
            return False
        refused = (
            objection(request, self._names) if hosts == 1 else (HTTPStatus.BAD_REQUEST, "one Host is needed")
        )
        if refused is not None:
            await _send(writer, refused[0], _TEXT, f"{refused[1]}\n".encode())
            return False
        if request.target.partition("?")[0] == "/api/events" and request.method == "GET":
            await self._send_events(request, reader, writer)
            return False
        status, media_type, body = await self._answer(request)
        await _send(
            writer, status, media_type, body, head_only=request.method == "HEAD", keep=request.keep_alive
        )
        return request.keep_alive

    async def _answer(self, request: Request) -> tuple[HTTPStatus, str, bytes]:
        asset = self._assets.get(request.target.partition("?")[0])
        if asset is not None:
            return HTTPStatus.OK, asset.media_type, asset.data
        try:
            page = await self._pages.page(request)
        except Exception as error:  # noqa: BLE001 - a page that fails must not fail others
            logger.error(  # noqa: TRY400 - it has its place
                "a page of the console cannot be made", path=request.target[:100], problem=reason(error)
            )
            return HTTPStatus.INTERNAL_SERVER_ERROR, _JSON, b'{"problem":"this page cannot be made"}'
        if page is None:
            return HTTPStatus.NOT_FOUND, _TEXT, b"there is nothing of that name\n"
        return page[0], _JSON, page[1]

    async def _send_events(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self.streams >= MOST_STREAMS:
            await _send(writer, HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, b"too many pages are open\n")
            return
        head = ("Content-Type: text/event-stream", "X-Accel-Buffering: no", "Connection: close")
        writer.write(_head(HTTPStatus.OK, head))
        self.streams += 1
        sending = asyncio.create_task(self._send_stream(request, writer))
        # Who follows says nothing more: whatever comes is the end of it.
        gone = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.streams -= 1
            for one in (sending, gone):
                one.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)

    async def _send_stream(self, request: Request, writer: asyncio.StreamWriter) -> None:
        async with contextlib.aclosing(self._streams.stream(request)) as events:
            async for event in events:
                writer.write(event)
                async with asyncio.timeout(_SEND_SECONDS):
                    await writer.drain()


def _parsed(head: bytes) -> tuple[Request, int]:
    """Return the request of a head, and how many Host fields it has.

    Raises:
        httptools.HttpParserError: It is none.
    """
    parser = HeadParser()
    parser.feed(head)
    if parser.request is None:
        raise httptools.HttpParserError("its head has no proper end")
    return parser.request, parser.hosts


async def _send(
    writer: asyncio.StreamWriter,
    status: HTTPStatus,
    media_type: str,
    body: bytes,
    *,
    head_only: bool = False,
    keep: bool = False,
) -> None:
    fields = (f"Content-Type: {media_type}", f"Content-Length: {len(body)}")
    writer.write(_head(status, fields if keep else (*fields, "Connection: close")))
    if not head_only:
        writer.write(body)
    async with asyncio.timeout(_SEND_SECONDS):
        await writer.drain()


def _head(status: HTTPStatus, fields: tuple[str, ...]) -> bytes:
    lines = (f"HTTP/1.1 {status.value} {status.phrase}", *FIELDS, *fields)
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
