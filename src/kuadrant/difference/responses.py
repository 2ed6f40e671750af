"""Compares what clients are told of limits, and puts what is another into words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.over_limit import OverLimit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.api.over_limit import Body, Line
    from kuadrant.api.response import Response

_HEADERS: Final = {
    None: "as the rate limit service is set",
    "None": "none",
    "Draft03": "x-ratelimit-*",
    "RateLimit": "RateLimit",
    "Both": "x-ratelimit-* and RateLimit",
}
_MESSAGE: Final = "Too Many Requests"


Said = tuple[tuple[str, str], ...]
"""All that clients are told, by what it is: what comes to the same is equal, however it is written."""
COUNTED_PREFLIGHTS: Final = ("preflights of browsers", "counted")


def said(response: Response) -> Said:
    """Return what ``response`` comes to, in words."""
    again = "not told" if response.retry_after is False else "told"
    counted = "counted" if response.preflights == "Count" else "exempt"
    return (
        ("headers that tell of limits", _HEADERS[response.headers]),
        ("when to come again (retry-after)", again),
        (COUNTED_PREFLIGHTS[0], counted),
        *_parts(response.over_limit or OverLimit()),
    )


def told_otherwise(old: Said, new: Said) -> Iterator[tuple[str, str, str]]:
    """Yield what is another in ``new``: what it is, and in words what it was and what it is."""
    before, after = dict(old), dict(new)
    for what in dict.fromkeys((*before, *after)):
        one, other = before.get(what, "none"), after.get(what, "none")
        if one != other:
            yield what, one, other


def _parts(over: OverLimit) -> Said:
    message = f"'{_MESSAGE}'" if over.message is None else _text(over.message)
    body = over.body
    if body is not None and body.problem:
        told = "a problem that names the limits"
    else:
        told = message if body is None or not _text(body) else _text(body)
    return (
        ("status of what is over a limit", str(over.status)),
        ("body of it", told),
        ("message of it to clients of gRPC", message),
        *((f"header {name.lower()} of it", _text(line)) for name, line in sorted(over.headers.items())),
    )


def _text(said: Line | Body) -> str:
    """A text as it is said: in quotes if it is written, empty if there is none."""
    if said.value is not None:
        return f"'{said.value}'"
    return said.expression or said.selector or ""
