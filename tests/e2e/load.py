"""A small HTTP/1.1 load client: a number of connections that send one request after the other."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import httptools

if TYPE_CHECKING:
    from collections.abc import Callable


class Result:
    """What a load run saw: answers by status, and connections that ended before they were told to."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.broken = 0

    @property
    def total(self) -> int:
        return sum(self.statuses.values())


class _Client(asyncio.Protocol):
    def __init__(
        self, request: bytes, more: Callable[[], bool], result: Result, seconds: float = 0.0
    ) -> None:
        self._request = request
        self._seconds = seconds
        self._sent = 0.0
        self._more = more
        self._result = result
        self._parser = httptools.HttpResponseParser(self)
        self._waiting = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        if self._transport.is_closing():
            return
        if self._more():
            self._waiting = True
            self._sent = asyncio.get_running_loop().time()
            self._transport.write(self._request)
        else:
            self._waiting = False
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._result.statuses[self._parser.get_status_code()] += 1
        if self._parser.should_keep_alive():
            loop = asyncio.get_running_loop()
            if (due := self._sent + self._seconds) > loop.time():
                loop.call_at(due, self._next)
            else:
                self._next()
        else:
            self._result.broken += 1
            self._waiting = False
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting or exc is not None:
            self._result.broken += 1
        if not self.done.done():
            self.done.set_result(None)


async def load(
    port: int, request: bytes, *, connections: int, more: Callable[[], bool], rate: float = 0.0
) -> Result:
    """Send ``request`` on every connection again and again as long as ``more()`` holds; return what was seen.

    With ``rate`` at most that many a second are sent on all of them together. A connection that the server
    closes is counted as broken and not opened again.
    """
    result = Result()
    seconds = connections / rate if rate else 0.0
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: _Client(request, more, result, seconds), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(client.done for client in clients))
    return result


def times(count: int) -> Callable[[], bool]:
    """Return a ``more`` that holds ``count`` times."""
    left = count

    def more() -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    return more
