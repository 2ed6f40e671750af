"""The echo server answers for Services that have no endpoints of their own.

It says what the request looked like.
"""

from __future__ import annotations

import asyncio
import json

import httptools

_BODY_SHOWN = 64 * 1024


class _Connection(asyncio.Protocol):
    """One HTTP/1.1 connection; requests are answered in order, each when it was read whole."""

    def __init__(self, connections: set[_Connection]) -> None:
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.transport.close()
        except httptools.HttpParserError:
            self.transport.write(
                b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            self.transport.close()

    # What the parser calls, in this order for each request.

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._body = b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self._body += body[: _BODY_SHOWN - len(self._body)]

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("latin-1")
        answer = describe(method, self._url.decode("latin-1"), self._headers, self._body)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
            answer
        )
        self.transport.write(head if method == "HEAD" else head + answer)
        if not self._parser.should_keep_alive():
            self.transport.close()


def describe(method: str, url: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
    """Return the JSON text that answers one request.

    Method, path, query, headers (several values joined) and body.
    """
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    path, _, query = url.partition("?")
    shown = {
        "method": method,
        "path": path,
        "query_string": query or None,
        "body": body.decode("utf-8", "replace"),
        "headers": joined,
    }
    return json.dumps(shown, ensure_ascii=False).encode() + b"\n"


class EchoServer:
    """An HTTP/1.1 server on one loopback port; ``port`` is known once it was started."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._host = host
        self._connections: set[_Connection] = set()

    async def start(self) -> None:
        """Listen on a free port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self._connections), self._host, 0)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        self._server.close()
        for connection in tuple(self._connections):
            connection.transport.abort()
        await self._server.wait_closed()
