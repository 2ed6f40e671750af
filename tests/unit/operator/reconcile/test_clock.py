"""The clocks of the operator are those of the event loop, of the process and of the day."""

from __future__ import annotations

import asyncio
import datetime as dt

from kuadrant.operator.reconcile.clock import Clock, system_clock


async def test_seconds_are_those_that_timers_run_by() -> None:
    clock = system_clock()
    before = clock.seconds()
    await asyncio.sleep(100)

    assert clock.seconds() >= before + 100
    assert clock.utc().tzinfo is dt.UTC
    assert clock.cpu_seconds() > 0


def test_the_time_of_day_is_written_as_kubernetes_has_it() -> None:
    day = dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=dt.UTC)
    clock = Clock(seconds=lambda: 0.0, cpu_seconds=lambda: 0.0, utc=lambda: day)

    assert clock.timestamp() == "2026-01-02T03:04:05Z"
