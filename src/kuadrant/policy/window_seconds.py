"""Rounds the window of a rate up to whole seconds: never more is admitted than was written."""

from __future__ import annotations

from kuadrant.api.duration import milliseconds


def window_seconds(window: str) -> int:
    """Return the seconds of a duration, parts of a second rounded up.

    0 for a window of no length and for a text that is no duration.
    """
    return -(-milliseconds(window) // 1000)
