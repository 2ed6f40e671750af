"""HTTP/1.x as the module server speaks it: request bytes in, responses out; no socket and no clock."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING

import httptools
from msgspec import Struct

from kuadrant.wasm import oci

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kuadrant.wasm.module import Module

#: The longest request line with header fields that is read; more is answered 431.
HEAD_MAX = 16 * 1024

# Heads that are remembered with their answers: enough for every kind of client in a cluster, too few to be a burden.
_REMEMBERED_MAX = 64
_REMEMBERED_HEAD_MAX = 1024

# `try` makes an address another one for a gateway that remembers addresses from which it could not fetch; it means nothing here.
_ADDRESS = re.compile(
    r"/kuadrant-wasm-shim(?:\?sha256=(?P<asked>[0-9a-f]{64})(?:&try=[0-9]{1,9})?|\?try=[0-9]{1,9})?"
    r"|/wasm/(?P<named>[0-9a-f]{64})\.wasm",
    re.ASCII,
)
_REGISTRY = re.compile(
    r"/v2/?"
    rf"|/v2/{oci.REPOSITORY}/(?:manifests/(?:sha256:(?P<manifest>[0-9a-f]{{64}})|(?P<tag>\w[\w.-]{{0,127}}))"
    r"|blobs/sha256:(?P<blob>[0-9a-f]{64})|(?P<tags>tags/list)(?:\?.*)?)",
    re.ASCII,
)
_ABSOLUTE_FORM = re.compile(r"^https?://[^/?#]*", re.IGNORECASE)
_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)", re.IGNORECASE | re.ASCII)
_EMPTY = memoryview(b"")


_IMMUTABLE = "public, max-age=31536000, immutable"
_REVALIDATED = "no-cache"
_REGISTRY_VERSION = "Docker-Distribution-Api-Version: registry/2.0"


class Request(Struct, frozen=True, gc=False):
    """The head of a request: header names in lower case, the values of a repeated one joined with a comma."""

    method: str
    target: str
    version: str
    headers: Mapping[str, str]
    keep_alive: bool

    @property
    def has_body(self) -> bool:
        """Whether bytes that belong to this request follow its head."""
        return "transfer-encoding" in self.headers or bool(self.headers.get("content-length", "").strip("0"))


class Response(Struct, frozen=True, gc=False, eq=False):
    """An answer: ``head`` up to where `end_of_head` goes, then ``body``, which shares the module's memory.

    ``sha256`` names the module that the answer is about, if it is about one that is held. ``close`` ends the
    connection after it; ``unread`` says that the client may still be sending then, so closing has to wait for it.
    """

    status: int
    head: bytes
    body: memoryview = _EMPTY
    sha256: str | None = None
    request: Request | None = None
    close: bool = False
    unread: bool = False


class _Content(Struct, frozen=True, gc=False):
    """Bytes to be given, with the entity tag and the fields that go with them. ``module`` is the SHA-256 of the one that they are of."""

    data: bytes
    tag: str
    media_type: str
    cache: str
    module: str
    fields: tuple[str, ...] = ()


class Shelf:
    """The modules that are served at one time; it never changes, so that bytes and checksum cannot disagree."""

    def __init__(self, modules: Sequence[Module]) -> None:
        """Hold ``modules``, of which the first is the current one.

        Raises:
            ValueError: there is none.
        """
        if not modules:
            raise ValueError("a module server needs at least one module")
        self.current = modules[0]
        self._held = {module.sha256: module for module in modules}
        self._blobs: dict[str, tuple[bytes, str]] = {}
        self._manifests: dict[str, tuple[bytes, str]] = {}
        self._tags: dict[str, str] = {}
        for module in modules:
            self._tags.setdefault(oci.LATEST, self._add_image(module))
        self._remembered: dict[bytes, Response] = {}

    def recall(self, head: bytes) -> Response | None:
        """Return the answer that was given to these very bytes, as one request without a body, if it is still known."""
        return self._remembered.get(head)

    def remember(self, head: bytes, response: Response) -> None:
        """Keep the answer to ``head``, which depends on nothing but these bytes and this shelf."""
        if len(head) <= _REMEMBERED_HEAD_MAX:
            if len(self._remembered) >= _REMEMBERED_MAX:
                self._remembered.clear()
            self._remembered[head] = response

    def answer(self, request: Request) -> Response:
        """Return what to answer to a well-formed request (RFC 9110, RFC 9111, RFC 8246)."""
        target = _ABSOLUTE_FORM.sub("", request.target, count=1)
        registry = _REGISTRY.fullmatch(target)
        if registry is not None:
            return self._answer_puller(request, registry)
        address = _ADDRESS.fullmatch(target)
        if address is None:
            return _told(request, HTTPStatus.NOT_FOUND, "there is nothing at this address")
        if request.method not in ("GET", "HEAD"):
            return _told(
                request,
                HTTPStatus.METHOD_NOT_ALLOWED,
                "a module can only be read",
                ("Allow: GET, HEAD",),
            )
        pinned = address["asked"] or address["named"]
        module = self._held.get(pinned) if pinned else self.current
        if module is None:
            return _told(
                request,
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"no module with SHA-256 {pinned} is held here now",
                ("Retry-After: 5",),
            )
        cache = _IMMUTABLE if pinned else _REVALIDATED
        return _given(request, _Content(module.data, module.sha256, "application/wasm", cache, module.sha256))

    def _add_image(self, module: Module) -> str:
        """Hold the image of a module, and return the digest of its manifest."""
        image = oci.image(module)
        self._manifests[image.manifest.sha256] = (image.manifest.data, module.sha256)
        for part in (image.config, image.layer):
            self._blobs[part.sha256] = (part.data, module.sha256)
        if module.version:
            self._tags.setdefault(module.version, image.manifest.sha256)
        return image.manifest.sha256

    def _answer_puller(self, request: Request, address: re.Match[str]) -> Response:
        """Return what a registry that can only be read answers (OCI distribution specification, version 1.1)."""
        if request.method not in ("GET", "HEAD"):
            status = HTTPStatus.METHOD_NOT_ALLOWED
            return _unregistered(request, status, "UNSUPPORTED", "this registry can only be read")
        if address["tags"]:
            return _json(request, HTTPStatus.OK, {"name": oci.REPOSITORY, "tags": sorted(self._tags)})
        if address["blob"]:
            found, kind, digest = self._blobs.get(address["blob"]), oci.BLOB, address["blob"]
            unknown = "BLOB_UNKNOWN"
        elif address["manifest"] or address["tag"]:
            digest = address["manifest"] or self._tags.get(address["tag"], "")
            found, kind = self._manifests.get(digest), oci.MANIFEST
            unknown = "MANIFEST_UNKNOWN"
        else:
            return _json(request, HTTPStatus.OK, {})
        if found is None:
            return _unregistered(request, HTTPStatus.NOT_FOUND, unknown, "no image that is held here has it")
        data, module = found
        fields = (f"Docker-Content-Digest: sha256:{digest}", _REGISTRY_VERSION)
        cache = _REVALIDATED if address["tag"] else _IMMUTABLE
        return _given(request, _Content(data, digest, kind, cache, module, fields))


def end_of_head(seconds: int) -> bytes:
    """Return what ends every head at this time (Unix time): the Date field and the empty line."""
    return f"Date: {formatdate(seconds, usegmt=True)}\r\n\r\n".encode()


class Conversation:
    """The server's side of one connection: takes the bytes as they come, gives the responses in their order.

    How the bytes are cut into pieces never changes the responses. A request that declares a body is answered at once
    and is the last of its connection: no address here takes one, so nothing has to be read to say so.
    """

    def __init__(self) -> None:
        self._received = b""
        self._over = False
        self._parser: _HeadParser | None = None
        self._parsed = 0

    @property
    def over(self) -> bool:
        """Whether the last response was given; what arrives now is not looked at."""
        return self._over

    @property
    def full(self) -> bool:
        """Whether a response has to be taken before more bytes are worth reading."""
        return len(self._received) >= HEAD_MAX

    @property
    def pending(self) -> bool:
        """Whether a part of a head was received that no response was given to."""
        return bool(self._received)

    def receive(self, data: bytes) -> None:
        """Take the next bytes of the connection."""
        if not self._over:
            self._received = self._received + data if self._received else data

    def next_response(self, shelf: Shelf) -> Response | None:
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
        """End the conversation; return the answer to a head of which only a part came, None if nothing did."""
        partial = bool(self._received)
        self._over = True
        self._received = b""
        return _refusal(HTTPStatus.REQUEST_TIMEOUT, "the request did not arrive in time") if partial else None

    def _read(self, shelf: Shelf) -> Response | None:
        if self._parser is None:
            self._received = self._received.lstrip(b"\r\n")  # RFC 9112, section 2.2
            if not self._received:
                return None
            self._parser = _HeadParser()
        end = _end_of_head(self._received)
        whole = 0 < end <= HEAD_MAX
        reach = end if whole else min(len(self._received), HEAD_MAX)
        head = self._received[:reach]
        try:
            self._parser.feed(head[self._parsed :])
        except httptools.HttpParserError as error:
            return _refusal(HTTPStatus.BAD_REQUEST, f"this is not an HTTP/1.1 request: {error}")
        self._parsed = reach
        if not whole:
            if reach < HEAD_MAX:
                return None
            return _refusal(
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


class _HeadParser:
    """Parses one head; ``request`` is there once it was fed in full."""

    def __init__(self) -> None:
        self.request: Request | None = None
        self.hosts = 0
        self._target = b""
        self._headers: dict[str, str] = {}
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes) -> None:
        # RFC 9110, section 7.8: a server may ignore that the client would like another protocol.
        with contextlib.suppress(httptools.HttpParserUpgrade):
            self._parser.feed_data(data)

    # What the parser calls.

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        self.hosts += key == "host"
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        self.request = Request(
            method=self._parser.get_method().decode("latin-1"),
            target=self._target.decode("latin-1"),
            version=self._parser.get_http_version(),
            headers=self._headers,
            keep_alive=self._parser.should_keep_alive(),
        )


def _objection(request: Request | None, hosts: int) -> Response | None:
    """Return the refusal of what the parser has let pass but is no request that can be answered, None if it can."""
    if request is None:
        return _refusal(HTTPStatus.BAD_REQUEST, "this is not an HTTP/1.1 request: its head has no proper end")
    if request.version not in ("1.0", "1.1"):
        return _refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    if hosts > 1 or (not hosts and request.version == "1.1"):  # RFC 9112, section 3.2
        return _refusal(HTTPStatus.BAD_REQUEST, "a request must have one Host field")
    return None


def _end_of_head(received: bytes) -> int:
    """Return the index after the first empty line, or 0. A line ends with LF, before which the parser wants a CR."""
    ends = (received.find(b"\n\r\n") + 3, received.find(b"\n\n") + 2)
    return min((end for end, absent in zip(ends, (2, 1), strict=True) if end != absent), default=0)


def _given(request: Request, content: _Content) -> Response:
    """Return the content, a part of it, or that the client need not or must not have it (RFC 9110, section 13.2.2)."""
    fields: tuple[str, ...] = (
        f'ETag: "{content.tag}"',
        f"Cache-Control: {content.cache}",
        "Accept-Ranges: bytes",
        *content.fields,
    )
    wanted = request.headers.get("if-match")
    if wanted is not None and not _names(wanted, content.tag, weakly=False):
        told = "what is here has another checksum"
        return _told(request, HTTPStatus.PRECONDITION_FAILED, told, fields, content.module)
    known = request.headers.get("if-none-match")
    if known is not None and _names(known, content.tag, weakly=True):
        return _response(request, HTTPStatus.NOT_MODIFIED, fields, sha256=content.module)
    size = len(content.data)
    part = _part(request, content.tag, size)
    if part is None:
        status, first, after = HTTPStatus.OK, 0, size
    elif part:
        status, first, after = HTTPStatus.PARTIAL_CONTENT, part.start, part.stop
        fields += (f"Content-Range: bytes {first}-{after - 1}/{size}",)
    else:
        fields += (f"Content-Range: bytes */{size}",)
        told = f"there are {size} bytes"
        return _told(request, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, told, fields, content.module)
    return _response(
        request,
        status,
        (*fields, f"Content-Type: {content.media_type}", f"Content-Length: {after - first}"),
        memoryview(content.data)[first:after],
        content.module,
    )


def _unregistered(request: Request, status: HTTPStatus, code: str, message: str) -> Response:
    """Return a refusal in the registry's form of errors."""
    allowed = ("Allow: GET, HEAD",) if status is HTTPStatus.METHOD_NOT_ALLOWED else ()
    return _json(request, status, {"errors": [{"code": code, "message": message}]}, allowed)


