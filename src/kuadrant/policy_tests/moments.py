"""Time in tests: milliseconds since the beginning of a test."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


_YEARS: Final = range(1970, 9900)
"""Those for which a test, however long it is, ends within the years that there are."""


def read_moment(text: str) -> datetime:
    """Return a moment; one without an offset is in UTC.

    Raises:
        ValueError: It is none, or of a year that gateways do not see.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is {text!r}, must be a moment such as 2026-01-02T03:04:05Z") from None
    if moment.year not in _YEARS:
        raise ValueError(f"is {text!r}, must be between the years {_YEARS.start} and {_YEARS.stop}")
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def seconds(milliseconds: int) -> float:
    """Return a moment in seconds for counters, whose windows are whole seconds.

    It is a multiple of 1/1024 s, so that a sum with whole seconds is exact: a window that began at 0.1 s has
    ended after 10 s, and not a rounding error later. Two moments are never the same one.
    """
    return ((milliseconds * 128 + 62) // 125) / 1024


def spelled_time(milliseconds: int) -> str:
    """Return a time for people, as documents have durations; 0s for none."""
    return "".join(_parts(milliseconds)) or "0s"


def _parts(left: int) -> Iterator[str]:
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        if count:
            yield f"{count}{unit}"
