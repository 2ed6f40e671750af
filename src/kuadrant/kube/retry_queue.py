"""Chooses the key to work on next: each once, never two workers on one key, failures later and later."""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from kuadrant import log

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    K = TypeVar("K", bound=Hashable)
    K_contra = TypeVar("K_contra", bound=Hashable, contravariant=True)
else:
    K = TypeVar("K")
    K_contra = TypeVar("K_contra", contravariant=True)

logger = log.get("kube")

FIRST_DELAY = 0.05
LONGEST_DELAY = 60.0
ADDED_DELAY = 1.0
"""Seconds between a failure and the next attempt if something was added meanwhile."""


class NotDoneError(Exception):
    """Something could not be done, which was told where it happened; it is done again."""


class Queue(Generic[K]):
    """Keys that are due, one of each lane in turn, and within a lane in the order in which they became due.

    ``lane`` tells whose a key is, such as a namespace: who has thousands of keys holds up his own. Times are
    seconds of any clock that does not go back.

    A key that is added while it is worked on is due again when that ends; however often it was added, once.
    After the n-th failure in a row a key rests for 50 ms times 2 to the n - 1, a minute at most; there is no
    last attempt. If it is added meanwhile it rests for a second at most: what was added may be the remedy,
    but need not be.
    """

    def __init__(self, lane: Callable[[K], Hashable] = lambda _: None) -> None:
        self._lane = lane
        self._due: dict[Hashable, dict[K, None]] = {}
        self._working: set[K] = set()
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._failed_at: dict[K, float] = {}
        self._resting: dict[K, float] = {}
        self._alarms: list[tuple[float, int, K]] = []
        self._count = 0

    def __len__(self) -> int:
        """Return how many keys are due, will be, or are worked on."""
        return len(self._working.union(self._resting, *self._due.values()))

    def add(self, key: K) -> None:
        """There is something to do for ``key``."""
        if key in self._working:
            self._again.add(key)
        elif key in self._failures:
            self._rest(key, self._failed_at[key] + ADDED_DELAY)
        else:
            self._add_due(key)

    def add_at(self, key: K, at: float) -> None:
        """There will be something to do for ``key`` at a time, because something expires, for instance."""
        self._rest(key, max(at, self._failed_at[key] + ADDED_DELAY) if key in self._failures else at)

    def take(self, now: float) -> K | None:
        """The next key to work on, which is then in flight until ``done`` or ``fail``.

        None if none is due.
        """
        while self._alarms and self._alarms[0][0] <= now:
            at, _, key = heapq.heappop(self._alarms)
            if self._resting.get(key) == at:
                del self._resting[key]
                if key in self._working:
                    self._again.add(key)
                else:
                    self._add_due(key)
        for lane, keys in self._due.items():
            key = next(iter(keys))
            del keys[key], self._due[lane]
            if keys:
                self._due[lane] = keys
            self._working.add(key)
            return key
        return None

    def done(self, key: K) -> None:
        """The work on a key succeeded."""
        self._working.remove(key)
        self._failures.pop(key, None)
        self._failed_at.pop(key, None)
        if key in self._again:
            self._again.remove(key)
            self._add_due(key)

    def fail(self, key: K, now: float) -> float:
        """The work on a key failed; returns when it is due again."""
        self._working.remove(key)
        failures = self._failures.get(key, 0) + 1
        self._failures[key] = failures
        self._failed_at[key] = now
        delay: float = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures - 1, 16))
        alarm = self._resting.pop(key, None)
        self._rest(key, now + delay)
        if alarm is not None:
            self.add_at(key, alarm)
        if key in self._again:
            self._again.remove(key)
            self.add(key)
        return self._resting[key]

    def next_at(self) -> float | None:
        """The time when the next resting key becomes due; None if none rests."""
        while self._alarms and self._resting.get(self._alarms[0][2]) != self._alarms[0][0]:
            heapq.heappop(self._alarms)
        return self._alarms[0][0] if self._alarms else None

    def _add_due(self, key: K) -> None:
        self._due.setdefault(self._lane(key), {}).setdefault(key)

    def _rest(self, key: K, at: float) -> None:
        """Rest until ``at``, or until the time that was set before if that is earlier."""
        if self._resting.get(key, at + 1) <= at:
            return
        self._resting[key] = at
        # The count is there because keys need not be comparable.
        self._count += 1
        if len(self._alarms) > 2 * len(self._resting) + 64:
            # Mostly alarms that an earlier one overtook.
            self._alarms = [
                (when, self._count + n, resting) for n, (resting, when) in enumerate(self._resting.items())
            ]
            self._count += len(self._alarms)
            heapq.heapify(self._alarms)
        else:
            heapq.heappush(self._alarms, (at, self._count, key))