def _json(request: Request, status: HTTPStatus, value: object, fields: Iterable[str] = ()) -> Response:
    """Return a small document of the registry."""
    body = json.dumps(value).encode()
    about = (_REGISTRY_VERSION, "Cache-Control: no-store", "Content-Type: application/json")
    return _response(request, status, (*fields, *about, f"Content-Length: {len(body)}"), memoryview(body))


def _names(field: str, sha256: str, *, weakly: bool) -> bool:
    """Tell whether ``*`` or the module's entity tag is in a list of entity tags (RFC 9110, section 8.8.3.2)."""
    return field.strip() == "*" or any(
        opaque == sha256 and (weakly or not weak) for weak, opaque in _ENTITY_TAG.findall(field)
    )


def _part(request: Request, sha256: str, size: int) -> range | None:
    """Return the bytes that a Range field asks for, empty if there are none such, or None for the whole.

    RFC 9110, section 14.2: the field counts for GET only, is ignored when it is malformed, and several ranges may be
    answered with the whole.
    """
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if (
        asked is None
        or request.method != "GET"
        or request.headers.get("if-range", f'"{sha256}"') != f'"{sha256}"'
    ):
        return None
    first, last = asked.groups()
    if not first:
        return range(max(size - _number(last), 0), size) if last else None
    if last and _number(last) < _number(first):
        return None
    return range(_number(first), min(_number(last) + 1, size) if last else size)


