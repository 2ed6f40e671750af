"""Tells Events one after the other, and never in the way of a status."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kuadrant.kube.events import Event, Recorder
    from kuadrant.operator.reconcile.clock import Clock

_MOST: Final = 10_000
"""So many Events may wait to be told; what is more is not told."""


class EventQueue:
    """Tells Events to the API server.

    Args:
        recorder: tells one Event.
        clock: the time at which an Event was put here.
    """

    def __init__(self, recorder: Recorder, clock: Clock) -> None:
        self._recorder = recorder
        self._clock = clock
        self._events: asyncio.Queue[tuple[Event, float]] = asyncio.Queue(_MOST)

    def put(self, event: Event) -> None:
        """Have an Event told; with too many waiting, it is not."""
        with contextlib.suppress(asyncio.QueueFull):
            self._events.put_nowait((event, self._clock.seconds()))

    async def run(self) -> None:
        """Tell Events until cancelled."""
        while True:
            await self._recorder.record(*await self._events.get())
