"""Keeps what the console shows now, and wakes who waits for it to change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec import structs

from kuadrant.console.topology_index import TopologyIndex, topology_index
from kuadrant.explanation import Configuration
from kuadrant.topology import Topology

if TYPE_CHECKING:
    from kuadrant.console.console_state import ConsoleState


class StateStore:
    """Holds what is shown. It belongs to one event loop.

    Attributes:
        boot: Names this run of the console: after a restart versions begin anew.
        shown: What is shown now.
    """

    def __init__(self, boot: str, shown: ConsoleState) -> None:
        self.boot = boot
        self.shown = shown
        self._changed = asyncio.Event()
        self._indexing = asyncio.Lock()
        self._indexed: tuple[Topology, TopologyIndex] | None = None

    async def indexed(self) -> tuple[ConsoleState, TopologyIndex]:
        """Return what is shown, and its topology to look things up in, which is made when it is asked for.

        That takes its time with thousands of routes, and is done beside the event loop.
        """
        async with self._indexing:
            shown = self.shown
            if self._indexed is None or self._indexed[0] is not shown.topology:
                index = await asyncio.to_thread(topology_index, shown.topology)
                self._indexed = (shown.topology, index)
            return shown, self._indexed[1]

    def update(self, **changes: Any) -> None:
        """Show other values of these fields of the state; nothing is told where all are as they were."""
        if all(_is_same(value, getattr(self.shown, name)) for name, value in changes.items()):
            return
        shown = structs.replace(self.shown, **changes)
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
