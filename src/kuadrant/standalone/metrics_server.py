"""`GET /metrics`, for Prometheus."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST

if TYPE_CHECKING:
    from collections.abc import Callable

_HEAD_BYTES = 16 * 1024
_HEAD_SECONDS = 10


class MetricsServer:
    """Answers each connection once, from the event loop that the metrics belong to."""

    def __init__(self, metrics: Callable[[], bytes], host: str, port: int) -> None:
        self._metrics = metrics
        self._address = (host, port)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be had.
        """
        self._server = await asyncio.start_server(self._answer, *self._address, limit=_HEAD_BYTES)

    async def stop(self) -> None:
        """Stop listening."""
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_SECONDS)
            method, _, rest = head.partition(b" ")
            path = rest.partition(b" ")[0].partition(b"?")[0]
            status, body = b"200 OK", self._metrics()
            if path != b"/metrics":
                status, body = b"404 Not Found", b"metrics are at /metrics\n"
            elif method not in (b"GET", b"HEAD"):
                status, body = b"405 Method Not Allowed", b""
            writer.write(
                b"HTTP/1.1 %s\r\ncontent-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
                % (status, CONTENT_TYPE_LATEST.encode(), len(body))
            )
            if method != b"HEAD":
                writer.write(body)
            await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # a client that does not ask properly is not answered
        finally:
            writer.close()
