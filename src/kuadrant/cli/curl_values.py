"""Values that the words of a request have on the command line: moments, bodies and claims."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from kuadrant.api.duration import milliseconds
from kuadrant.explanation import RequestError

_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_DURATION: Final = re.compile(r"([0-9]{1,9}(d|h|ms|m|s))+", re.ASCII)


class When(Struct, frozen=True):
    """The moment of the last request: how long after the first one, and when that is, if it is told."""

    after: float = 0.0
    moment: datetime | None = None


def when_of(text: str | None) -> When:
    """Read seconds, a duration or a moment.

    Raises:
        RequestError: It is neither.
    """
    if text is None:
        return When()
    if _SECONDS.fullmatch(text):
        return When(float(text))
    if _DURATION.fullmatch(text):
        return When(milliseconds(text) / 1000)
    try:
        moment = datetime.fromisoformat(text)
        return When(moment=moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):  # in UTC it may be in the year 0 or 10000
        raise RequestError(
            f'--at: "{text}" is no time; write seconds, a duration such as 1m30s, '
            "or a moment such as 2026-01-02T03:04:05Z"
        ) from None


def body_of(data: Iterable[str]) -> bytes:
    """Return the body that curl makes of its ``--data``.

    Raises:
        RequestError: A file cannot be read.
    """
    return b"&".join(map(_body_of, data))


def _body_of(text: str) -> bytes:
    if not text.startswith("@"):
        return os.fsencode(text)
    if text == "@-":
        raise RequestError("--data: a body is not read from standard input; write @FILE")
    try:
        return Path(text[1:]).read_bytes().translate(None, b"\r\n\0")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RequestError(f"--data: {text[1:]} cannot be read: {reason}") from None


def claims_of(text: str | None) -> Mapping[str, Any] | None:
    """Read the claims of a token.

    Raises:
        RequestError: They are no JSON object.
    """
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise RequestError(
            f"""--jwt: not a JSON object ({error}); write one such as {{"sub": "alice"}}"""
        ) from None
