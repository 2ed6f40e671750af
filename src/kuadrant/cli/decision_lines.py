"""Decisions as lines for people, which of them are wanted, and what is said of all at the end; pure."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kuadrant.api.limit_keys import name_in_key, name_of, written_name
from kuadrant.api.problem import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kuadrant.api.decision_page import ReportedDecision

_STYLES = {"allowed": "good", "limited": "doubtful", "failed": "bad"}
_MOST_NAMED = 3


class DecisionFilter(Struct, frozen=True, kw_only=True):
    """Says which decisions are shown: those for which all of this holds.

    Attributes:
        verdicts: One of these; any, without.
        limit: About the limit of this name.
        route: Of this route (``namespace/name``), as gateways say it or as it is counted.
        headers: With these headers, and where there is a value, with that one.
    """

    verdicts: tuple[str, ...] = ()
    limit: str = ""
    route: str = ""
    headers: tuple[tuple[str, str | None], ...] = ()

    def has(self, one: ReportedDecision) -> bool:
        """Tell whether a decision is wanted."""
        return (
            (not self.verdicts or one.verdict in self.verdicts)
            and (not self.limit or name_in_key(self.limit) in map(name_of, (one.limit, *one.asked)))
            and (not self.route or self.route in (one.route, one.scope))
            and all(
                name in one.headers and value in (None, one.headers[name]) for name, value in self.headers
            )
        )


class Tally:
    """Counts what was shown, for the last line: each verdict, by which limits, and what was missed."""

    def __init__(self) -> None:
        self._verdicts: Counter[str] = Counter()
        self._limits: Counter[str] = Counter()
        self.missed = 0

    def add(self, one: ReportedDecision) -> None:
        """Count one that was shown."""
        self._verdicts[one.verdict] += 1
        if one.verdict == "limited":
            self._limits[_subject(one)] += 1

    def text(self, seconds: float) -> str:
        """Return the line for people."""
        shown = self._verdicts.total()
        counts = ", ".join(f"{count} {verdict}" for verdict, count in self._verdicts.most_common())
        parts = [f"{shown} decision{'' if shown == 1 else 's'} in {seconds:.0f} s", counts]
        most = [f"{name} ({count})" for name, count in self._limits.most_common(_MOST_NAMED)]
        parts.append(f"limited by {', '.join(most)}" if most else "")
        parts.append(f"{self.missed} more came too fast to be shown" if self.missed else "")
        return "; ".join(filter(None, parts))

    def values(self, seconds: float) -> dict[str, Any]:
        """Return the same for programs."""
        return {
            "seconds": round(seconds, 3),
            "verdicts": dict(self._verdicts),
            "limited_by": dict(self._limits.most_common(100)),
            "missed": self.missed,
        }


def lines(one: ReportedDecision, paint: Callable[[str, str], str]) -> Iterator[str]:
    """Yield a decision for people: who asked for what and what became of it, then the headers."""
    time = dt.datetime.fromtimestamp(one.time).strftime("%H:%M:%S")  # noqa: DTZ006 - the person's own
    request = printable(f"{one.method} {one.host}{one.path}")
    why = _why(one)
    verdict = paint(_STYLES[one.verdict], f"{one.verdict:7}")
    yield f"{time} {verdict} {request}" + (f": {printable(why)}" if why else "")
    if one.expression:
        yield f"    {printable(one.part)}: {printable(one.expression)}"
    for name, value in one.headers.items():
        yield f"    {printable(name)}: {printable(value)}"


def _why(one: ReportedDecision) -> str:
    if one.verdict == "limited":
        return _subject(one)
    if one.error:
        return f"{one.error} at {_subject(one)}" if one.limit else one.error
    soft = (written_name(key, _policies(one)) for key in one.soft)
    return f"over the soft limit {', '.join(soft)}" if one.soft else ""


def _subject(one: ReportedDecision) -> str:
    owner = ", ".join(one.policies) or one.scope
    return f"{written_name(one.limit, _policies(one))} of {owner}" if one.limit else f"a limit of {owner}"


def _policies(one: ReportedDecision) -> tuple[str, ...]:
    return (*one.policies, one.scope)
