"""Tells a person of limits that have nearly no room for counters, or none."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections import deque

    from kuadrant.ratelimit.counters import Note
    from kuadrant.ratelimit.store_room import StoreNote

_LOGGER = logging.getLogger(__name__)

_FULL: Final = "all that they may: new values share a counter"
_NEARLY: Final = "more than 80 % of what they may"


def tell_of_memory(notes: deque[Note]) -> None:
    """Log what has to be told of counters in memory, and take it from ``notes``."""
    while notes:
        tenant, identity, is_full = notes.popleft()
        _LOGGER.warning(
            "counters of %.300r take %d KiB, %s; last one in %.300r, of a limit of %d s with the "
            "variables %.600r",
            tenant.name,
            tenant.held // 1024,
            _FULL if is_full else _NEARLY,
            identity[0],
            identity[1],
            sorted(identity[3]),
        )


def tell_of_store(notes: deque[StoreNote]) -> None:
    """Log what has to be told of counters in the store, and take it from ``notes``."""
    while notes:
        tenant, identity, is_full = notes.popleft()
        _LOGGER.warning(
            "counters of %.300r take, in the store, %s; last one in %.300r, of a limit of %d s with the "
            "variables %.600r",
            tenant,
            _FULL if is_full else _NEARLY,
            identity[0],
            identity[1],
            sorted(identity[3]),
        )
