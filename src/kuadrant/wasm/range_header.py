"""The Range field of a request: which bytes of a representation are asked for (RFC 9110, section 14)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kuadrant.wasm.http_request import Request

_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)", re.IGNORECASE | re.ASCII)


def asked_range(request: Request, sha256: str, size: int) -> range | None:
    """Return the bytes that a Range field asks for, empty if there are none such, or None for the whole.

    RFC 9110, section 14.2: the field counts for GET only, is ignored when it is malformed, and several
    ranges may be answered with the whole.
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
