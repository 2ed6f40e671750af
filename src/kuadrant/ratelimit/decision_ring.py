"""Keeps what gateways report of their decisions while somebody follows them.

While nobody does, gateways are told nothing and report nothing. What is kept has a bound in number, in bytes
and in decisions a second, whoever reports: of more only the number is known. It changes nothing of what is
decided.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct, structs

from kuadrant.api.decision_page import (
    FOLLOWED_SECONDS,
    MOST,
    DecisionPage,
    ReportedDecision,
)
from kuadrant.api.tap_headers import MOST_HEADERS, may_be_shown
from kuadrant.envoy_api import message

if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT: Final = 1_000
"""Decisions that are kept for those who ask for them."""
MOST_BYTES: Final = 8 * 1024
"""Of one report of a decision."""
MOST_EACH_SECOND: Final = 2_000

_WORD_SECONDS: Final = 3
"""So long a gateway goes on after it has heard last that somebody follows."""
_NOBODY: Final = b"0"
_Response: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")


class _LeftOut(Struct, frozen=True):
    left_out: int = 0


class DecisionRing:
    """The decisions that were reported last.

    Attributes:
        until: The time until which somebody follows, by the clock of whoever calls.
        word: What is put behind an answer to a gateway meanwhile: fields that modules of before pass over.
    """

    def __init__(self) -> None:
        self.until = 0.0
        self.word = b""
        self._said = _NOBODY
        self._wanted: dict[str, float] = {}
        self._kept: deque[ReportedDecision] = deque(maxlen=KEPT)
        self._reported = 0
        self._left_out = 0
        self._second = 0.0
        self._taken = 0

    def follow(self, headers: Iterable[str], now: float) -> None:
        """Have decisions reported for a while, with these headers.

        What was reported to those who followed before is nothing for the next one.
        """
        if now >= self.until:
            self._kept.clear()
        for name in headers:
            if may_be_shown(name):
                self._wanted[name] = now + FOLLOWED_SECONDS
        alive = sorted(self._wanted.items(), key=lambda one: -one[1])[:MOST_HEADERS]
        self._wanted = {name: until for name, until in alive if now < until}
        self.until = now + FOLLOWED_SECONDS
        self._said = f"{_WORD_SECONDS} {','.join(sorted(self._wanted))}".encode()
        response = _Response(dynamic_metadata={"kuadrant.follow": self._said.decode()})
        self.word = response.SerializeToString()

    def report(self, lines: bytes, gateway: str, at: float, now: float) -> bytes:
        """Take what a gateway reports, a decision in each line; return what it is to hear.

        Args:
            lines: JSON, whatever is in it.
            gateway: who reports it, empty if that is not known.
            at: the time, in seconds since 1970.
            now: the same by the clock of ``follow``.
        """
        if now >= self.until:
            return _NOBODY
        if now >= self._second + 1:
            self._second, self._taken = now, 0
        for line in lines.splitlines():
            self._take(line, gateway, at)
        return self._said

    def _take(self, line: bytes, gateway: str, at: float) -> None:
        try:
            if line.startswith(b'{"left_out"'):
                self._left_out += min(max(0, msgspec.json.decode(line, type=_LeftOut).left_out), 1 << 32)
                return
            decision = msgspec.json.decode(line, type=ReportedDecision) if self._may(line) else None
        except msgspec.DecodeError:
            decision = None
        if decision is None:
            self._left_out += 1
            return
        self._taken += 1
        self._reported += 1
        self._kept.append(structs.replace(decision, time=round(at, 3), gateway=gateway))

    def _may(self, line: bytes) -> bool:
        return len(line) <= MOST_BYTES and self._taken < MOST_EACH_SECOND

    def page(self, after: int | None) -> DecisionPage:
        """Return what was reported after a number; without one nothing, and the number to begin with.

        What was left out is told to everybody who follows, as the sum so far is in the number.
        """
        if after is None:
            return DecisionPage(next=self._number(self._reported), masked=False)
        seen, left_out = divmod(max(0, after), _LEFT_OUT)
        first = self._reported - len(self._kept)
        begin = min(max(seen, first), self._reported)
        found = tuple(islice(self._kept, begin - first, begin - first + MOST))
        gone = max(0, begin - seen)
        more = (self._left_out - left_out) % _LEFT_OUT
        return DecisionPage(
            decisions=found, next=self._number(begin + len(found)), missed=gone + more, masked=False
        )

    def _number(self, seen: int) -> int:
        return seen * _LEFT_OUT + self._left_out % _LEFT_OUT


_LEFT_OUT: Final = 1 << 24
