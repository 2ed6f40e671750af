"""Durations as Gateway API writes them: ``10s``, ``1h30m``, ``500ms``."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(?:[0-9]{1,5}(?:h|ms|m|s)){1,4}")
_PART = re.compile(r"([0-9]+)(h|ms|m|s)")
_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}


def milliseconds(duration: str) -> int | None:
    """The length of ``duration``, or None if it is none."""
    if not _DURATION.fullmatch(duration):
        return None
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(duration))
