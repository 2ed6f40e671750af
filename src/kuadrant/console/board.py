"""What the console shows now, and who waits for it to change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec import structs

from kuadrant.console.topology_index import TopologyIndex, topology_index
from kuadrant.explanation import Configuration
from kuadrant.topology import Topology

if TYPE_CHECKING:
    from kuadrant.console.shown import Shown


class Board:
    """Holds what is shown. It belongs to one event loop.

    Attributes:
        boot: Names this run of the console: after a restart versions begin anew.
        shown: What is shown now.
    """

    def __init__(self, boot: str, shown: Shown) -> None:
        self.boot = boot
        self.shown = shown
        self._changed = asyncio.Event()
        self._index: TopologyIndex | None = None

    @property
    def index(self) -> TopologyIndex:
        """The topology as it is looked up; made when it is asked for first."""
        if self._index is None:
            self._index = topology_index(self.shown.topology)
        return self._index

    def update(self, **changes: Any) -> None:
        """Show other values of these fields of ``Shown``; nothing is told where all are as they were."""
        if all(_is_same(value, getattr(self.shown, name)) for name, value in changes.items()):
            return
        shown = structs.replace(self.shown, **changes)
        if shown.topology is not self.shown.topology:
            self._index = None
        self.shown = structs.replace(shown, version=self.shown.version + 1)
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self, version: int) -> None:
        """Return as soon as something else is shown than at ``version``."""
        while self.shown.version == version:
            await self._changed.wait()


def _is_same(value: Any, shown: Any) -> bool:
    """Tell whether a field is as it was; what is made of thousands of routes is not compared."""
    return value is shown or (not isinstance(value, Topology | Configuration) and value == shown)
