"""Keeps values in the order of their keys, at the cost of those that change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import KeysView

K = TypeVar("K", str, tuple[str, str])
V = TypeVar("V")


class InOrder(Generic[K, V]):
    """Values by key. One that is replaced by an equal one stays the same instance, and so do all together."""

    def __init__(self) -> None:
        self._values: dict[K, V] = {}
        self._order: list[K] = []
        self._places: dict[K, int] = {}
        self._list: list[V] = []
        self._all: tuple[V, ...] = ()
        self._other_keys = False
        self._others: set[K] = set()

    def keys(self) -> KeysView[K]:
        """The keys, in no order."""
        return self._values.keys()

    def get(self, key: K) -> V | None:
        """The value of a key, if it has one."""
        return self._values.get(key)

    def set(self, key: K, value: V | None) -> None:
        """Give ``key`` a value, or with None take it away."""
        former = self._values.get(key)
        if former is value or former == value:
            return
        if value is None:
            del self._values[key]
        else:
            self._values[key] = value
        self._others.add(key)
        self._other_keys |= former is None or value is None

    def values(self) -> tuple[V, ...]:
        """All values, by key; the same instance as before if none has changed."""
        if not self._others:
            return self._all
        if self._other_keys:
            self._sort()
            self._list = list(map(self._values.__getitem__, self._order))
        else:
            for key in self._others:
                self._list[self._places[key]] = self._values[key]
        self._other_keys = False
        self._others = set()
        self._all = tuple(self._list)
        return self._all

    def _sort(self) -> None:
        missing = dict.fromkeys(self._values)
        order = [key for key in self._order if key in missing]
        for key in order:
            del missing[key]
        order += missing
        # Sorted but for what is new, which takes little more than a look at each.
        order.sort()
        self._order = order
        self._places = dict(zip(order, range(len(order)), strict=True))
