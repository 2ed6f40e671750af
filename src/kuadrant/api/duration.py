"""The durations of Gateway API, ``10s``, ``1h30m``, ``500ms``, and days beside them, ``7d``."""

import re

_PART = re.compile(r"([0-9]+)(ms|d|h|m|s)", re.ASCII)
_MILLISECONDS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


def milliseconds(duration: str) -> int:
    """Return the length of ``duration``, a text that fulfils ``fields.LongDuration``.

    Text that does not is taken as far as it goes.
    """
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(duration))
