"""Decides by which names clients are told of limits."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kuadrant.ratelimit.counters import Standing

_UNPRINTABLE = re.compile(r"[^ -~]")


def printable_name(name: str) -> str:
    """Return a limit's name as a header can have it: ``?`` for each character that it cannot have."""
    return _UNPRINTABLE.sub("?", name)


def member_names(standings: Sequence[Standing]) -> Iterator[str]:
    """Yield a name for each: that of its limit, with the window where a limit has several rates."""
    plain = [printable_name(standing.ask.name) or "limit" for standing in standings]
    often = Counter(plain)
    taken: set[str] = set()
    for name, standing in zip(plain, standings, strict=True):
        wanted = name if often[name] == 1 else f"{name}/{standing.ask.counters.seconds}s"
        unique, number = wanted, 2
        while unique in taken:
            unique, number = f"{wanted}/{number}", number + 1
        taken.add(unique)
        yield unique
