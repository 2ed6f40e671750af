"""Decides at which port the console listens: the one that is asked for, or the next that is free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.console.server import ConsoleServer

_MOST_TRIED: Final = 20
_PORTS: Final = 65536


async def started_at_free_port(make: Callable[[int], ConsoleServer], first: int) -> ConsoleServer:
    """Start a server at ``first``, or at the next of twenty ports that can be had, and return it.

    Args:
        make: Makes a server for a port; it has not started.
        first: The port that is tried first; 0 has the system choose.

    Raises:
        OSError: None can be had; it is what was said of the last one.
    """
    problem = OSError(f"port {first} cannot be had")
    for port in range(first, min(first + _MOST_TRIED, _PORTS)):
        server = make(port)
        try:
            await server.start()
        except OSError as error:
            problem = error
        else:
            return server
    raise problem
