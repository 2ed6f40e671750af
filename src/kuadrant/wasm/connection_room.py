"""Decides which connection makes room for a new one, where the server has as many as it takes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from kuadrant.wasm.connection import Connection


def make_room(connections: Collection[Connection], now: float) -> bool:
    """Close one that asks for nothing, or does not read, for a new one; return whether there was one.

    It is of the address that has most of those. Who has a single connection keeps it as long as somebody else
    has several: it may be a probe whose request is on its way, the only one here that does not wait to be
    read.
    """
    counts = Counter(connection.peer for connection in connections)
    several = [connection for connection in connections if counts[connection.peer] > 1]
    while idle := [one for one in several or connections if one.waiting and one.is_open]:
        most = max(counts[one.peer] for one in idle)
        if min((one for one in idle if counts[one.peer] == most), key=_deadline).give_way():
            return True
    slow = [connection for connection in several or connections if connection.is_slow(now)]
    if not slow:
        return False
    most = max(counts[one.peer] for one in slow)
    min((one for one in slow if counts[one.peer] == most), key=_began).cut()
    return True


def _deadline(connection: Connection) -> float:
    return connection.deadline


def _began(connection: Connection) -> float:
    return connection.began
