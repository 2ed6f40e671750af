"""The sockets of the servers that speak HTTP: the module server, and those of probes and metrics.

Sockets are driven by the event loop's readiness callbacks rather than by asyncio's transports: a module is
sent from its own memory, so that a reader costs nothing but its socket's buffer, and accepting a connection
takes no task.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING

from kuadrant.wasm.connection import Connection, Limits
from kuadrant.wasm.connection_room import make_room
from kuadrant.wasm.http_response import end_of_head

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.wasm.connection import Fetch
    from kuadrant.wasm.http_conversation import Answering

_ACCEPTED_AT_ONCE = 64
# What the kernel holds for one that does not read is twice this, as often as there are connections.
_SEND_BUFFER = 128 * 1024
# Connections that wait to be accepted; the kernel does not answer more, which try again a second later.
_BACKLOG = 4096


class HttpServer:
    """A running server. All of it belongs to the event loop in which it was made."""

    def __init__(
        self,
        answering: Callable[[str], Answering],
        host: str = "",
        port: int | None = None,
        *,
        observer: Callable[[Fetch], None] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Listen at once.

        What ``answering`` gives for the address of a client answers its next request; the rest is as for
        `server.serve`.
        """
        self.answering = answering
        self.observer = observer
        self.limits = limits or Limits()
        self.loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._stopping = False
        self._closed = False
        self._end_of_head = (-1, b"")  # what ends a head in that second
        self._listener = _listen(host, port)
        self.port: int = self._listener.getsockname()[1]
        self._accepting = False
        self._accept_more()
        self._pace = min(
            0.25,
            min(
                self.limits.head,
                self.limits.idle,
                self.limits.response,
                self.limits.refused,
                self.limits.stall,
            )
            / 4,
        )
        self._spare: int | None = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._sweeper = self.loop.call_later(self._pace, self._sweep)

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._connections)

    async def stop(self, grace: float, linger: float = 0.0) -> None:
        """Close what is idle and answer once who comes within ``linger`` seconds; then accept nothing more.

        Responses get ``grace`` seconds to finish; the rest is closed.
        """
        if not self._closed:
            self._stopping = True
            self._finish()
            try:
                await asyncio.sleep(linger)
            finally:
                self._close()
        try:
            if self._connections:
                async with asyncio.timeout(grace):
                    await self._empty.wait()
        except TimeoutError:
            pass
        finally:
            self._sweeper.cancel()
            for connection in tuple(self._connections):
                connection.close()
            self._release()

    def _close(self) -> None:
        self._accept()  # what the kernel has accepted in our name would be reset
        self._closed = True
        self._accept_no_more()
        self._listener.close()
        self._finish()

    def _finish(self) -> None:
        for connection in tuple(self._connections):
            connection.finish()

    # For the connections.

    @property
    def stopping(self) -> bool:
        """Tell whether each connection's next response is its last."""
        return self._stopping

    def end_of_head(self) -> bytes:
        """Return what ends a head that is sent now."""
        now = int(time.time())
        if now != self._end_of_head[0]:
            self._end_of_head = (now, end_of_head(now))
        return self._end_of_head[1]

    def forget(self, connection: Connection) -> None:
        """Take note that ``connection`` was closed."""
        self._connections.discard(connection)
        if self._spare is None and not self._closed:
            with contextlib.suppress(OSError):
                self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        if self._closed:
            if not self._connections:
                self._empty.set()
        elif not self._accepting:
            self._accept_more()

    # Accepting.

    def _accept_more(self) -> None:
        self._accepting = True
        self.loop.add_reader(self._listener, self._accept)

    def _accept_no_more(self) -> None:
        self._accepting = False
        self.loop.remove_reader(self._listener)

    def _wait_for_room(self) -> None:
        """Accept again when a connection closes or may be closed; trying all the time would help nobody."""
        self._accept_no_more()
        self.loop.call_later(max(self.limits.patience / 4, 0.01), self._accept_again)

    def _accept_again(self) -> None:
        if not self._accepting and not self._closed:
            self._accept_more()

    def _accept(self) -> None:
        for count in range(_ACCEPTED_AT_ONCE):
            if len(self._connections) >= self.limits.connections:
                if count:
                    return  # whether one more waits is known when the loop calls again
                if not make_room(self._connections, self.loop.time()):
                    self._wait_for_room()
                    return
            try:
                accepted, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # Out of file descriptors or memory. Whatever holds them, one more client is answered: with
                # the descriptor that is kept for it, or in place of another one.
                if self._release() or make_room(self._connections, self.loop.time()):
                    continue
                self._wait_for_room()
                return
            accepted.setblocking(False)
            connection = Connection(self, accepted, address[0].removeprefix("::ffff:"))
            self._connections.add(connection)
            connection.start()

    def _release(self) -> bool:
        """Give back the descriptor that is kept for when there is no other; return whether there was one."""
        if self._spare is None:
            return False
        os.close(self._spare)
        self._spare = None
        return True

    def _sweep(self) -> None:
        # First the next one: whatever fails below fails for one connection once.
        self._sweeper = self.loop.call_later(self._pace, self._sweep)
        now = self.loop.time()
        for connection in tuple(self._connections):
            if connection.is_due(now):
                connection.expire()
        self._accept_again()


def _listen(host: str, port: int | None) -> socket.socket:
    address = (host, port or 0)
    if not host and socket.has_dualstack_ipv6():
        listener = socket.create_server(
            address, family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True
        )
    else:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server(address, family=family, backlog=_BACKLOG)
    listener.setblocking(False)
    # Accepted sockets inherit it: the end of a response is not held back until its beginning was
    # acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    return listener
