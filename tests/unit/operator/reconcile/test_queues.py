"""Work is put into a queue for the time when it is due, and only by who leads."""

from __future__ import annotations

import asyncio

import pytest

from kuadrant.operator.core.times import FIRST_REPETITION_SECONDS
from kuadrant.operator.metrics import Metrics
from kuadrant.operator.reconcile.changed_since import ChangedSince
from kuadrant.operator.reconcile.clock import system_clock
from kuadrant.operator.reconcile.queue_keys import LIMITS, Work
from kuadrant.operator.reconcile.queues import Queues, Schedule


class Working:
    """Queues at work, and when each piece was done."""

    def __init__(self, *, leads: bool = True) -> None:
        self.clock = system_clock()
        self.began = self.clock.seconds()
        self.done: list[tuple[Work, float]] = []
        self.queues = Queues(self._perform, Metrics())
        self.schedule = Schedule(lambda: leads, self.clock)
        self._tasks = [asyncio.create_task(queue.run()) for queue in self.queues.all]

    async def _perform(self, work: Work) -> None:
        self.done.append((work, round(self.clock.seconds() - self.began, 2)))

    async def end(self, seconds: float = 60.0) -> list[tuple[Work, float]]:
        await asyncio.sleep(seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self.queues.idle
        return self.done


@pytest.mark.parametrize(
    ("after", "rest", "due"),
    [
        pytest.param(0.0, 0.0, 0.0, id="at once"),
        pytest.param(2.0, 0.0, 2.0, id="when its goal has held"),
        pytest.param(0.0, 0.2, 0.2, id="after the rest that it needs"),
    ],
)
async def test_work_is_done_when_it_is_due(after: float, rest: float, due: float) -> None:
    working = Working()
    working.schedule.mark(working.queues.objects, LIMITS, "goal", after=after, rest=rest)

    ((work, at),) = await working.end()
    assert work == LIMITS
    assert at == pytest.approx(due, abs=0.1)


async def test_who_does_not_lead_does_nothing() -> None:
    working = Working(leads=False)
    working.schedule.mark(working.queues.objects, LIMITS, "goal")

    assert await working.end() == []


async def test_what_somebody_undoes_again_and_again_waits() -> None:
    working = Working()
    for _ in range(4):
        working.schedule.mark(working.queues.objects, LIMITS, "goal")
        await asyncio.sleep(0.1)

    *_, (_, last) = await working.end()
    assert last == pytest.approx(0.3 + FIRST_REPETITION_SECONDS, abs=0.1)


async def test_another_goal_does_not_wait() -> None:
    working = Working()
    for goal in range(10):
        working.schedule.mark(working.queues.objects, LIMITS, goal)
        await asyncio.sleep(0.1)

    assert [round(at, 1) for _, at in await working.end()] == pytest.approx(
        [n / 10 for n in range(10)], abs=0.1
    )


async def test_repetitions_of_work_that_is_gone_are_forgotten() -> None:
    working = Working()
    for number in range(3):
        working.schedule.mark(working.queues.statuses, Work("policy", ("ns", str(number))), "goal")
    working.schedule.forget_all_but(ChangedSince())

    assert len(working.schedule._patience) == 0
    await working.end()
