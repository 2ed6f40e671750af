"""Decides which of the requests that were found are shown: one for each way in which a change shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.policy.identifiers import limit_condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.difference.record import TellingRequest
    from kuadrant.difference.search import Cause, Turn

Shown = tuple[tuple[int, ...], object, "TellingRequest"]
"""A request with a sort key, and why it is shown."""


def each_once(told: Iterable[Shown]) -> Iterator[TellingRequest]:
    """Yield requests, the smallest first; one for each change of a limit and way in which it shows."""
    seen: set[object] = set()
    for _, reason, request in sorted(told, key=lambda one: (one[0], one[2].steps[0].words)):
        if reason not in seen:
            yield request
            seen.add(reason)


def reason_of(cause: Cause, turn: Turn) -> object:
    """Return what is the same where one change of a limit shows in one way, for whichever rules."""
    _, _, full = turn
    if not full:
        return cause, turn
    before, after, *_ = cause
    return turn, _about(before, full), _about(after, full)


def _about(limits: Any, full: frozenset[str]) -> object:
    return frozenset(limit for (limit, _) in limits if limit_condition(limit[1]) in full)