class Meter(Protocol[K_contra]):
    """Is told of all that happens to a queue."""

    def added(self, key: K_contra) -> None:
        """There is something to do that was not there before."""

    def started(self, key: K_contra, waited: float) -> None:
        """It is being done, ``waited`` seconds after it was due."""

    def ended(self, key: K_contra, took: float, *, failed: bool) -> None:
        """It is done after ``took`` seconds, or has to be done again."""


class Workers(Generic[K]):
    """Works a queue off with a coroutine. ``work`` fails by raising.

    The key comes again, and but for NotDoneError it is logged.

    ``lane`` is that of :class:`Queue`.
    """

    def __init__(
        self,
        work: Callable[[K], Awaitable[None]],
        *,
        at_once: int = 1,
        meter: Meter[K] | None = None,
        lane: Callable[[K], Hashable] = lambda _: None,
    ) -> None:
        self._work = work
        self._at_once = at_once
        self._meter = meter
        self._queue: Queue[K] = Queue(lane)
        self._due_at: dict[K, float] = {}
        self._added = asyncio.Event()

    def __len__(self) -> int:
        """Return how many keys are due, will be, or are worked on."""
        return len(self._queue)

    def add(self, key: K) -> None:
        """There is something to do for ``key``."""
        self._queue.add(key)
        self._note(key, 0.0)

    def add_after(self, key: K, seconds: float) -> None:
        """There will be something to do for ``key``."""
        self._queue.add_at(key, asyncio.get_running_loop().time() + seconds)
        self._note(key, seconds)

    def _note(self, key: K, seconds: float) -> None:
        self._added.set()
        if self._meter is not None:
            at = asyncio.get_running_loop().time() + seconds
            if key not in self._due_at:
                self._meter.added(key)
            self._due_at[key] = min(at, self._due_at.get(key, at))

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._at_once):
                group.create_task(self._run_one())

    async def _run_one(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            key = self._queue.take(loop.time())
            if key is None:
                self._added.clear()
                try:
                    async with asyncio.timeout_at(self._queue.next_at()):
                        await self._added.wait()
                except TimeoutError:
                    pass
                continue
            began = loop.time()
            if self._meter is not None:
                if key not in self._due_at:
                    # One of several times that were set for it.
                    self._meter.added(key)
                self._meter.started(key, max(0.0, began - self._due_at.pop(key, began)))
            failed = not await self._try(key)
            if self._meter is not None:
                self._meter.ended(key, loop.time() - began, failed=failed)
                if failed and key not in self._due_at:
                    self._note(key, 0.0)
            # What became due again is for whichever worker is free.
            self._added.set()

    async def _try(self, key: K) -> bool:
        """Do the work; return whether it succeeded."""
        loop = asyncio.get_running_loop()
        try:
            await self._work(key)
        except NotDoneError:
            self._queue.fail(key, loop.time())
        except Exception:  # Whatever one key raises must not end the work on the others.
            at = self._queue.fail(key, loop.time())
            logger.exception(
                "work failed and is done again", key=str(key), seconds=round(at - loop.time(), 3)
            )
        else:
            self._queue.done(key)
            return True
        return False
