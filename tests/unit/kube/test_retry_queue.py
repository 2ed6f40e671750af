"""The rules of the work queue."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kuadrant.kube.retry_queue import ADDED_DELAY, LONGEST_DELAY, Queue, Workers


def test_keys_come_in_the_order_in_which_they_were_added_and_once() -> None:
    queue: Queue[str] = Queue()
    for key in "abab":
        queue.add(key)
    assert [queue.take(0), queue.take(0), queue.take(0)] == ["a", "b", None]


def test_a_key_that_is_added_while_it_is_worked_on_comes_again_and_not_before_that_ends() -> None:
    queue: Queue[str] = Queue()
    queue.add("a")
    assert queue.take(0) == "a"
    queue.add("a")
    queue.add("a")
    assert queue.take(0) is None
    queue.done("a")
    assert queue.take(0) == "a"
    queue.done("a")
    assert queue.take(0) is None
    assert len(queue) == 0


def test_failures_rest_longer_each_time_up_to_a_bound_and_without_end() -> None:
    queue: Queue[str] = Queue()
    queue.add("a")
    now, rests = 0.0, []
    for _ in range(40):
        assert queue.take(now) == "a"
        at = queue.fail("a", now)
        assert queue.next_at() == at
        assert queue.take(at - 0.001) is None
        rests.append(at - now)
        now = at
    assert [round(rest, 3) for rest in rests[:4]] == [0.05, 0.1, 0.2, 0.4]
    assert abs(rests[-1] - LONGEST_DELAY) < 0.001


def test_success_ends_the_count_of_failures() -> None:
    queue: Queue[str] = Queue()
    queue.add("a")
    now = 0.0
    for _ in range(5):
        queue.take(now)
        now = queue.fail("a", now)
    queue.take(now)
    queue.done("a")
    queue.add("a")
    queue.take(now)
    assert round(queue.fail("a", now) - now, 3) == 0.05


def test_what_is_added_to_a_failing_key_may_be_the_remedy_and_comes_within_a_second() -> None:
    queue: Queue[str] = Queue()
    queue.add("a")
    now = 0.0
    for _ in range(10):
        assert queue.take(now) == "a"
        now = queue.fail("a", now)
    assert queue.take(now) == "a"
    queue.fail("a", now)
    queue.add("a")
    assert queue.take(now) is None
    assert queue.next_at() == now + ADDED_DELAY
    assert queue.take(now + ADDED_DELAY) == "a"


def test_what_was_added_before_a_failure_comes_within_a_second_too() -> None:
    queue: Queue[str] = Queue()
    queue.add("a")
    now = 0.0
    for _ in range(10):
        assert queue.take(now) == "a"
        now = queue.fail("a", now)
    queue.take(now)
    queue.add("a")
    assert queue.fail("a", now) == now + ADDED_DELAY


def test_a_failing_key_does_not_hold_up_the_others() -> None:
    queue: Queue[str] = Queue()
    queue.add("a")
    queue.take(0)
    queue.fail("a", 0)
    queue.add("b")
    assert queue.take(0) == "b"


def test_who_has_thousands_of_keys_holds_up_his_own() -> None:
    queue: Queue[str] = Queue(lambda key: key.partition("/")[0])
    for number in range(1000):
        queue.add(f"hostile/{number}")
    queue.add("victim/a")
    queue.add("victim/b")

    taken = [queue.take(0.0) for _ in range(5)]

    assert taken == ["hostile/0", "victim/a", "hostile/1", "victim/b", "hostile/2"]
    assert len(queue) == 1002


def test_a_key_can_be_due_at_a_time_and_the_earliest_counts() -> None:
    queue: Queue[str] = Queue()
    queue.add_at("a", 10)
    queue.add_at("a", 5)
    queue.add_at("a", 20)
    assert queue.next_at() == 5
    assert queue.take(4.9) is None
    assert queue.take(5) == "a"
    queue.done("a")
    assert queue.next_at() is None


def test_times_that_are_moved_again_and_again_take_no_memory() -> None:
    queue: Queue[str] = Queue()
    for at in range(100_000, 0, -1):
        queue.add_at("a", at)
    assert len(queue._alarms) < 200
    assert queue.next_at() == 1


class AnyOrder(RuleBasedStateMachine):
    """No key is ever lost, and none is worked on twice at once."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: Queue[str] = Queue()
        self.now = 0.0
        self.wanted: set[str] = set()
        self.working: set[str] = set()

    @rule(key=st.sampled_from("abc"))
    def add(self, key: str) -> None:
        self.queue.add(key)
        self.wanted.add(key)

    @rule(key=st.sampled_from("abc"), after=st.floats(0.1, 100))
    def add_at(self, key: str, after: float) -> None:
        self.queue.add_at(key, self.now + after)

    @rule()
    def take(self) -> None:
        key = self.queue.take(self.now)
        if key is None:
            return
        assert key not in self.working
        self.working.add(key)
        self.wanted.discard(key)

    @precondition(lambda self: self.working)
    @rule(succeeds=st.booleans())
    def finish(self, succeeds: bool) -> None:
        key = min(self.working)
        self.working.remove(key)
        if succeeds:
            self.queue.done(key)
        else:
            assert self.now < self.queue.fail(key, self.now) <= self.now + LONGEST_DELAY
            self.wanted.add(key)

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def the_next_time_is_the_earliest(self) -> None:
        assert self.queue.next_at() == min(self.queue._resting.values(), default=None)

    def teardown(self) -> None:
        while self.working:
            self.finish(succeeds=False)
        self.now += 1000
        taken = set()
        while (key := self.queue.take(self.now)) is not None:
            taken.add(key)
            self.queue.done(key)
        assert self.wanted <= taken
        assert len(self.queue) == 0


