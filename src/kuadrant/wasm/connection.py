"""One connection of a server that speaks HTTP, and what its client may take."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from kuadrant.wasm.http_conversation import Conversation
from kuadrant.wasm.http_request import HEAD_MAX

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from kuadrant.wasm.http_conversation import Answering
    from kuadrant.wasm.http_response import Response

_TURN = 1024 * 1024  # bytes for one connection before the others have their turn
_RESPONSES = 16  # for one connection before the others have their turn, however short they are
_SLOW = 64 * 1024  # bytes a second: who takes less, makes room for others where there is none
_DISCARDABLE = 1024 * 1024  # bytes of a refused request that are read so that its sender sees the answer


class Limits(Struct, frozen=True, kw_only=True):
    """The bounds of a client, in seconds and connections.

    Above ``connections``, one without a request makes room for a new one: of the address that has most
    connections, the one whose time is up first. Who has a single one keeps it as long as another has several,
    and who has sent a request gets its answer. While all are being answered, one makes room that has not
    read, or only slowly, for ``patience``: of the address that has most connections, the one that has waited
    longest. While all of them read, new ones wait.
    """

    head: float = 10.0
    """From the first byte of a head (of a connection's first: from its start) to the last."""
    idle: float = 75.0
    """Between two requests."""
    response: float = 120.0
    """For a whole response."""
    stall: float = 20.0
    """For the client to read any more of a response."""
    patience: float = 0.5
    """With one that reads slowly, when others wait."""
    refused: float = 2.0
    """For the sender of a refused request to take notice and stop."""
    connections: int = 512


class Fetch(Struct, frozen=True):
    """One answered request: ``sent`` bytes of the body went to the kernel; ``complete`` says that it was all.

    ``sha256`` is the module that the answer was about (also without its bytes: HEAD, 304), None if there was
    none. What could not be read as a request has an empty method, target and user agent.
    """

    status: int
    sha256: str | None
    sent: int
    complete: bool
    peer: str
    method: str
    target: str
    user_agent: str


class Owner(Protocol):
    """The server that a connection is of, as the connection needs it."""

    answering: Callable[[str], Answering]
    observer: Callable[[Fetch], None] | None
    limits: Limits
    loop: asyncio.AbstractEventLoop

    @property
    def stopping(self) -> bool:
        """Tell whether each connection's next response is its last."""

    def end_of_head(self) -> bytes:
        """Return what ends a head that is sent now."""

    def forget(self, connection: Connection) -> None:
        """Take note that ``connection`` was closed."""


class Connection:
    """Serves one socket: waits for a request, answers, and starts again or discards what still comes."""

    __slots__ = (
        "_body",
        "_conversation",
        "_discardable",
        "_ended",
        "_head",
        "_reading",
        "_response",
        "_sent",
        "_server",
        "_socket",
        "_writing",
        "began",
        "deadline",
        "peer",
        "progressed",
    )

    def __init__(self, server: Owner, accepted: socket.socket, peer: str) -> None:
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
        # Bytes that may still be read and thrown away; below 0, bytes are read as requests.
        self._discardable = -1
        self.deadline = server.loop.time() + server.limits.head
        # The response, and the last bytes of it that were taken; 0 as long as nothing was answered.
        self.began = self.progressed = 0.0

    def is_due(self, now: float) -> bool:
        """Tell whether its time is up."""
        stalled = self._response is not None and now - self.progressed >= self._server.limits.stall
        return stalled or self.deadline <= now

    def is_slow(self, now: float) -> bool:
        """Tell whether its client has had time, and has taken few bytes of the response in it."""
        if self._response is None:
            return False
        passed, patience = now - self.began, self._server.limits.patience
        return now - self.progressed >= patience or (passed >= patience and self._sent < passed * _SLOW)

    @property
    def waiting(self) -> bool:
        """Tell whether there is nothing to send."""
        return self._response is None

    @property
    def is_open(self) -> bool:
        """Tell whether it was not closed yet."""
        return self._socket.fileno() >= 0

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
        self.cut()

    def cut(self) -> None:
        """Close, and let go of what the kernel holds for a client that does not read."""
        if self._response is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def finish(self) -> None:
        """Answer what has arrived, then close; the server is stopping.

        Who has just connected is about to ask, and would take the end for a failure.
        """
        if self._idle:
            self._on_readable()
        if self._idle and self.began:
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
        answers = 0
        try:
            while turn > 0 and answers < _RESPONSES:
                if self._response is None:
                    response = self._conversation.next_response(self._server.answering(self.peer))
                    answers += 1
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
        self._head = response.head + self._server.end_of_head()
        self._body = response.body
        self._sent = 0
        self.began = self.progressed = self._server.loop.time()
        self.deadline = self.began + self._server.limits.response

    def _send_some(self) -> int:
        """Send what the kernel takes of the rest, a turn's bytes at most, and return how many it took."""
        body = self._body[self._sent : self._sent + _TURN]
        if not self._head:
            size = self._socket.send(body)
            self.progressed = self._server.loop.time()
            self._sent += size
            return size
        size = self._socket.sendmsg((self._head, body))
        self.progressed = self._server.loop.time()
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
        # Closing a socket that has unread bytes resets the connection, which can take the response away from
        # its reader: say that nothing follows and wait until the client has ended, too.
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
