"""Paces the other addresses of its module that a gateway is told of when it could not get it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kuadrant import log
from kuadrant.gateways.module_address import try_of
from kuadrant.operator.core.times import LONGEST_RETRY_SECONDS, UNPROVEN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container

    from kuadrant.gateways.module_address import ModuleAddress
    from kuadrant.kube.kind import Key

logger = log.get("kuadrant-operator")


class ModuleRetries:
    """Lets a gateway try again when its module's address is proven, each time later.

    The number of a try is in the address; only when the next may be is remembered here.

    Args:
        prove: tells what is wrong with a module's address at this moment; empty if it gives its bytes.
    """

    def __init__(self, prove: Callable[[ModuleAddress], Awaitable[str]]) -> None:
        self._prove = prove
        self._next: dict[Key, float] = {}

    async def delay(self, gateway: Key, module: ModuleAddress) -> float:
        """Return for how many seconds the gateway may not be told.

        0 if it may be now, which it is taken to be.
        """
        clock = asyncio.get_running_loop().time
        wait = self._next.get(gateway, 0.0) - clock()
        if wait > 0:
            return wait
        if await self._prove(module):
            return UNPROVEN_SECONDS
        number = try_of(module.url)
        self._next[gateway] = clock() + min(LONGEST_RETRY_SECONDS, 2.0 ** min(number - 1, 10))
        logger.info(
            "the gateway could not get the module: try again", gateway="/".join(gateway), number=number
        )
        return 0.0

    def forget_all_but(self, gateways: Container[Key]) -> None:
        """Forget gateways that are gone."""
        self._next = {key: at for key, at in self._next.items() if key in gateways}
