"""Brings the rate limit service and Envoy from one configuration to the next, or back to where they were."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from kuadrant.envoy_api import InvalidResourceError
from kuadrant.gateways import envoy
from kuadrant.ratelimit import InvalidLimitsError
from kuadrant.standalone.former_limits import FormerLimits
from kuadrant.standalone.stages import Target, stages
from kuadrant.xds import EMPTY, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kuadrant.api.limitador import Limit
    from kuadrant.ratelimit import RateLimitService
    from kuadrant.standalone.stages import Resources
    from kuadrant.xds import Server

_STAGE_SECONDS: Final = 15.0
_RETIRING_APART: Final = 1.0
"""Seconds between two times at which former limits go: each time has the service look at all of them."""
SILENT: Final = f"Envoy has not said within {_STAGE_SECONDS:.0f} s whether it takes the change"


class LiveConfiguration:
    """The limits that the rate limit service holds, and the configuration that Envoy is told.

    Args:
        limits: the rate limit service.
        xds: the server from which Envoy gets its resources.
        grace_seconds: for how long calls of a former configuration may be on their way.
        admit: has the rate limit service serve those who show no token, too, or refuse them.
        proves: whether the module that runs shows our token.
    """

    def __init__(
        self,
        limits: RateLimitService,
        xds: Server,
        grace_seconds: float,
        *,
        admit: Callable[[bool], None],
        proves: bool,
    ) -> None:
        self._admit = admit
        self._proves = proves
        self._limits = limits
        self._xds = xds
        self._grace_seconds = grace_seconds
        self._now = Target((), {})
        self._wanted: tuple[Limit, ...] | None = None
        self._former = FormerLimits(grace_seconds)
        self._retire_at = 0.0
        self._snapshot = EMPTY
        self._retiring: asyncio.TimerHandle | None = None
        self._closing: asyncio.TimerHandle | None = None

    @property
    def listeners(self) -> Iterable[str]:
        """The names of the listeners that Envoy is told of."""
        return self._now.resources.get(envoy.LISTENER, {}).keys()

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The limits that the rate limit service holds, former ones among them."""
        return self._now.limits

    def listen_again(self) -> None:
        """Have Envoy try again to open its listeners."""
        self._xds.again(envoy.LISTENER)

    async def roll_out(self, wanted: Target, *, proves: bool) -> tuple[str, ...]:
        """Bring the rate limit service and Envoy to ``wanted``; on a refusal, back to where they were.

        While a module may run that does not show our token, strangers are served, too. Returns the refusals.
        """
        if self._closing is not None:
            self._closing.cancel()
        if self._wanted is None:
            self._wanted = self._now.limits
        if not proves:
            self._admit(True)
        try:
            refusals = await self._bring(wanted)
            if refusals:
                self.retire_limits(self._wanted)
            else:
                self._proves = proves
            return refusals
        finally:
            loop = asyncio.get_running_loop()
            self._closing = loop.call_later(self._grace_seconds, self._look_who_may_ask)

    def _look_who_may_ask(self) -> None:
        """Have strangers refused again if the module that runs can show that it is none."""
        if self._proves:
            self._admit(False)

    async def _bring(self, wanted: Target) -> tuple[str, ...]:
        if self._retiring is not None:
            self._retiring.cancel()
        before = self._now
        way = stages(before, wanted)
        try:
            # What cannot be told to one of them is found out before anything is changed.
            await asyncio.to_thread(Snapshot.of, wanted.resources, self._snapshot)
            self.hold(way[0].limits)
        except (InvalidResourceError, InvalidLimitsError) as error:
            return (str(error),)
        for stage in way:
            refusals = await self._step(stage)
            if refusals:
                for back in stages(self._now, before):
                    await self._step(back)
                return refusals
        return ()

    async def _step(self, stage: Target) -> tuple[str, ...]:
        """Go to ``stage`` and return what Envoy has against it."""
        self.hold(stage.limits)
        changed = [url for url, named in stage.resources.items() if named != self._now.resources.get(url)]
        await self.send(stage.resources)
        try:
            async with asyncio.timeout(_STAGE_SECONDS):
                return await self._settled(changed)
        except TimeoutError:
            return (SILENT,)

    async def _settled(self, types: Iterable[str]) -> tuple[str, ...]:
        return tuple(refusal.text for refusal in await self._xds.settled(*types))

    def retire_limits(self, wanted: tuple[Limit, ...]) -> None:
        """Forget limits that are not wanted, as soon as no call can be on its way that asks for them."""
        self._wanted = wanted
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._former.note(self._now.limits, wanted, now)
        if now >= self._retire_at:
            self.hold(self._former.staying(self._now.limits, now))
            self._former.note(self._now.limits, wanted, now)
            self._retire_at = now + _RETIRING_APART
        if (at := self._former.next_time) is not None:
            self._retiring = loop.call_at(max(at, self._retire_at), self.retire_limits, wanted)

    def hold(self, limits: tuple[Limit, ...]) -> None:
        """Have the rate limit service hold these limits."""
        if limits != self._now.limits:
            self._limits.replace(limits)
            self._now = Target(limits, self._now.resources)

    async def send(self, resources: Resources) -> None:
        """Tell Envoy these resources."""
        self._snapshot = await asyncio.to_thread(Snapshot.of, resources, self._snapshot)
        self._now = Target(self._now.limits, resources)
        await self._xds.set(self._snapshot)
