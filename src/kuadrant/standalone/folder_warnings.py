"""Tells people what is suspicious in the folder that is live."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from kuadrant import log
from kuadrant.standalone.folder_selection import printable

if TYPE_CHECKING:
    from pathlib import Path

    from kuadrant.standalone.announcements import Announcements
    from kuadrant.standalone.console_feed import ConsoleFeed
    from kuadrant.standalone.plan import Plan

logger = log.get("kuadrant")

_REST: Final = 20.0
"""So many times as long as the folder was looked at for people is rested before the next time."""


class Telling:
    """Looks at what is live, apart from what makes it so: nobody's edit waits for what people are told.

    Args:
        folder: The folder.
        announcements: Say what is new.
        console: Shows all of it; None if there is no console.
    """

    def __init__(
        self, folder: Path, announcements: Announcements, console: ConsoleFeed | None = None
    ) -> None:
        self._folder = folder
        self._announcements = announcements
        self._console = console
        self._live: Plan | None = None
        self._is_new = asyncio.Event()

    def note(self, live: Plan) -> None:
        """Have it told, unless something newer is live before."""
        self._live = live
        self._is_new.set()

    async def run(self) -> None:
        """Tell of what is live without an end; who edits without a pause is told now and then."""
        loop = asyncio.get_running_loop()
        while True:
            await self._is_new.wait()
            self._is_new.clear()
            live, self._live = self._live, None
            began = loop.time()
            if live is not None:
                await self.tell(live)
            del live  # with all documents
            await asyncio.sleep(_REST * (loop.time() - began))

    async def tell(self, live: Plan) -> None:
        """Tell what else a person ought to know of the folder, which is live meanwhile."""
        try:
            found = await asyncio.to_thread(live.findings)
        except Exception:
            # A defect of ours is no reason to hold up what is live.
            logger.exception("what is suspicious in the folder is not known")
            return
        self._announcements.found(found, printable(self._folder))
        if self._console is not None:
            self._console.found(found)
