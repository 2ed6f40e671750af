"""The head of an HTTP/1.x request, parsed from its bytes; no socket and no clock."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import httptools
from msgspec import Struct

#: The longest request line with header fields that is read; more is answered 431.
HEAD_MAX = 16 * 1024


class Request(Struct, frozen=True, gc=False):
    """The head of a request: header names in lower case, the values of a repeated one joined with a comma."""

    method: str
    target: str
    version: str
    headers: Mapping[str, str]
    keep_alive: bool

    @property
    def has_body(self) -> bool:
        """Tell whether bytes that belong to this request follow its head."""
        return "transfer-encoding" in self.headers or bool(self.headers.get("content-length", "").strip("0"))


class HeadParser:
    """Parses one head, fed in pieces of any size.

    Attributes:
        request: The request, once its head was fed in full.
        hosts: How many Host fields came.
    """

    def __init__(self) -> None:
        self.request: Request | None = None
        self.hosts = 0
        self._target = b""
        self._headers: dict[str, str] = {}
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the head.

        Raises:
            httptools.HttpParserError: they are no part of an HTTP/1.x request.
        """
        # RFC 9110, section 7.8: a server may ignore that the client would like another protocol.
        with contextlib.suppress(httptools.HttpParserUpgrade):
            self._parser.feed_data(data)

    # What the parser calls.

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request's target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field; a repeated one is joined with a comma."""
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        self.hosts += key == "host"
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        """Make the request of what was taken."""
        self.request = Request(
            method=self._parser.get_method().decode("latin-1"),
            target=self._target.decode("latin-1"),
            version=self._parser.get_http_version(),
            headers=self._headers,
            keep_alive=self._parser.should_keep_alive(),
        )
