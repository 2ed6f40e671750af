"""Carries bytes between two connections, and keeps none but those that one end has not taken yet."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_TURN: Final = 256 * 1024
"""Bytes of one connection before the others have their turn."""

_buffer: Final = memoryview(bytearray(_TURN))
"""For all of them: what is in it is gone before the next one reads."""


class Pump:
    """Carries what comes from each of two connected sockets to the other until one of them ends.

    Then closes both.

    ``ended`` is called once, when they are closed. ``pace`` is told how many bytes came from outside, and
    returns the seconds for which no more of them are read. The sockets do not block.
    """

    def __init__(
        self,
        outer: socket.socket,
        inner: socket.socket,
        ended: Callable[[], None],
        pace: Callable[[int], float] = lambda _: 0.0,
    ) -> None:
        self._sockets = (outer, inner)
        self._ended: Callable[[], None] | None = ended
        self._ways = (_Way(outer, inner, self.close, pace), _Way(inner, outer, self.close, lambda _: 0.0))

    def close(self) -> None:
        """Close both."""
        if self._ended is None:
            return
        ended, self._ended = self._ended, None
        for way in self._ways:
            way.stop()
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            loop.remove_reader(one)
            loop.remove_writer(one)
            one.close()
        ended()


class _Way:
    """One of the two directions. While there is a rest, or its pace says so, nothing more is read."""

    def __init__(
        self,
        source: socket.socket,
        sink: socket.socket,
        end: Callable[[], None],
        pace: Callable[[int], float],
    ) -> None:
        self._source = source
        self._sink = sink
        self._end = end
        self._pace = pace
        self._rest = b""
        self._waiting: asyncio.TimerHandle | None = None
        asyncio.get_running_loop().add_reader(source, self._read)

    def stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()

    def _read(self) -> None:
        try:
            size = self._source.recv_into(_buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            size = 0
        if not size:
            self._end()
            return
        sent = self._send(_buffer[:size])
        if sent < 0:
            return
        loop = asyncio.get_running_loop()
        if delay := self._pace(size):
            loop.remove_reader(self._source)
            self._waiting = loop.call_later(delay, self._go_on)
        if sent < size:
            self._rest = bytes(_buffer[sent:size])
            loop.remove_reader(self._source)
            loop.add_writer(self._sink, self._write)

    def _write(self) -> None:
        sent = self._send(self._rest)
        if sent < 0:
            return
        self._rest = self._rest[sent:]
        if not self._rest:
            asyncio.get_running_loop().remove_writer(self._sink)
            self._read_on()

    def _go_on(self) -> None:
        self._waiting = None
        self._read_on()

    def _read_on(self) -> None:
        if not self._rest and self._waiting is None:
            asyncio.get_running_loop().add_reader(self._source, self._read)

    def _send(self, data: memoryview | bytes) -> int:
        """Return how many bytes were sent; -1 if the end has come."""
        with contextlib.suppress(BlockingIOError, InterruptedError):
            try:
                return self._sink.send(data)
            except (BlockingIOError, InterruptedError):
                raise
            except OSError:
                self._end()
                return -1
        return 0
