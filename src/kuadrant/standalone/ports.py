"""Finds out whether ports of this machine can be had, and whether something listens there."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from typing import TYPE_CHECKING, Final

from kuadrant.standalone.errors import StartError

if TYPE_CHECKING:
    from kuadrant.gateways.envoy import Address

_LISTEN_POLL_SECONDS: Final = 0.01


async def listening(address: Address) -> None:
    """Return when connections to ``address`` are taken."""
    while True:
        try:
            _, writer = await asyncio.open_connection(address.host, address.port)
        except OSError:
            await asyncio.sleep(_LISTEN_POLL_SECONDS)
        else:
            writer.close()
            return


def require_free(*wanted: tuple[str, Address]) -> None:
    """Find out whether all these ports, each wanted by an option, can be had at once.

    Raises:
        StartError: one cannot.
    """
    with contextlib.ExitStack() as held:
        for option, address in wanted:
            family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
            try:
                held.enter_context(socket.create_server((address.host, address.port), family=family))
            except OSError as error:
                raise taken(option, address.host, address.port, error) from error


def taken(option: str, host: str, port: int, error: OSError) -> StartError:
    """Return the error of a port that ``option`` asks for and the system does not give."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return StartError(
            f"port {port} of {host} cannot be opened: there are too many open files; "
            "let the process have more (ulimit -n)"
        )
    # asyncio's own text names the address once more.
    why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return StartError(f"port {port} of {host} cannot be had ({why}); choose another with {option}")