def _number(digits: str) -> int:
    """Convert digits; of a number past all sizes, only as many as keep it past them."""
    return int(digits.lstrip("0")[:19] or "0")


def _told(
    request: Request, status: HTTPStatus, text: str, fields: Iterable[str] = (), sha256: str | None = None
) -> Response:
    """Return an answer that tells a person why there is no module in it."""
    body = f"{text}\n".encode()
    about = ("Content-Type: text/plain; charset=utf-8", f"Content-Length: {len(body)}")
    fields = tuple(fields)
    if not any(field.startswith("Cache-Control:") for field in fields):
        fields += ("Cache-Control: no-store",)
    return _response(request, status, (*fields, *about), memoryview(body), sha256)


def _response(
    request: Request,
    status: HTTPStatus,
    fields: Sequence[str],
    body: memoryview = _EMPTY,
    sha256: str | None = None,
) -> Response:
    close = request.has_body or not request.keep_alive
    if close:
        fields = (*fields, "Connection: close")
    elif request.version == "1.0":
        fields = (*fields, "Connection: keep-alive")
    return Response(
        status=status,
        head=_head(status, fields),
        body=_EMPTY if request.method == "HEAD" else body,
        sha256=sha256,
        request=request,
        close=close,
        unread=request.has_body,
    )


def _refusal(status: HTTPStatus, text: str) -> Response:
    """Return the answer to what could not be understood as a request, after which nothing else can be."""
    body = f"{text}\n".encode()
    fields = (
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
    )
    return Response(status=status, head=_head(status, fields), body=memoryview(body), close=True, unread=True)


def _head(status: HTTPStatus, fields: Iterable[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status.value} {status.phrase}", *fields)).encode()
