"""Conditions as they are written back: ours in place of our former ones, everybody else's as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from kuadrant.api.meta import Condition

LONGEST_MESSAGE: Final = 32_768
"""The most characters that Kubernetes takes for the message of a condition."""
_LONGEST_END: Final = 1_000


def merged_conditions(
    existing: Iterable[Mapping[str, Any]],
    wanted: Iterable[Condition],
    *,
    ours: Collection[str],
    generation: int,
    now: str,
) -> list[dict[str, Any]]:
    """Return the conditions of an object, ``existing`` being those that the API server has.

    ``ours`` are the types that nobody else writes: one that is not wanted any more is left out. A condition
    keeps its time of transition as long as its status stays; otherwise ``now``, an RFC 3339 text in UTC, is
    the time. ``generation`` is that of the object that was looked at. If nothing is to be said anew, the
    result equals ``existing``. Of a message that is longer than is taken the middle is left out.
    """
    missing = {condition.type: condition for condition in wanted}
    result: list[dict[str, Any]] = []
    for former in existing:
        if former["type"] not in ours:
            result.append(dict(former))
        elif (condition := missing.pop(former["type"], None)) is not None:
            stays = former["status"] == condition.status and "lastTransitionTime" in former
            result.append(_written(condition, generation, former["lastTransitionTime"] if stays else now))
    result += (_written(condition, generation, now) for condition in missing.values())
    return result


def _written(condition: Condition, generation: int, since: str) -> dict[str, Any]:
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": _fitting(condition.message),
        "observedGeneration": generation,
        "lastTransitionTime": since,
    }


def _fitting(message: str) -> str:
    """Return a message of a length that is taken: what follows from it stands at its end."""
    if len(message) <= LONGEST_MESSAGE:
        return message
    return f"{message[: LONGEST_MESSAGE - _LONGEST_END - 3]}...{message[-_LONGEST_END:]}"
