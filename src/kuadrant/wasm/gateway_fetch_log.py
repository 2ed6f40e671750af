"""Takes note of who has got which module, for pages, metrics and the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kuadrant import log
from kuadrant.wasm.gateway_fetches import Fetches

if TYPE_CHECKING:
    from kuadrant.wasm.connection import Fetch
    from kuadrant.wasm.module import Module

logger = log.get("wasm-shim")


class FetchLog:
    """Counts fetches of ``modules`` and logs each at the level debug."""

    def __init__(self, modules: tuple[Module, ...]) -> None:
        self.fetches = Fetches(modules, asyncio.get_running_loop().time)

    def note(self, fetch: Fetch) -> None:
        """Take note of one; the module server's ``observer``."""
        self.fetches.note(fetch)
        logger.debug("fetch", **{name: getattr(fetch, name) for name in fetch.__struct_fields__})
