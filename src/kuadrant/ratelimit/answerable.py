"""Leaves out of a question the limits in shadow that stand in the way of an answer to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.api.limit_expressions import EvaluationError
from kuadrant.ratelimit.limit_index import UnansweredError, WorkError
from kuadrant.ratelimit.unknown_limits import UnknownLimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kuadrant.ratelimit.counters import Ask
    from kuadrant.ratelimit.limit_index import NamespaceLimits
    from kuadrant.ratelimit.question import Asked


def held_part(asked: Asked, absent: Sequence[str]) -> Asked:
    """Return what is asked without the limits of the keys ``absent``, which are not held.

    Raises:
        UnknownLimitError: One of them may refuse.
    """
    if not absent:
        return asked
    if (rest := asked.without(absent)) is None:
        raise UnknownLimitError(asked.domain, absent)
    return rest


def asks_of(asked: Asked, limits: NamespaceLimits, note: Callable[[Sequence[str]], None]) -> list[Ask]:
    """Return the counters of the limits that apply; of those alone that may refuse, if it cannot be with all.

    Args:
        asked: the question.
        limits: the limits of its domain.
        note: is told the keys of limits that are asked for without what they count by.

    Raises:
        UnknownLimitError: One that may refuse is asked for so.
        EvaluationError: An expression fails.
        WorkError: It would cost more than one request may.
    """
    try:
        return limits.asks(asked.descriptors, asked.hits, asked.costs)
    except UnansweredError as error:
        note(error.keys)
        if (rest := asked.without(asked.shadows)) is None:
            raise UnknownLimitError(asked.domain, error.keys) from None
    except (EvaluationError, WorkError):
        if (rest := asked.without(asked.shadows)) is None:
            raise
    return asks_of(rest, limits, note)
