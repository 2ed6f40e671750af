"""The module server's sockets.

Sockets are driven by the event loop's readiness callbacks rather than by asyncio's transports: a module is sent from
its own memory, so that a reader costs nothing but its socket's buffer, and accepting a connection takes no task.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.wasm.http import HEAD_MAX, Conversation, Response, Shelf, end_of_head

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from kuadrant.wasm.module import Module

_TURN = 1024 * 1024  # bytes for one connection before the others have their turn
_ACCEPTED_AT_ONCE = 64
_DISCARDABLE = 1024 * 1024  # bytes of a refused request that are read so that its sender sees the answer
_BACKLOG = 4096  # connections that wait to be accepted; what is more is not answered by the kernel, and tries again a second later


class Limits(Struct, frozen=True, kw_only=True):
    """What a client may take, in seconds and connections.

    Above ``connections``, one without a request makes room for a new one: of the address that has most of them, the one whose time
    is up first. So who has few keeps them however many others come, and who has sent a request gets its answer. While all are
    being answered, new ones wait.
    """

    head: float = 10.0
    """From the first byte of a head (of a connection's first: from its start) to the last."""
    idle: float = 75.0
    """Between two requests."""
    response: float = 120.0
    """For a whole response."""
    refused: float = 2.0
    """For the sender of a refused request to take notice and stop."""
    connections: int = 512


class Fetch(Struct, frozen=True):
    """One answered request: ``sent`` bytes of the body were handed to the kernel, ``complete`` says whether it was all.

    ``sha256`` is the module that the answer was about (also without its bytes: HEAD, 304), None if there was none.
    What could not be read as a request has an empty method, target and user agent.
    """

    status: int
    sha256: str | None
    sent: int
    complete: bool
    peer: str
    method: str
    target: str
    user_agent: str


@contextlib.asynccontextmanager
async def serve(
    modules: Sequence[Module],
    host: str = "",
    port: int | None = None,
    *,
    grace: float = 0.0,
    linger: Callable[[], float] = lambda: 0.0,
    observer: Callable[[Fetch], None] | None = None,
    limits: Limits | None = None,
) -> AsyncIterator[ModuleServer]:
    """Serve ``modules``, of which the first is the current one, as long as the context lasts.

    ``host`` is an address of this machine, empty for all of IPv4 and IPv6. ``port`` None takes any free port. 0 is not
    a port here: the setting 0 means that there is no server, which the caller decides. ``observer`` is called from the
    event loop after each answer. At the end, new connections are still answered for ``linger()`` seconds, since whoever sends
    them here hears of the end later than we do; then responses that are being sent get ``grace`` seconds to finish.

    Raises:
        ValueError: there are no modules, or ``port`` is 0.
        OSError: the address cannot be had.
    """
    server = ModuleServer(modules, host, port, observer=observer, limits=limits)
    try:
        yield server
    finally:
        await server.stop(grace, linger())


class ModuleServer:
    """A running server; use `serve`. All of it belongs to the event loop in which it was made."""

    def __init__(
        self,
        modules: Sequence[Module],
        host: str = "",
        port: int | None = None,
        *,
        observer: Callable[[Fetch], None] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Listen at once; arguments as for `serve`."""
        if port == 0:
            raise ValueError("port 0 means no module server; None takes any free port")
        self.shelf = Shelf(modules)
        self.observer = observer
        self.limits = limits or Limits()
        self.loop = asyncio.get_running_loop()
        self._connections: set[_Connection] = set()
        self._empty = asyncio.Event()
        self._stopping = False
        self._closed = False
        self._second = -1
        self._end_of_head = b""
        self._listener = _listen(host, port)
        self.port: int = self._listener.getsockname()[1]
        self._accepting = False
        self._accept_more()
        self._pace = min(
            1.0, min(self.limits.head, self.limits.idle, self.limits.response, self.limits.refused) / 4
        )
        self._sweeper = self.loop.call_later(self._pace, self._sweep)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def replace(self, modules: Sequence[Module]) -> None:
        """Serve ``modules`` from the next request on; responses that are being sent keep the bytes they began with.

        Raises:
            ValueError: there is none; then nothing changes.
        """
        self.shelf = Shelf(modules)

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
        """Whether each connection's next response is its last."""
        return self._stopping

    def end_of_head(self) -> bytes:
        """Return what ends a head that is sent now."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._end_of_head = end_of_head(now)
        return self._end_of_head

    def forget(self, connection: _Connection) -> None:
        """Take note that ``connection`` was closed."""
        self._connections.discard(connection)
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

    def _accept(self) -> None:
        for count in range(_ACCEPTED_AT_ONCE):
            if len(self._connections) >= self.limits.connections:
                if count:
                    return  # whether one more waits is known when the loop calls again
                if not self._make_room():
                    self._accept_no_more()
                    return
            try:
                accepted, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # Out of file descriptors or memory; the next connection that closes makes room, else the sweeper tries.
                self._accept_no_more()
                self._make_room()
                return
            accepted.setblocking(False)
            connection = _Connection(self, accepted, address[0].removeprefix("::ffff:"))
            self._connections.add(connection)
            connection.start()

    def _make_room(self) -> bool:
        """Close a connection for a new one; return whether there was one that has not asked for anything."""
        while idle := [connection for connection in self._connections if connection.waiting]:
            counts = Counter(connection.peer for connection in idle)
            most = max(counts.values())
            crowd = (connection for connection in idle if counts[connection.peer] == most)
            if min(crowd, key=lambda connection: connection.deadline).give_way():
                return True
        return False

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in tuple(self._connections):
            if connection.deadline <= now:
                connection.expire()
        if not self._accepting and not self._closed and len(self._connections) < self.limits.connections:
            self._accept_more()
        self._sweeper = self.loop.call_later(self._pace, self._sweep)


class _Connection:
    """One accepted socket: it waits for a request, answers, and starts again, or discards what its client still sends."""

    __slots__ = (
        "_body",
        "_conversation",
        "_discardable",
        "_ended",
        "_fresh",
        "_head",
        "_reading",
        "_response",
        "_sent",
        "_server",
        "_socket",
        "_writing",
        "deadline",
        "peer",
    )

    def __init__(self, server: ModuleServer, accepted: socket.socket, peer: str) -> None:
        self._server = server
        self._socket = accepted
        self.peer = peer
        self._conversation = Conversation()
        self._response: Response | None = None
        self._head = b""  # what is left to send of the response's head
        self._body = memoryview(b"")
        self._sent = 0  # bytes of the body
        self._reading = self._writing = False
        self._ended = False  # the client will send nothing more
        self._fresh = True  # nothing was answered yet
        self._discardable = (
            -1
        )  # bytes that may still be read and thrown away; below 0, bytes are read as requests
        self.deadline = server.loop.time() + server.limits.head

    @property
    def waiting(self) -> bool:
        """Whether there is nothing to send."""
        return self._response is None

    @property
    def _idle(self) -> bool:
        return self._response is None and self._discardable < 0

    def start(self) -> None:
        """Begin to read; most often a request is there already, and watching the socket is never needed."""
        self._on_readable()
        if self._socket.fileno() >= 0 and not self._ended:
            self._read_more()

    def expire(self) -> None:
        """End the connection, its time is up; a client in the middle of a request is told so."""
        if self._idle:
            # What has come in time counts, also where it is looked at late.
            self._on_readable()
            if self._socket.fileno() < 0 or self.deadline > self._server.loop.time():
                return
            response = self._conversation.time_out()
            if response is not None:
                self._begin(response)
                self._send()
                return
        if self._response is not None:
            # Let go of what the kernel holds for a client that does not read.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def finish(self) -> None:
        """Answer what has arrived, then close; the server is stopping.

        Who has just connected is about to ask, and would take the end for a failure.
        """
        if self._idle:
            self._on_readable()
        if self._idle and not self._fresh:
            self.close()

    def give_way(self) -> bool:
        """Close unless a request is there; return whether it was closed."""
        self._on_readable()
        if self._response is None:
            self.close()
        return self._socket.fileno() < 0

    def close(self) -> None:
        """Close the socket, whatever there is left to do; also when that was done before."""
        if self._socket.fileno() < 0:
            return
        if self._response is not None:
            self._report(self._response, complete=False)
            self._response = None
        self._read_no_more()
        self._write_no_more()
        self._socket.close()
        self._server.forget(self)

    def _on_readable(self) -> None:
        conversation = self._conversation
        if self._response is not None and (conversation.full or conversation.over):
            self._read_no_more()
            return
        try:
            data = self._socket.recv(HEAD_MAX)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        if not data:
            self._ended = True
            self._read_no_more()
            if self._response is None:
                self.close()
        elif self._discardable >= 0:
            self._discardable -= len(data)
            if self._discardable < 0:
                self.close()
        else:
            began = conversation.pending
            conversation.receive(data)
            if self._response is None:
                if not began:
                    self.deadline = self._server.loop.time() + self._server.limits.head
                self._send()

    def _send(self) -> None:
        """Send responses until there is none, the socket takes no more, or others are to have their turn."""
        turn = _TURN
        try:
            while turn > 0:
                if self._response is None:
                    response = self._conversation.next_response(self._server.shelf)
                    if response is None:
                        self._await_request()
                        return
                    self._begin(response)
                turn -= self._send_some()
                if self._head or self._sent < len(self._body):
                    break
                if self._end_response():
                    return
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.close()
            return
        if not self._writing:
            self._writing = True
            self._server.loop.add_writer(self._socket, self._send)

    def _begin(self, response: Response) -> None:
        self._response = response
        self._fresh = False
        self._head = response.head + self._server.end_of_head()
        self._body = response.body
        self._sent = 0
        self.deadline = self._server.loop.time() + self._server.limits.response

    def _send_some(self) -> int:
        """Send what the kernel takes of the rest of the response, a turn's bytes at most, and return how many it were."""
        body = self._body[self._sent : self._sent + _TURN]
        if not self._head:
            size = self._socket.send(body)
            self._sent += size
            return size
        size = self._socket.sendmsg((self._head, body))
        self._sent = max(size - len(self._head), 0)
        self._head = self._head[size:]
        return size

    def _end_response(self) -> bool:
        """Take note that a response was sent in full; return whether it was the last."""
        response = self._response
        assert response is not None
        self._response = None
        self._report(response, complete=True)
        now = self._server.loop.time()
        if not response.close and not self._server.stopping:
            limits = self._server.limits
            self.deadline = now + (limits.head if self._conversation.pending else limits.idle)
            return False
        if self._ended or (response.close and not response.unread):
            self.close()
            return True
        # Closing a socket that has unread bytes resets the connection, which can take the response away from its
        # reader: say that nothing follows and wait until the client has ended, too.
        self._write_no_more()
        self._socket.shutdown(socket.SHUT_WR)
        self._discardable = _DISCARDABLE
        self.deadline = now + self._server.limits.refused
        self._read_more()
        return True

    def _await_request(self) -> None:
        self._write_no_more()
        if self._ended:
            self.close()
        else:
            self._read_more()

    def _report(self, response: Response, *, complete: bool) -> None:
        if self._server.observer is None:
            return
        request = response.request
        fetch = Fetch(
            status=response.status,
            sha256=response.sha256,
            sent=self._sent,
            complete=complete,
            peer=self.peer,
            method=request.method if request else "",
            target=request.target if request else "",
            user_agent=request.headers.get("user-agent", "") if request else "",
        )
        # Not from here: an observer that fails must not take the connection with it.
        self._server.loop.call_soon(self._server.observer, fetch)

    def _read_more(self) -> None:
        if not self._reading:
            self._reading = True
            self._server.loop.add_reader(self._socket, self._on_readable)

    def _read_no_more(self) -> None:
        if self._reading:
            self._reading = False
            self._server.loop.remove_reader(self._socket)

    def _write_no_more(self) -> None:
        if self._writing:
            self._writing = False
            self._server.loop.remove_writer(self._socket)


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
    # Accepted sockets inherit it: the end of a response is not held back until its beginning was acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
