"""Counts the requests that a gateway has denied by itself: it tells of them when it asks the next time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.limit_keys import keys_in

if TYPE_CHECKING:
    from kuadrant.ratelimit.caller_tokens import Metadata
    from kuadrant.ratelimit.question import Question

HEADER: Final = "kuadrant-remembered"
"""The metadata that tells it: ``<number> <key of the limit>``."""
_LONGEST_NUMBER: Final = 9


def count_remembered(metadata: Metadata, question: Question | None) -> None:
    """Count what a gateway tells with its question as calls that the limit has denied.

    What cannot be read, or is of a limit that the question does not ask for, is nothing. Only of those who
    have shown that they are a gateway of ours is it to be taken.
    """
    if question is None:
        return
    for name, told in metadata:
        if name != HEADER or not isinstance(told, str):
            continue
        number, _, key = told.partition(" ")
        if not (number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER):
            return
        denied = [one for one in question.asks if not key or key in keys_in(one.counters.identity[2])]
        if denied:
            question.calls.limited[denied[0].name] += int(number)
        return
