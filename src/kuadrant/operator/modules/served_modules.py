"""Serves this replica's modules to gateways, and knows who has got which."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from kuadrant.operator.core.times import GRACE_SECONDS
from kuadrant.wasm.gateway_fetch_log import FetchLog
from kuadrant.wasm.server import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from kuadrant.wasm.gateway_fetches import Fetches
    from kuadrant.wasm.module import Module
    from kuadrant.wasm.server import ModuleServer


class ServedModules:
    """Serves this replica's modules; they may be replaced before and while it is open."""

    def __init__(self, modules: tuple[Module, ...]) -> None:
        self._fetch_log = FetchLog(modules)
        self._modules = modules
        self._server: ModuleServer | None = None

    @property
    def fetches(self) -> Fetches:
        """The record of who has got which module."""
        return self._fetch_log.fetches

    @contextlib.asynccontextmanager
    async def open(self, port: int, linger: Callable[[], float]) -> AsyncIterator[None]:
        """Serve on a port as long as the context lasts."""
        async with serve(
            self._modules, "", port, grace=GRACE_SECONDS, linger=linger, observer=self._fetch_log.note
        ) as self._server:
            yield

    def hold(self, modules: tuple[Module, ...]) -> None:
        """Give these from the next request on."""
        self.fetches.know(modules)
        if self._server is not None:
            self._server.replace(modules)
