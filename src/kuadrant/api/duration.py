"""The durations of Gateway API, ``10s``, ``1h30m``, ``500ms``, and days beside them, ``7d``."""

import re
from collections.abc import Iterator

_PART = re.compile(r"([0-9]+)(ms|d|h|m|s)", re.ASCII)
_MILLISECONDS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


def milliseconds(duration: str) -> int:
    """Return the length of ``duration``, a text that fulfils ``fields.LongDuration``.

    Text that does not is taken as far as it goes.
    """
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(duration))


_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def window_words(seconds: int) -> str:
    """Return the length of a window as people are told it: in the largest unit that it is whole in."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size} {unit}"


def span_words(seconds: float) -> str:
    """Return a span of time as people are told it: whole, such as ``23 h 5 s``."""
    if seconds < _UNITS[2][0] * 2:
        return f"{seconds:g} s"
    return " ".join(_spans(seconds))


def _spans(left: float) -> Iterator[str]:
    for size, unit in _UNITS[:-1]:
        count, left = divmod(left, size)
        if count:
            yield f"{count:.0f} {unit}"
    if left := round(left, 3):
        yield f"{left:g} s"
