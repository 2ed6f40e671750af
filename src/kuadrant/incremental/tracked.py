"""Tells which objects of one kind are others than the last time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Tracked(Generic[K, T]):
    """The objects that were seen last, by key.

    An object that is the same instance as before is not looked into.
    """

    def __init__(self, key: Callable[[T], K]) -> None:
        self._key = key
        self._objects: tuple[T, ...] = ()
        self._seen: dict[int, T] = {}
        self.by_key: dict[K, T] = {}

    def update(self, objects: Iterable[T]) -> dict[K, T | None]:
        """Make ``objects``, each with a key of its own, all that there are.

        Returns those that are another instance than before, None for what is gone.
        """
        objects = tuple(objects)
        if objects is self._objects:
            return {}
        self._objects = objects
        # What was seen is held in here, so that no other object can have its id.
        present = dict(zip(map(id, objects), objects, strict=True))
        changes: dict[K, T | None] = {}
        for number in self._seen.keys() - present.keys():
            gone = self._seen[number]
            key = self._key(gone)
            if self.by_key.get(key) is gone:
                del self.by_key[key]
                changes[key] = None
        for number in present.keys() - self._seen.keys():
            one = present[number]
            key = self._key(one)
            self.by_key[key] = changes[key] = one
        self._seen = present
        return changes