TestAnyOrder = pytest.mark.slow(AnyOrder.TestCase)
TestAnyOrder.settings = settings(max_examples=100, deadline=None)


async def test_workers_work_each_key_off_and_try_again_what_raised() -> None:
    seen: list[str] = []
    finished = asyncio.Event()

    async def work(key: str) -> None:
        seen.append(key)
        await asyncio.sleep(0)
        if seen.count("b") == 1 and key == "b":
            raise RuntimeError("not yet")
        if {"a", "b", "c"} <= set(seen) and seen.count("b") == 2:
            finished.set()

    workers = Workers(work, at_once=2)
    for key in "abc":
        workers.add(key)
    task = asyncio.create_task(workers.run())
    async with asyncio.timeout(5):
        await finished.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sorted(seen) == ["a", "b", "b", "c"]


async def test_workers_take_what_is_due_later() -> None:
    done = asyncio.Event()

    async def work(_: str) -> None:
        done.set()

    workers = Workers(work)
    task = asyncio.create_task(workers.run())
    await asyncio.sleep(0)
    workers.add_after("a", 0.01)
    async with asyncio.timeout(5):
        await done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_meter_hears_of_each_beginning_that_there_is_something_to_do() -> None:
    """Also when a time that was set comes after the work was done for another reason."""
    heard: list[str] = []

    class Heard:
        def added(self, _: str) -> None:
            heard.append("added")

        def started(self, _: str, waited: float) -> None:
            assert waited >= 0
            heard.append("started")

        def ended(self, _: str, took: float, *, failed: bool) -> None:
            assert took >= 0
            assert not failed
            heard.append("ended")

    async def work(_: str) -> None:
        await asyncio.sleep(0)

    workers: Workers[str] = Workers(work, meter=Heard())
    workers.add_after("a", 0.05)
    workers.add("a")
    task = asyncio.create_task(workers.run())
    async with asyncio.timeout(10):
        while heard.count("ended") < 2:  # noqa: ASYNC110 - there is nobody who could tell
            await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert heard == ["added", "started", "ended"] * 2
