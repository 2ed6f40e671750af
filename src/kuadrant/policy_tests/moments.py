"""Time in tests: milliseconds since the beginning of a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


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
