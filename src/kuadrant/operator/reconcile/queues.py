"""Queues the operator's work, each piece for the time when it is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant import log
from kuadrant.kube.retry_queue import Workers
from kuadrant.operator.reconcile.repetition import Repetition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kuadrant.operator.metrics import Metrics
    from kuadrant.operator.reconcile.changed_since import ChangedSince
    from kuadrant.operator.reconcile.clock import Clock
    from kuadrant.operator.reconcile.queue_keys import Work

logger = log.get("kuadrant-operator")

_AT_ONCE: Final = 4


class Queues:
    """Runs three queues that do not wait for each other.

    Objects do not wait for statuses, of which there may be thousands; what affects a route is worth less than
    whether a policy is enforced.

    Args:
        perform: does one piece of work.
        metrics: counts the work.
    """

    def __init__(self, perform: Callable[[Work], Awaitable[None]], metrics: Metrics) -> None:
        self.objects: Workers[Work] = Workers(perform, at_once=_AT_ONCE, meter=metrics.queue("objects"))
        self.statuses: Workers[Work] = Workers(
            perform, at_once=_AT_ONCE, meter=metrics.queue("statuses"), lane=_namespace
        )
        self.affected: Workers[Work] = Workers(perform, meter=metrics.queue("affected"), lane=_namespace)

    @property
    def idle(self) -> bool:
        """Tell whether nothing is to be done, now or later."""
        return not any(map(len, self.all))

    @property
    def all(self) -> tuple[Workers[Work], ...]:
        """The three queues, to be run beside each other."""
        return self.objects, self.statuses, self.affected


class Schedule:
    """Puts work into a queue for the time when it is due.

    Args:
        leads: whether this replica may write; if not, nothing is put there.
        clock: the time.
    """

    def __init__(self, leads: Callable[[], bool], clock: Clock) -> None:
        self._leads = leads
        self._clock = clock
        self._patience: Repetition[Work] = Repetition()

    def mark(
        self, queue: Workers[Work], work: Work, goal: object, *, after: float = 0.0, rest: float = 0.0
    ) -> None:
        """Have work done when it is due.

        Args:
            queue: where it is put.
            work: what is done.
            goal: what it is to reach. Work that reaches the same goal again and again waits longer each time:
                somebody undoes it.
            after: seconds for which the goal has to hold before it is worth the work.
            rest: seconds that pass in any case before it is done.
        """
        if not self._leads():
            return
        if after:
            queue.add_after(work, after)
            return
        delay = self._patience.delay(work, goal, self._clock.seconds())
        if delay:
            logger.warning("somebody undoes this again and again", work=str(work), seconds=delay)
            queue.add_after(work, max(rest, delay))
        elif rest:
            queue.add_after(work, rest)
        else:
            queue.add(work)

    def forget_all_but(self, changed: ChangedSince) -> None:
        """Forget work that is gone, from time to time."""
        if len(self._patience) > 2 * len(changed):
            self._patience.keep(changed.works())


def _namespace(work: Work) -> str:
    """Return whose work it is: one who edits thousands of policies waits for his own statuses."""
    return work.key[0]
