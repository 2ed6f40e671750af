"""The responses of HTTP/1.x: their heads, and documents made for one request; no socket and no clock."""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.wasm.http_request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from http import HTTPStatus

EMPTY = memoryview(b"")
_TEXT = "text/plain; charset=utf-8"


class Response(Struct, frozen=True, gc=False, eq=False):
    """An answer as it is sent.

    Attributes:
        status: The status code.
        head: The status line and header fields, up to where `end_of_head` goes.
        body: The bytes after the head; they share the module's memory.
        sha256: The module that the answer is about; None if it is about none that is held.
        request: The request that it answers; None if there was none that could be read.
        close: The connection ends after it.
        unread: The client may still be sending at the end, so closing has to wait for it.
    """

    status: int
    head: bytes
    body: memoryview = EMPTY
    sha256: str | None = None
    request: Request | None = None
    close: bool = False
    unread: bool = False


def response(
    request: Request,
    status: HTTPStatus,
    fields: Sequence[str],
    body: memoryview = EMPTY,
    sha256: str | None = None,
) -> Response:
    """Return the answer to ``request``: without a body for HEAD, closing where the connection ends."""
    close = request.has_body or not request.keep_alive
    if close:
        fields = (*fields, "Connection: close")
    elif request.version == "1.0":
        fields = (*fields, "Connection: keep-alive")
    return Response(
        status=status,
        head=_head(status, fields),
        body=EMPTY if request.method == "HEAD" else body,
        sha256=sha256,
        request=request,
        close=close,
        unread=request.has_body,
    )


def document(
    request: Request,
    status: HTTPStatus,
    media_type: str,
    body: bytes,
    *,
    fields: Iterable[str] = (),
    sha256: str | None = None,
) -> Response:
    """Return an answer that was made for this request; it is not to be kept unless ``fields`` say so."""
    fields = tuple(fields)
    if not any(field.startswith("Cache-Control:") for field in fields):
        fields += ("Cache-Control: no-store",)
    fields += (f"Content-Type: {media_type}", f"Content-Length: {len(body)}")
    return response(request, status, fields, memoryview(body), sha256)


def told(
    request: Request, status: HTTPStatus, text: str, fields: Iterable[str] = (), sha256: str | None = None
) -> Response:
    """Return an answer that tells a person why there is no module in it."""
    return document(request, status, _TEXT, f"{text}\n".encode(), fields=fields, sha256=sha256)


def refusal(status: HTTPStatus, text: str) -> Response:
    """Return the answer to what could not be understood as a request, after which nothing else can be."""
    body = f"{text}\n".encode()
    fields = (
        f"Content-Type: {_TEXT}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
    )
    return Response(status=status, head=_head(status, fields), body=memoryview(body), close=True, unread=True)


def end_of_head(seconds: int) -> bytes:
    """Return what ends every head at this time (Unix time): the Date field and the empty line."""
    return f"Date: {formatdate(seconds, usegmt=True)}\r\n\r\n".encode()


def _head(status: HTTPStatus, fields: Iterable[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status.value} {status.phrase}", *fields)).encode()
