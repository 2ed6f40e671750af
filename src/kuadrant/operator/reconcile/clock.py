"""Hands the clocks of the operator in, as a value."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable

from msgspec import Struct


class Clock(Struct, frozen=True, kw_only=True):
    """Tells the time.

    Attributes:
        seconds: seconds that never go back, the same that the event loop's timers run by.
        cpu_seconds: seconds of CPU that this process has used.
        utc: the time of day, for what people read.
    """

    seconds: Callable[[], float]
    cpu_seconds: Callable[[], float]
    utc: Callable[[], dt.datetime]

    def timestamp(self) -> str:
        """Return the time of day in the form of Kubernetes' conditions (metav1.Time)."""
        return self.utc().strftime("%Y-%m-%dT%H:%M:%SZ")


def system_clock() -> Clock:
    """Return the clocks of this machine and of the running event loop."""
    return Clock(
        seconds=asyncio.get_running_loop().time,
        cpu_seconds=time.process_time,
        utc=lambda: dt.datetime.now(dt.UTC),
    )
