"""What is going on, for programs: pages such as ``/metrics`` and checks such as ``/readyz``, made anew for each request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_HEAD_BYTES = 16 * 1024
_HEAD_SECONDS = 10


class OperationsServer:
    """Serves ``pages`` (path, content type and what makes the body) and ``checks``; answers each connection once.

    A check gives what is wrong, which is then a 503 with that text, or nothing, which is a 200. All of them are made in
    the event loop, to which what they show belongs.
    """

    def __init__(
        self,
        pages: Mapping[str, tuple[str, Callable[[], bytes]]],
        host: str,
        port: int,
        checks: Mapping[str, Callable[[], str | None]] | None = None,
    ) -> None:
        self._pages = pages
        self._checks = checks or {}
        self._address = (host, port)

    async def start(self) -> None:
        """Listen; afterwards ``port`` is the bound one.

        Raises:
            OSError: the address cannot be had.
        """
        self._server = await asyncio.start_server(self._answer, *self._address, limit=_HEAD_BYTES)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening."""
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_SECONDS)
            method, _, rest = head.partition(b" ")
            path = rest.partition(b" ")[0].partition(b"?")[0].decode("latin-1")
            writer.write(self._response(method, path))
            await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # a client that does not ask properly is not answered
        finally:
            writer.close()

    def _response(self, method: bytes, path: str) -> bytes:
        status, content_type, body = "200 OK", "text/plain; charset=utf-8", b""
        if path not in self._pages and path not in self._checks:
            status, body = "404 Not Found", f"there are {', '.join((*self._pages, *self._checks))}\n".encode()
        elif method not in (b"GET", b"HEAD"):
            status = "405 Method Not Allowed"
        elif path in self._checks:
            problem = self._checks[path]()
            status = "200 OK" if problem is None else "503 Service Unavailable"
            body = f"{problem or 'ok'}\n".encode()
        else:
            content_type, make = self._pages[path]
            body = make()
        head = f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        return head.encode() + (b"" if method == b"HEAD" else body)
