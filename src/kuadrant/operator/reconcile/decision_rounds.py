"""Decides from the objects in the store, not more often than the machine can bear."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from kuadrant.operator.core.accepted_policies import AcceptedPolicies
from kuadrant.operator.core.decider import Decider
from kuadrant.operator.core.world import Observer
from kuadrant.operator.reconcile.decision_pace import DecisionPace
from kuadrant.operator.reconcile.queue_keys import DECISION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kuadrant.kube.retry_queue import Workers
    from kuadrant.kube.store import Change, Store
    from kuadrant.operator.core.decision import Decision
    from kuadrant.operator.core.known_facts import Known
    from kuadrant.operator.core.world import World
    from kuadrant.operator.metrics import Metrics
    from kuadrant.operator.reconcile.clock import Clock
    from kuadrant.operator.reconcile.queue_keys import Work
    from kuadrant.policy.budgets import Budgets

_FEW: Final = 50
"""So many changes are decided on without leaving the event loop."""


class Trigger:
    """Has a decision made whenever something changed: at once, or after a rest if deciding takes much.

    Args:
        queue: where the decision is put.
        clock: the time.
        is_awaited: whether anybody acts on decisions; if not, they are made now and then, to be ready.
    """

    def __init__(
        self, queue: Callable[[], Workers[Work]], clock: Clock, is_awaited: Callable[[], bool] = lambda: True
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._is_awaited = is_awaited
        self._pace = DecisionPace()
        self._deciding = self._changed_meanwhile = False
        self._begun = self._ended = 0
        self._decided = asyncio.Event()

    def look(self) -> None:
        """Have a decision made, since something changed."""
        if self._deciding:
            self._changed_meanwhile = True
        elif delay := self._pace.delay(self._clock.seconds(), is_awaited=self._is_awaited()):
            self._queue().add_after(DECISION, delay)
        else:
            self._queue().add(DECISION)

    def begin(self) -> float:
        """Begin a decision; return what `end` is to be given."""
        self._deciding, self._changed_meanwhile = True, False
        self._begun += 1
        return self._clock.cpu_seconds()

    def end(self, began: float) -> None:
        """End a decision. What came meanwhile is decided on next."""
        self._deciding = False
        self._ended = self._begun
        self._decided.set()
        self._decided = asyncio.Event()
        self._pace.note(self._clock.seconds(), self._clock.cpu_seconds() - began)
        if self._changed_meanwhile:
            self.look()

    async def decided_anew(self) -> None:
        """Return when a decision was made that began after this was called."""
        number = self._begun + 1
        self.look()
        while self._ended < number:
            await self.decided()

    async def decided(self) -> None:
        """Return when the next decision has been made, however it comes."""
        await self._decided.wait()


class Deciding:
    """Takes the world out of the store, and decides what there has to be.

    Args:
        store: the objects of the cluster.
        known: what is known beside the objects.
        budgets: how much policies and namespaces may ask for.
        metrics: is told how long each decision took.
        clock: the time.
    """

    def __init__(
        self, store: Store, known: Callable[[], Known], budgets: Budgets, metrics: Metrics, clock: Clock
    ) -> None:
        self._observer = Observer(store)
        self._decider = Decider()
        self._metrics = metrics
        self._clock = clock
        self._changes = 0
        self._decided = False
        self.known = known
        self.accepted = AcceptedPolicies(budgets)
        """The policies in effect, and what namespaces ask for."""

    def take(self, changes: Iterable[Change[Any]]) -> bool:
        """Note what changed in the store; return whether it can matter."""
        changes = tuple(changes)
        self._changes += len(changes)
        return self._observer.take(changes)

    async def decide(self, known: Known, crowded: frozenset[str]) -> tuple[World, Decision]:
        """Return what there is and what there has to be.

        Args:
            known: what is known beside the objects.
            crowded: namespaces of which no edit is taken.
        """
        changes, self._changes = self._changes, 0
        world = self._observer.world()
        began = self._clock.seconds()
        if not self._decided or changes > _FEW:
            # Longer than the event loop may be kept waiting: modules are served in it, and the Lease is
            # renewed.
            result = await asyncio.to_thread(self._decide_from, world, known, crowded, began)
        else:
            result = self._decide_from(world, known, crowded, began)
        self._decided = True
        self._metrics.decided(self._clock.seconds() - began)
        return result

    def _decide_from(
        self, world: World, known: Known, crowded: frozenset[str], now: float
    ) -> tuple[World, Decision]:
        world = self.accepted.of(world, now, crowded)
        return world, self._decider.decide(world, known)
