"""A way to a port of this machine that begins at another loopback address.

GRPC's clients cannot choose theirs.
"""

from __future__ import annotations

import asyncio
import socket

from kuadrant.xds.pump import Pump


class Via:
    """Who connects to ``target`` reaches ``port`` from ``address``, until it is closed."""

    def __init__(self, address: str, port: int) -> None:
        self._address = address
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.target = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._pumps: list[Pump] = []
        self._task = asyncio.create_task(self._carry())

    async def _carry(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            onward = socket.socket()
            onward.bind((self._address, 0))
            onward.setblocking(False)
            await loop.sock_connect(onward, ("127.0.0.1", self._port))
            self._pumps.append(Pump(connection, onward, lambda: None))

    async def close(self) -> None:
        """Close every connection."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for pump in self._pumps:
            pump.close()
        self._listener.close()
