"""The view *Limits*: calls that were admitted and limited, and the counters nearest to their limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import to_builtins

from kuadrant.api.counter_page import CounterPage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.api.limit_calls import CallTotals

MOST_COUNTERS: Final = 50
"""Counters on the page."""
MOST_SCOPES: Final = 200
"""Scopes on the page: those that limited most, then those with most calls."""


def limits_page(
    totals: CallTotals, counters: Mapping[str, CounterPage | str], problem: str = ""
) -> dict[str, Any]:
    """Return the view; ``problem`` says why there are no calls in it."""
    pages = [one for one in counters.values() if isinstance(one, CounterPage)]
    lines = sorted(
        (line for page in pages for line in page.lines),
        key=lambda line: line.value / line.max_value if line.max_value else 1.0,
        reverse=True,
    )
    return {
        **totals_told(totals),
        "problem": problem,
        "counters": [
            {**to_builtins(one), "key": [list(pair) for pair in one.key]} for one in lines[:MOST_COUNTERS]
        ],
        "counted": sum(one.counted for one in pages),
        "unseen": sum(one.unseen for one in pages),
        "stored": any(one.stored for one in pages),
        "masked": all(one.masked for one in pages),
        "problems": [f"{name}: {one}" for name, one in counters.items() if isinstance(one, str)],
    }


def totals_told(totals: CallTotals) -> dict[str, Any]:
    """Return the calls of scopes, as far as there is room, and of all together."""
    scopes = sorted(totals.scopes, key=lambda one: (one.limited + one.shadow, one.admitted), reverse=True)
    return {
        "admitted": sum(one.admitted for one in scopes),
        "limited": sum(one.limited for one in scopes),
        "shadow": sum(one.shadow for one in scopes),
        "failed": totals.failed,
        "scopes": to_builtins(sorted(scopes[:MOST_SCOPES], key=lambda one: one.scope)),
        "scopes_more": max(0, len(scopes) - MOST_SCOPES),
    }
