"""What a piece of work takes, told so that a slow or busy machine says the same."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def calls(work: Callable[[], object]) -> int:
    """How many functions ``work`` calls, those that are built in among them: the same each time."""
    made = 0

    def count(_frame: object, event: str, _function: object) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return made


def times_as_long(work: Callable[[], object], other: Callable[[], object], rounds: int = 3) -> float:
    """How many times as long ``work`` keeps a processor as ``other`` does, each at its best of ``rounds``.

    For work that is not done in Python, where :func:`calls` sees nothing.
    """
    return _least(work, rounds) / _least(other, rounds)


def _least(work: Callable[[], object], rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return min(seconds)
