"""When a gateway that could not get its module may be told of another address of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from kuadrant import log
from kuadrant.gateways.module import try_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container

    from kuadrant.gateways.module import Module
    from kuadrant.kube.kind import Key

logger = log.get("kuadrant-operator")

LONGEST_PAUSE: Final = 10.0
"""Seconds between two tries: they begin at one and double up to this."""
_UNPROVEN: Final = 1.0


class Tries:
    """``prove`` tells what is wrong with a module's address at this moment, nothing if it gives its bytes.

    The number of a try is in the address; only when the last one was is remembered here.
    """

    def __init__(self, prove: Callable[[Module], Awaitable[str]]) -> None:
        self._prove = prove
        self._next: dict[Key, float] = {}

    async def delay(self, gateway: Key, module: Module) -> float:
        """Return for how many seconds the gateway may not be told; 0 if it may be now, which it is taken to be."""
        clock = asyncio.get_running_loop().time
        wait = self._next.get(gateway, 0.0) - clock()
        if wait > 0:
            return wait
        if await self._prove(module):
            return _UNPROVEN
        number = try_of(module.url)
        self._next[gateway] = clock() + min(LONGEST_PAUSE, 2.0 ** min(number - 1, 10))
        logger.info(
            "the gateway could not get the module: try again", gateway="/".join(gateway), number=number
        )
        return 0.0

    def forget_all_but(self, gateways: Container[Key]) -> None:
        """Forget gateways that are gone."""
        self._next = {key: at for key, at in self._next.items() if key in gateways}
