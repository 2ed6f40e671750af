"""The module server: what its sockets (``sockets.py``) answer is a shelf of modules (``module_shelf.py``)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from kuadrant.wasm.module_shelf import Shelf
from kuadrant.wasm.sockets import HttpServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from kuadrant.wasm.connection import Fetch, Limits
    from kuadrant.wasm.module import Module


@contextlib.asynccontextmanager
async def serve(
    modules: Sequence[Module],
    host: str = "",
    port: int | None = None,
    *,
    grace: float = 0.0,
    linger: Callable[[], float] = lambda: 0.0,
    observer: Callable[[Fetch], None] | None = None,
    limits: Limits | None = None,
) -> AsyncIterator[ModuleServer]:
    """Serve ``modules``, of which the first is the current one, as long as the context lasts.

    ``host`` is an address of this machine, empty for all of IPv4 and IPv6. ``port`` None takes any free port.
    0 is not a port here: the setting 0 means that there is no server, which the caller decides. ``observer``
    is called from the event loop after each answer. At the end, new connections are still answered for
    ``linger()`` seconds, since whoever sends them here hears of the end later than we do; then responses that
    are being sent get ``grace`` seconds to finish.

    Raises:
        ValueError: there are no modules, or ``port`` is 0.
        OSError: the address cannot be had.
    """
    server = ModuleServer(modules, host, port, observer=observer, limits=limits)
    try:
        yield server
    finally:
        await server.stop(grace, linger())


class ModuleServer(HttpServer):
    """A running module server; use `serve`."""

    def __init__(
        self,
        modules: Sequence[Module],
        host: str = "",
        port: int | None = None,
        *,
        observer: Callable[[Fetch], None] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Listen at once; arguments as for `serve`."""
        if port == 0:
            raise ValueError("port 0 means no module server; None takes any free port")
        self.shelf = Shelf(modules)
        super().__init__(lambda _peer: self.shelf, host, port, observer=observer, limits=limits)

    def replace(self, modules: Sequence[Module]) -> None:
        """Serve ``modules`` from the next request on; responses that are being sent keep their bytes.

        Raises:
            ValueError: there is none; then nothing changes.
        """
        self.shelf = Shelf(modules)
