"""Answers that depend on what the client has: entity tags and conditions (RFC 9110, section 13)."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.wasm.http_response import response, told
from kuadrant.wasm.range_header import asked_range

if TYPE_CHECKING:
    from kuadrant.wasm.http_request import Request
    from kuadrant.wasm.http_response import Response

_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"


class Content(Struct, frozen=True, gc=False):
    """Bytes to be given.

    Attributes:
        data: The bytes.
        tag: Their entity tag.
        media_type: What they are.
        cache: How long they may be kept, as Cache-Control has it.
        module: The SHA-256 of the module that they are of.
        fields: Header fields that go with them.
    """

    data: bytes
    tag: str
    media_type: str
    cache: str
    module: str
    fields: tuple[str, ...] = ()


def given(request: Request, content: Content) -> Response:
    """Return the content, a part of it, or a refusal of it, as the conditions of the request have it.

    They count in the order of RFC 9110, section 13.2.2.
    """
    fields: tuple[str, ...] = (
        f'ETag: "{content.tag}"',
        f"Cache-Control: {content.cache}",
        "Accept-Ranges: bytes",
        *content.fields,
    )
    wanted = request.headers.get("if-match")
    if wanted is not None and not _names(wanted, content.tag, weakly=False):
        why = "what is here has another checksum"
        return told(request, HTTPStatus.PRECONDITION_FAILED, why, fields, content.module)
    known = request.headers.get("if-none-match")
    if known is not None and _names(known, content.tag, weakly=True):
        return response(request, HTTPStatus.NOT_MODIFIED, fields, sha256=content.module)
    size = len(content.data)
    part = asked_range(request, content.tag, size)
    if part is None:
        status, first, after = HTTPStatus.OK, 0, size
    elif part:
        status, first, after = HTTPStatus.PARTIAL_CONTENT, part.start, part.stop
        fields += (f"Content-Range: bytes {first}-{after - 1}/{size}",)
    else:
        fields += (f"Content-Range: bytes */{size}",)
        why = f"there are {size} bytes"
        return told(request, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, why, fields, content.module)
    return response(
        request,
        status,
        (*fields, f"Content-Type: {content.media_type}", f"Content-Length: {after - first}"),
        memoryview(content.data)[first:after],
        content.module,
    )


def _names(field: str, sha256: str, *, weakly: bool) -> bool:
    """Tell whether a list of entity tags has ``*`` or the module's own (RFC 9110, section 8.8.3.2)."""
    return field.strip() == "*" or any(
        opaque == sha256 and (weakly or not weak) for weak, opaque in _ENTITY_TAG.findall(field)
    )
