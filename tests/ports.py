"""Ports for servers that a test starts."""

from __future__ import annotations

import contextlib
import random
import socket

# Below the range from which Linux takes the ports of outgoing connections: what is found free here is not
# taken by a connection that some process opens before the server is up.
_PORTS = range(10_240, 30_000)
_given: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Return ``count`` ports in a row that nothing listens on, and that this process was not given before."""
    while True:
        first = random.choice(_PORTS[:-count])
        ports = list(range(first, first + count))
        if _given.isdisjoint(ports) and all(map(_is_free, ports)):
            _given.update(ports)
            return ports


def free_port() -> int:
    """Return one such port."""
    (port,) = free_ports(1)
    return port


def _is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_server(("0.0.0.0", port)):
        return True
    return False
