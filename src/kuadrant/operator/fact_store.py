"""Holds what is known beside the objects of the cluster, and has decisions made when it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.operator.core.known_facts import Known


class FactStore:
    """Joins those who find something out with those who decide; neither has to know the other.

    Attributes:
        value: what is known now.
    """

    def __init__(self, known: Known) -> None:
        self.value = known
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call a listener from now on whenever something else is known, or may be."""
        self._listeners.append(listener)

    def change(self, **values: Any) -> None:
        """Replace what is known by these values, by the fields of `Known`."""
        known = replace(self.value, **values)
        if known != self.value:
            self.value = known
            self.look()

    def look(self) -> None:
        """Have decisions made again."""
        for listener in self._listeners:
            listener()
