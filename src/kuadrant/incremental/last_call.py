"""Calls a pure function anew only when it is given something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

from kuadrant.incremental.same_instances import are

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


class Last(Generic[P, R]):
    """Calls a pure function anew only if an argument is another instance than in the last call.

    Remembers one result.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        self._function = function
        self._last: tuple[tuple[object, ...], R] | None = None

    def __call__(self, *arguments: P.args, **named: P.kwargs) -> R:
        """Return what the function gives for these arguments."""
        given = (*arguments, *named.values())
        if self._last is not None and are(self._last[0], given):
            return self._last[1]
        result = self._function(*arguments, **named)
        self._last = (given, result)
        return result
