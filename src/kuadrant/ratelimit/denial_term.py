"""Tells a gateway for how long a denial holds, so that it need not ask the same question again meanwhile."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from kuadrant.api.algorithm import FIXED_WINDOW
from kuadrant.ratelimit.retry_after import whole_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.api.response import HeaderForm
    from kuadrant.ratelimit.counters import Ask, Standing

KEY: Final = "kuadrant.denied"
"""The key in ``dynamic_metadata`` under which an answer says it."""
LONGEST_SECONDS: Final = 1.0
"""So late an edit that raises a limit is noticed at most by who was denied before it."""

_MARGIN: Final = 1e-6
_ALL_NUMBERS: Final = ("RateLimit", "Both")
_ENTRY: Final = b"\x0a" + bytes([len(KEY)]) + KEY.encode()


def denial_term(standings: Sequence[Standing], watched: Sequence[Ask], form: HeaderForm) -> str | None:
    """Return for how long the same question gets the same denial, whoever else asks meanwhile.

    ``"<ms> <retry> <reset> <t> <t> ..."``: so many milliseconds, and after how many of them each number of
    seconds in the answer is one less: that of ``retry-after`` and ``kuadrant-again``, ``x-ratelimit-reset``,
    and ``t`` of each member of ``ratelimit``; 0 for one that stays, or is not there.

    None where it must be asked:

    * A limit that only watches would be told of it, and counts it (``watched``).
    * A number that is shown may rise before there is room: more than one hit is asked for, and what is
      counted leaves piece by piece.

    What is said of limits that have room may be as old as the term is long: others are counted there.

    Args:
        standings: those of the decision that denied it, the most restrictive first.
        watched: the limits of the question that are not enforced.
        form: the headers of the answer.
    """
    if watched or not standings:
        return None
    shown = form != "None"
    if shown and any(map(_rises, standings)):
        return None
    waits = [one.wait for one in standings if one.remaining < one.ask.hits]
    # When the first of them has room another one denies, or none.
    ends = [LONGEST_SECONDS, *(wait for wait in waits if wait is not None)]
    if shown:
        # Then it is as if nothing had been counted there.
        ends += (one.reset for one in standings if not _moves(one))
    milliseconds = math.floor((min(ends) - _MARGIN) * 1000)
    if milliseconds <= 0:
        return None
    known = [wait for wait in waits if wait is not None]
    numbers = [_falls_after(max(known, default=0.0)) if len(known) == len(waits) else 0]
    numbers.append(_falls_after(standings[0].reset) if shown else 0)
    if form in _ALL_NUMBERS:
        numbers += (_falls_after(_seconds_of_more(standing)) for standing in standings)
    return " ".join(map(str, (milliseconds, *numbers)))


def _moves(standing: Standing) -> bool:
    return standing.ask.counters.identity[4] != FIXED_WINDOW


def _rises(standing: Standing) -> bool:
    """Tell whether more may be left of a limit before it has room."""
    return _moves(standing) and standing.ask.hits > 1 and standing.remaining < standing.ask.hits


def _seconds_of_more(standing: Standing) -> float:
    """What the member of a limit says, as `rate_limit_fields` does."""
    if standing.remaining >= standing.ask.hits:
        return standing.reset
    return 0.0 if standing.wait is None else standing.wait


def _falls_after(seconds: float) -> int:
    """After how many milliseconds the whole seconds are one less, at the earliest; 0 if there are none."""
    whole = whole_seconds(seconds)
    return max(1, math.ceil(round((seconds - (whole - 1)) * 1000, 3))) if whole > 0 else 0


def encoded_term(term: str) -> bytes:
    """The field of a ``RateLimitResponse`` that says it.

    Written by hand, as it is different in nearly each answer, and a message of protobuf takes longer than the
    decision.
    """
    value = b"\x1a" + _text(term.encode())
    return b"\x32" + _text(b"\x0a" + _text(_ENTRY + b"\x12" + _text(value)))


def _text(content: bytes) -> bytes:
    size, head = len(content), b""
    while size > 127:
        head, size = head + bytes([size & 127 | 128]), size >> 7
    return head + bytes([size]) + content
