"""A decision is made at once when something changed, and later when deciding takes much of the machine."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from typing import TYPE_CHECKING

import pytest

from kuadrant.kube.retry_queue import Workers
from kuadrant.operator.core.times import LONGEST_PACE_SECONDS
from kuadrant.operator.metrics import Metrics
from kuadrant.operator.reconcile.clock import Clock
from kuadrant.operator.reconcile.decision_rounds import Deciding, Trigger
from kuadrant.policy.budgets import DEFAULT
from tests.unit.operator.core.observed import filled
from tests.unit.operator.known import known

if TYPE_CHECKING:
    from kuadrant.operator.core.world import World
    from kuadrant.operator.reconcile.queue_keys import Work


class Triggered:
    """A trigger, decisions that take CPU, and when each began."""

    def __init__(self, takes: float) -> None:
        self.began: list[float] = []
        self._takes = takes
        self._cpu = 0.0
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        self.clock = Clock(
            seconds=self._loop.time, cpu_seconds=lambda: self._cpu, utc=lambda: dt.datetime.now(dt.UTC)
        )
        self.workers: Workers[Work] = Workers(self._decide)
        self.trigger = Trigger(lambda: self.workers, self.clock)

    async def _decide(self, _: Work) -> None:
        self.began.append(round(self._loop.time() - self._start, 1))
        cpu = self.trigger.begin()
        await asyncio.sleep(self._takes)
        self._cpu += self._takes
        self.trigger.end(cpu)

    async def look(self, *at: float) -> list[float]:
        """When decisions are made, if something changes at these times."""
        running = asyncio.create_task(self.workers.run())
        for time in at:
            await asyncio.sleep(max(0.0, self._start + time - self._loop.time()))
            self.trigger.look()
        await asyncio.sleep(30)
        running.cancel()
        return self.began


@pytest.mark.parametrize(
    ("takes", "changes", "decisions"),
    [
        pytest.param(0.01, (0.0, 1.0), [0.0, 1.0], id="each change has a decision at once"),
        pytest.param(
            1.0, (0.0, 0.2, 0.4), [0.0, 1.0 + LONGEST_PACE_SECONDS], id="those that come meanwhile have one"
        ),
    ],
)
async def test_changes_are_decided_on(
    takes: float, changes: tuple[float, ...], decisions: list[float]
) -> None:
    assert await Triggered(takes).look(*changes) == pytest.approx(decisions, abs=0.1)


async def test_who_waits_for_a_decision_gets_one_that_began_afterwards() -> None:
    one = Triggered(1.0)
    running = asyncio.create_task(one.workers.run())
    one.trigger.look()
    await asyncio.sleep(0.5)  # of a virtual clock

    await one.trigger.decided_anew()

    assert len(one.began) == 2
    running.cancel()


async def test_what_there_has_to_be_is_decided_from_the_store_beside_the_event_loop_the_first_time() -> None:
    cluster, threads = filled(), set[str]()
    clock = Clock(
        seconds=asyncio.get_running_loop().time, cpu_seconds=float, utc=lambda: dt.datetime.now(dt.UTC)
    )
    deciding = Deciding(cluster.store, known, DEFAULT, Metrics(), clock)
    of = deciding.accepted.of

    def note(world: World, now: float, crowded: frozenset[str] = frozenset()) -> World:
        threads.add(threading.current_thread().name)
        return of(world, now, crowded)

    deciding.accepted.of = note  # type: ignore[method-assign]

    first = await deciding.decide(known(), frozenset())
    assert [*first[1].gateways] == [("ns", "gw")]
    assert threads != {"MainThread"}, "it looks at everything, and the Lease is renewed meanwhile"
    threads.clear()
    again = await deciding.decide(known(), frozenset())
    assert threads == {"MainThread"}, "there is little to do"
    assert again[1].gateways[("ns", "gw")] is first[1].gateways[("ns", "gw")]
