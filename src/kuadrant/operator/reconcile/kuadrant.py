"""Writes the status of the Kuadrant resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.incremental import kept
from kuadrant.kube.server_side_apply import Desired
from kuadrant.operator.core import kinds
from kuadrant.operator.core.times import SETTLE_SECONDS
from kuadrant.operator.reconcile.kuadrant_end import KuadrantEnd
from kuadrant.operator.reconcile.monitors import MonitorReconciler
from kuadrant.operator.reconcile.queue_keys import Work
from kuadrant.operator.reconcile.status_settling import Settling
from kuadrant.operator.statuses.installation_metrics import InstallationState, installation_state
from kuadrant.operator.statuses.kuadrant_status import kuadrant_conditions, kuadrant_content
from kuadrant.policy.oldest_kuadrant import oldest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kuadrant.api.kuadrant import Kuadrant
    from kuadrant.api.meta import Condition
    from kuadrant.kube.kind import Key, StoredObject
    from kuadrant.operator.core.decision import Decision
    from kuadrant.operator.core.known_facts import Known
    from kuadrant.operator.core.world import World
    from kuadrant.operator.reconcile.context import Context
    from kuadrant.status import GatewayState


class KuadrantReconciler:
    """Says in the oldest Kuadrant whether all is well.

    Each edit of a limit makes it unready for a moment, which is not said.

    Args:
        context: what all reconcilers have in common.
        is_told: whether every Gateway and route says what was decided last.
    """

    def __init__(self, context: Context, is_told: Callable[[], bool]) -> None:
        self._context = context
        self._conditions: tuple[Condition, ...] = ()
        self._unready = Settling(SETTLE_SECONDS)
        self.monitors = MonitorReconciler(context)
        """Has made what it asks to be scraped by."""
        self.end = KuadrantEnd(context, lambda: is_told() and not self.monitors.remain)
        """Keeps those that are deleted until they may go."""
        self.installation = InstallationState()
        """How the installation stands by the last decision."""

    def mark(
        self, world: World, decision: Decision, states: Mapping[Key, GatewayState], known: Known
    ) -> None:
        """Marks the Kuadrants that have to be written."""
        self.end.mark(world, decision, states)
        kuadrant = oldest(world.objects.kuadrants)
        if kuadrant is None:
            self.installation = installation_state(world, None)
            return
        context = self._context
        failures = context.writer.failures
        failure = "; ".join(dict.fromkeys(failures[work] for work in sorted(failures, key=str)))
        self._conditions = kept(self._conditions, kuadrant_conditions(world, decision, failure, known))
        conditions, condition = self._conditions, self._conditions[0]
        self.installation = installation_state(world, condition)
        now = context.clock.seconds()
        self._unready.note(well=condition.status == "True", now=now)
        key = (kuadrant.metadata.namespace, kuadrant.metadata.name)
        work, stored = Work("kuadrant", key), context.store.table(kinds.KUADRANTS).entries.get(key)
        if stored is None or not context.changed.is_new(work, conditions, stored):
            return
        if not context.writer.is_in_place(self._desired(conditions, stored)):
            goal = (conditions, stored.object.metadata.generation)
            context.schedule.mark(context.queues.statuses, work, goal, after=self._unready.left(now))

    async def write(self, work: Work) -> None:
        """Apply the status."""
        context = self._context
        stored = context.store.table(kinds.KUADRANTS).entries.get(work.key)
        if stored is None or not self._conditions:
            context.writer.forget(work)
        elif left := self._unready.left(context.clock.seconds()):
            # It has been ready in the meantime.
            context.queues.statuses.add_after(work, left)
        else:
            await context.writer.apply(work, self._desired(self._conditions, stored))

    def _desired(self, conditions: tuple[Condition, ...], stored: StoredObject[Kuadrant]) -> Desired:
        generation, former = stored.object.metadata.generation, stored.object.status.conditions
        now = self._context.clock.timestamp()
        content = kuadrant_content(former, conditions, generation=generation, now=now)
        return Desired(kinds.KUADRANTS, stored.key, kinds.MANAGER, content, "status", force=True)
