"""The forms in which the API server answers: pages of a list, lines of a watch, and statuses of failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

import msgspec
from msgspec import Raw, Struct, field

from kuadrant.kube.field_ownership import owned_by
from kuadrant.kube.kind import Key, Kind, StoredObject, T, Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

LINE_LIMIT = 64 * 1024 * 1024
"""More bytes without a line's end are no watch event: etcd's limit for an object is 1.5 MiB."""


class _Wire(Struct, rename="camel", gc=False):
    """A part of an answer; fields that are not named are skipped."""


class ListMetadata(_Wire):
    """The position of a list; ``continue_`` is empty on the last page."""

    resource_version: str = ""
    continue_: str = field(name="continue", default="")


class Page(_Wire):
    """One page of a list; an empty list may be null."""

    metadata: ListMetadata
    items: list[Raw] | None = None


class WatchEvent(_Wire):
    """One line of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR."""

    type: str
    object: Raw


class Metadata(_Wire):
    """The fields that identify an object and its version."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class Partial(_Wire):
    """Any object, of which only the metadata is read."""

    metadata: Metadata


class Cause(_Wire):
    """One of the reasons of a failure and the field that it is about."""

    reason: str = ""
    message: str = ""
    field: str = ""


class Details(_Wire):
    """The details of a failure."""

    causes: list[Cause] | None = None
    retry_after_seconds: int = 0


class ApiStatus(_Wire):
    """A failure in the API server's words (``meta/v1`` Status)."""

    kind: str = ""
    code: int = 0
    reason: str = ""
    message: str = ""
    details: Details | None = None


decode_page = msgspec.json.Decoder(Page).decode
decode_event = msgspec.json.Decoder(WatchEvent).decode
decode_partial = msgspec.json.Decoder(Partial).decode
_decode_status = msgspec.json.Decoder(ApiStatus).decode

# A string with a lone surrogate cannot be encoded, and bytes that are no UTF-8 cannot be decoded: both are
# errors of the object.
ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)


def read_status(code: int, body: bytes) -> ApiStatus:
    """The failure that an answer with ``code`` describes.

    Answers of proxies on the way are text and are kept short.
    """
    try:
        status = _decode_status(body)
    except ERRORS:
        status = ApiStatus()
    if status.kind == "Status":
        status.code = status.code or code
        return status
    text = " ".join(body[:300].decode(errors="replace").split())
    return ApiStatus(kind="Status", code=code, message=text or f"HTTP status {code} without a text")


class Lines:
    """Bytes in, whole lines out; only a line feed ends a line, whatever else Unicode calls a line's end."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; returns the lines that they complete, without empty ones.

        Raises:
            ValueError: The line is longer than any event can be.
        """
        head, *rest = data.split(b"\n")
        self._parts.append(head)
        self._size += len(head)
        if self._size > LINE_LIMIT:
            raise ValueError(f"a line of more than {LINE_LIMIT} bytes is no watch event")
        if not rest:
            return []
        first = b"".join(self._parts)
        *whole, last = rest
        self._parts = [last]
        self._size = len(last)
        return [line for line in (first, *whole) if line.strip()]


class ObjectReader(Generic[T]):
    """Reads objects of one kind. What is ``held`` in the same version already is not decoded again."""

    def __init__(self, kind: Kind[T], held: Mapping[Key, StoredObject[T]]) -> None:
        self._managers = kind.managers
        self._held = held
        self._decode = msgspec.json.Decoder(kind.model).decode

    def read(self, raw: Raw) -> StoredObject[T] | Unreadable:
        """The object, or what is wrong with it; never raises."""
        try:
            metadata = decode_partial(raw).metadata
        except ERRORS as error:
            return Unreadable(None, "", "", str(error))
        return self.read_rest(metadata, raw)

    def read_rest(self, metadata: Metadata, raw: Raw) -> StoredObject[T] | Unreadable:
        """The object whose metadata is known already, or what is wrong with it; never raises."""
        key = metadata.namespace, metadata.name
        held = self._held.get(key)
        if held is not None and (held.uid, held.resource_version) == (
            metadata.uid,
            metadata.resource_version,
        ):
            return held
        try:
            content: Any = self._decode(raw)
            read = content if isinstance(content, dict) else None
            owned = owned_by(self._managers, bytes(raw), read) if self._managers else ()
        except ERRORS as error:
            return Unreadable(key, metadata.uid, metadata.resource_version, str(error))
        return StoredObject(key, metadata.uid, metadata.resource_version, content, owned)
