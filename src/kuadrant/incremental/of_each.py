"""Remembers what was made from each instance for as long as the instance lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
R = TypeVar("R")


class OfEach(Generic[T, R]):
    """Calls a pure function once for each instance, and forgets the result with the instance.

    Equal instances are not looked for: the compiler keeps the instances of what does not change.
    """

    def __init__(self, function: Callable[[T], R]) -> None:
        self._function = function
        self._results: dict[int, tuple[_Reference[T], R]] = {}
        results = self._results

        def forget(reference: ref[T]) -> None:
            assert isinstance(reference, _Reference)
            results.pop(reference.number, None)

        self._forget = forget

    def __call__(self, one: T) -> R:
        """Return what the function gives for ``one``."""
        found = self._results.get(id(one))
        if found is not None:
            return found[1]
        result = self._function(one)
        reference = _Reference(one, self._forget)
        reference.number = id(one)
        self._results[id(one)] = (reference, result)
        return result

    def __len__(self) -> int:
        """Return how many results are held."""
        return len(self._results)


class _Reference(ref[T]):
    __slots__ = ("number",)

    number: int
