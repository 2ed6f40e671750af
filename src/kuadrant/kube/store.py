"""Holds what is known of the cluster: the objects of each kind, indexes over them, and every change."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Generic, cast

from msgspec import Struct

from kuadrant.kube.kind import Deleted, Key, Kind, Listing, StoredObject, T, Unreadable, is_before

IndexFunction = Callable[[StoredObject[T]], Iterable[Hashable]]
"""The values under which an object is found in an index."""


class Change(Struct, Generic[T], frozen=True):
    """One object before and after; None where it did not or does not exist."""

    kind: Kind[T]
    key: Key
    old: StoredObject[T] | None
    new: StoredObject[T] | None


Listener = Callable[[tuple[Change[Any], ...]], None]
"""Gets all changes that came together, in their order.

They are empty when a kind became synced, or came to be served or not, without any object.
"""


class Table(Generic[T]):
    """The objects of one kind.

    ``synced`` is True from the first snapshot on and stays so: what is known stays while the API server
    cannot be reached. ``resource_version`` is that of the newest event or snapshot, empty before the first.
    An object that cannot be read keeps the last readable form that it had, and is named in ``unreadable``.
    ``returns`` is how often the whole of it went back to an older version, as when the API server was
    restored from a backup: what was written meanwhile may be gone, and versions are given a second time.
    """

    def __init__(self, kind: Kind[T], indexes: Mapping[str, IndexFunction[T]] | None = None) -> None:
        self.kind = kind
        self.synced = False
        self.resource_version = ""
        self.returns = 0
        self._entries: dict[Key, StoredObject[T]] = {}
        self._unreadable: dict[Key, Unreadable] = {}
        self._functions = dict(indexes or {})
        self._indexes: dict[str, dict[Hashable, dict[Key, None]]] = {name: {} for name in self._functions}

    @property
    def is_served(self) -> bool:
        """Tell whether the API server knows the kind; False before the first snapshot, too."""
        return bool(self.resource_version)

    @property
    def entries(self) -> Mapping[Key, StoredObject[T]]:
        """Every object, as a view that cannot be written to."""
        return MappingProxyType(self._entries)

    @property
    def unreadable(self) -> Mapping[Key, Unreadable]:
        """The objects whose present form cannot be read."""
        return MappingProxyType(self._unreadable)

    def get(self, namespace: str, name: str) -> T | None:
        """The object, if there is one."""
        entry = self._entries.get((namespace, name))
        return None if entry is None else entry.object

    def find(self, index: str, value: Hashable) -> tuple[StoredObject[T], ...]:
        """The objects that an index has under ``value``, in the order of their keys."""
        return tuple(self._entries[key] for key in sorted(self._indexes[index].get(value, ())))

    def replace(self, snapshot: Listing[T]) -> tuple[Change[T], ...]:
        """Make ``snapshot`` all that there is; returns what that changed, what is gone first."""
        kept = {
            key: self._entries[key]
            for key, bad in snapshot.unreadable.items()
            if key in self._entries and self._entries[key].uid == bad.uid
        }
        wanted = {**snapshot.entries, **kept}
        events: list[Deleted | StoredObject[T]] = [
            Deleted(key, snapshot.resource_version) for key in self._entries if key not in wanted
        ]
        events += wanted.values()
        changes = [change for event in events if (change := self._set(event)) is not None]
        self._unreadable = dict(snapshot.unreadable)
        self.returns += is_before(snapshot.resource_version, self.resource_version)
        self.resource_version = snapshot.resource_version
        self.synced = True
        return tuple(changes)

    def apply(self, event: StoredObject[T] | Deleted | Unreadable) -> Change[T] | None:
        """Take one event of a watch; returns the change, None if it was known already."""
        self.resource_version = event.resource_version or self.resource_version
        if isinstance(event, Unreadable):
            if event.key is None:
                return None
            self._unreadable[event.key] = event
            held = self._entries.get(event.key)
            # Another object of the same name: the one that was held is gone.
            return (
                self._set(Deleted(event.key, event.resource_version))
                if held is not None and held.uid != event.uid
                else None
            )
        self._unreadable.pop(event.key, None)
        return self._set(event)

    def _set(self, event: StoredObject[T] | Deleted) -> Change[T] | None:
        new = None if isinstance(event, Deleted) else event
        old = self._entries.get(event.key)
        if old is new or (old and new and (old.uid, old.resource_version) == (new.uid, new.resource_version)):
            return None
        if new is None:
            del self._entries[event.key]
        else:
            self._entries[event.key] = new
        for name, function in self._functions.items():
            self._move(self._indexes[name], function, old, new)
        return Change(self.kind, event.key, old, new)

    @staticmethod
    def _move(
        index: dict[Hashable, dict[Key, None]],
        function: IndexFunction[T],
        old: StoredObject[T] | None,
        new: StoredObject[T] | None,
    ) -> None:
        if old is not None:
            for value in set(function(old)):
                index[value].pop(old.key)
                if not index[value]:
                    del index[value]
        if new is not None:
            for value in function(new):
                index.setdefault(value, {})[new.key] = None


class Store:
    """One table for each kind, and those who listen to them."""

    def __init__(self) -> None:
        self._tables: dict[Kind[Any], Table[Any]] = {}
        self._listeners: list[Listener] = []

    def add(self, kind: Kind[T], indexes: Mapping[str, IndexFunction[T]] | None = None) -> Table[T]:
        """Declare a kind; every kind is declared once."""
        table = Table(kind, indexes)
        self._tables[kind] = table
        return table

    def table(self, kind: Kind[T]) -> Table[T]:
        """The objects of a kind.

        Raises:
            KeyError: The kind was never declared.
        """
        return cast("Table[T]", self._tables[kind])

    @property
    def synced(self) -> bool:
        """Tell whether all that there is of every declared kind is known."""
        return all(table.synced for table in self._tables.values())

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` for changes from now on, after they are in the store."""
        self._listeners.append(listener)

    def receive(
        self, kind: Kind[T], events: Iterable[Listing[T] | StoredObject[T] | Deleted | Unreadable]
    ) -> None:
        """Take what a reflector of ``kind`` gave, and tell the listeners once of all that it changed."""
        table = self.table(kind)
        before = table.synced, table.is_served
        changes: list[Change[T]] = []
        for event in events:
            if isinstance(event, Listing):
                changes += table.replace(event)
            elif (change := table.apply(event)) is not None:
                changes.append(change)
        if changes or (table.synced, table.is_served) != before:
            for listener in self._listeners:
                listener(tuple(changes))
