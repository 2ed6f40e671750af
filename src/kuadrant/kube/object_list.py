"""A list as it comes in, page by page or event by event, until it is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from kuadrant.kube.kind import Key, Listing, Output, StoredObject, T, Unreadable

if TYPE_CHECKING:
    from msgspec import Raw

    from kuadrant.kube.api_answers import ObjectReader


class ObjectList(Generic[T]):
    """Gathers the objects of a list."""

    def __init__(self, reader: ObjectReader[T]) -> None:
        """Begin without an object; ``reader`` reads them."""
        self._reader = reader
        self._entries: dict[Key, StoredObject[T]] = {}
        self._unreadable: dict[Key, Unreadable] = {}

    def forget(self) -> None:
        """Begin anew."""
        self._entries, self._unreadable = {}, {}

    def gather(self, raw: Raw, event_type: str = "ADDED") -> list[Output[T]]:
        """Take an object; return it if it can be held in no list, for want of a name.

        A streaming list may begin in the past: then changes come before its end, deletions too.
        """
        item = self._reader.read(raw)
        if item.key is None:
            return [item]
        self._entries.pop(item.key, None)
        self._unreadable.pop(item.key, None)
        if event_type == "DELETED":
            return []
        if isinstance(item, StoredObject):
            self._entries[item.key] = item
        else:
            self._unreadable[item.key] = item
        return []

    def complete(self, version: str) -> Listing[T]:
        """Return the whole list, and begin anew."""
        snapshot = Listing(version, self._entries, self._unreadable)
        self.forget()
        return snapshot
