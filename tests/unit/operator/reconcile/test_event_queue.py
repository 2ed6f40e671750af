"""Events are told in their order and with the time at which they happened; nobody waits for that."""

from __future__ import annotations

import asyncio

from kuadrant.kube.events import Event, Recorder, Regarding
from kuadrant.operator.core import kinds
from kuadrant.operator.reconcile import event_queue
from kuadrant.operator.reconcile.clock import system_clock
from kuadrant.operator.reconcile.event_queue import EventQueue


def event(note: str) -> Event:
    return Event(Regarding(kinds.POLICIES, ("ns", "a"), "1"), "Normal", "Enforced", "Enforce", note)


class Slow(Recorder):
    """Takes a second for each Event."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []

    async def record(self, event: Event, at: float) -> None:
        await asyncio.sleep(1)
        self.told.append((event.note, at))


async def told(*notes: str) -> list[tuple[str, float]]:
    """What is told of Events that happen half a second apart; times count from the first."""
    recorder, clock = Slow(), system_clock()
    queue = EventQueue(recorder, clock)
    running = asyncio.create_task(queue.run())
    first = clock.seconds()
    for note in notes:
        queue.put(event(note))
        await asyncio.sleep(0.5)
    await asyncio.sleep(10)
    running.cancel()
    return [(note, round(at - first, 1)) for note, at in recorder.told]


async def test_events_are_told_in_order_with_the_time_at_which_they_happened() -> None:
    assert await told("a", "b", "c") == [("a", 0.0), ("b", 0.5), ("c", 1.0)]


async def test_what_is_too_much_is_not_told_and_keeps_nobody_waiting() -> None:
    queue = EventQueue(recorder := Slow(), system_clock())
    for number in range(event_queue._MOST + 1):
        queue.put(event(str(number)))
    running = asyncio.create_task(queue.run())
    await asyncio.sleep(2 * event_queue._MOST)
    running.cancel()

    assert len(recorder.told) == event_queue._MOST
