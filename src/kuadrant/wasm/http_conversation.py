"""The server's side of HTTP/1.x on one connection: bytes in, responses out; no socket and no clock."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import httptools

from kuadrant.wasm.http_request import HEAD_MAX, HeadParser
from kuadrant.wasm.http_response import refusal

if TYPE_CHECKING:
    from kuadrant.wasm.http_request import Request
    from kuadrant.wasm.http_response import Response


class Answering(Protocol):
    """Answers requests."""

    def recall(self, head: bytes) -> Response | None:
        """Return the answer that was given to these very bytes, if they were one request without a body."""

    def remember(self, head: bytes, response: Response) -> None:
        """Keep the answer to ``head``, if it depends on nothing else."""

    def answer(self, request: Request) -> Response:
        """Return what to answer to a well-formed request."""


class Conversation:
    """Takes the bytes of a connection as they come, and gives the responses in their order.

    How the bytes are cut into pieces never changes the responses. A request that declares a body is answered
    at once and is the last of its connection: no address here takes one, so nothing has to be read to say so.
    """

    def __init__(self) -> None:
        self._received = b""
        self._over = False
        self._parser: HeadParser | None = None
        self._parsed = 0

    @property
    def over(self) -> bool:
        """Tell whether the last response was given; what arrives now is not looked at."""
        return self._over

    @property
    def full(self) -> bool:
        """Tell whether a response has to be taken before more bytes are worth reading."""
        return len(self._received) >= HEAD_MAX

    @property
    def pending(self) -> bool:
        """Tell whether a part of a head was received that no response was given to."""
        return bool(self._received)

    def receive(self, data: bytes) -> None:
        """Take the next bytes of the connection."""
        if not self._over:
            self._received = self._received + data if self._received else data

    def next_response(self, shelf: Answering) -> Response | None:
        """Return the answer to the next request, or None as long as none is there in full."""
        if self._over:
            return None
        response = shelf.recall(self._received)
        if response is not None:
            self._consume(len(self._received))
        else:
            response = self._read(shelf)
        if response is not None and response.close:
            self._over = True
            self._received = b""
        return response

    def time_out(self) -> Response | None:
        """End the conversation; return the answer to a head that came in part, None if nothing came."""
        partial = bool(self._received)
        self._over = True
        self._received = b""
        return refusal(HTTPStatus.REQUEST_TIMEOUT, "the request did not arrive in time") if partial else None

    def _read(self, shelf: Answering) -> Response | None:
        if self._parser is None:
            self._received = self._received.lstrip(b"\r\n")  # RFC 9112, section 2.2
            if not self._received:
                return None
            self._parser = HeadParser()
        end = _end_of_head(self._received)
        whole = 0 < end <= HEAD_MAX
        reach = end if whole else min(len(self._received), HEAD_MAX)
        head = self._received[:reach]
        try:
            self._parser.feed(head[self._parsed :])
        except httptools.HttpParserError as error:
            return refusal(HTTPStatus.BAD_REQUEST, f"this is not an HTTP/1.1 request: {error}")
        self._parsed = reach
        if not whole:
            if reach < HEAD_MAX:
                return None
            return refusal(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"the request line and header fields are longer than {HEAD_MAX} bytes",
            )
        request = self._parser.request
        objection = _objection(request, self._parser.hosts)
        if request is None or objection is not None:
            return objection
        self._consume(reach)
        response = shelf.answer(request)
        if not request.has_body:
            shelf.remember(head, response)
        return response

    def _consume(self, size: int) -> None:
        self._received = self._received[size:]
        self._parser = None
        self._parsed = 0


def _objection(request: Request | None, hosts: int) -> Response | None:
    """Return the refusal of what the parser has let pass but cannot be answered, None if it can."""
    if request is None:
        return refusal(HTTPStatus.BAD_REQUEST, "this is not an HTTP/1.1 request: its head has no proper end")
    if request.version not in ("1.0", "1.1"):
        return refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    if hosts > 1 or (not hosts and request.version == "1.1"):  # RFC 9112, section 3.2
        return refusal(HTTPStatus.BAD_REQUEST, "a request must have one Host field")
    return None


def _end_of_head(received: bytes) -> int:
    """Return the index after the first empty line, or 0.

    A line ends with LF, before which the parser wants a CR.
    """
    ends = (received.find(b"\n\r\n") + 3, received.find(b"\n\n") + 2)
    return min((end for end, absent in zip(ends, (2, 1), strict=True) if end != absent), default=0)
