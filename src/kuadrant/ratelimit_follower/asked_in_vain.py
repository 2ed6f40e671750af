"""Tells which limits were asked for in vain, as often as it may be said."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.ratelimit import RateLimitService
    from kuadrant.ratelimit.unknown_limits import UnknownLimit

LOOK_SECONDS = 1.0
"""How often it is looked for."""
HOLD_SECONDS = 30.0
"""For how long no more are added to what was said.

Whoever reaches the port chooses what is asked, and each change is a write. What is held by now, or asked for
no more, is taken back at once: that happens once to each that was said.
"""


class AskedInVain:
    """``limits`` are those of ``service`` that were asked for lately and are not held.

    ``changed`` is called when they are others.
    """

    def __init__(self, service: RateLimitService, changed: Callable[[], None]) -> None:
        self._service = service
        self._changed = changed
        self.limits: tuple[UnknownLimit, ...] = ()

    async def run(self) -> None:
        """Look until cancelled."""
        clock = asyncio.get_running_loop().time
        more_at = clock()
        while True:
            limits = self._service.unknown_limits()
            is_more = not set(limits) <= set(self.limits)
            if is_more and clock() < more_at:
                limits = tuple(one for one in self.limits if one in limits)
            elif is_more:
                more_at = clock() + HOLD_SECONDS
            if limits != self.limits:
                self.limits = limits
                self._changed()
            await asyncio.sleep(LOOK_SECONDS)
