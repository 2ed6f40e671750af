"""Writes the statuses of policies, and has Events told of what changed in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.kube.events import Event, Regarding
from kuadrant.kube.server_side_apply import Desired
from kuadrant.operator.core import kinds
from kuadrant.operator.reconcile.policy_inspection import PolicyInspection
from kuadrant.operator.reconcile.queue_keys import DECISION, Work
from kuadrant.operator.reconcile.status_settling import seconds_before_said
from kuadrant.operator.statuses.policy_statuses import (
    REMEMBERED,
    PolicyStatuses,
    status_content,
)
from kuadrant.status import remark_notices
from kuadrant.status.policy_events import notices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kuadrant.kube.kind import Key, StoredObject
    from kuadrant.operator.core.decision import Decision
    from kuadrant.operator.core.kinds import StoredPolicy
    from kuadrant.operator.core.known_facts import Known
    from kuadrant.operator.core.version_arrivals import Arrivals
    from kuadrant.operator.core.world import World
    from kuadrant.operator.reconcile.context import Context
    from kuadrant.status import GatewayState, PolicyStatus


class PolicyReconciler:
    """Brings the status of each policy to what is known of it.

    Args:
        context: what all reconcilers have in common.
        tell: is called with each Event that is worth one.
        look: is called when there is something else to be said of policies.
    """

    def __init__(self, context: Context, tell: Callable[[Event], None], look: Callable[[], None]) -> None:
        self._context = context
        self._inspection = PolicyInspection(context, look)
        self._tell = tell
        self._statuses = PolicyStatuses()
        self._decided_on: Mapping[Key, StoredPolicy] = {}
        self._remembers = False
        self.wanted: Mapping[Key, PolicyStatus] = {}
        """The status that each policy is to have."""

    @property
    def arrivals(self) -> Arrivals:
        """The versions that each gateway is known to have."""
        return self._statuses.arrivals

    def mark(
        self, world: World, decision: Decision, states: Mapping[Key, GatewayState], known: Known
    ) -> None:
        """Marks the policies whose status has to be written."""
        context, now = self._context, self._context.clock.seconds()
        self._inspection.mark(world, decision)
        self.wanted = self._statuses.of(world, decision, states, now, self._inspection.found)
        if (due := self._statuses.due) is not None:
            context.queues.objects.add_after(DECISION, max(0.0, due - now))
        self._decided_on = world.policies
        self._remembers = REMEMBERED in known.fields.get(kinds.POLICIES.name, ())
        table = context.store.table(kinds.POLICIES)
        reasons = (self.wanted, table.resource_version, self._decided_on, self._remembers)
        if not context.changed.is_group_new("policy", "", *reasons):
            return
        for key, status in self.wanted.items():
            work, stored = Work("policy", key), table.entries.get(key)
            if stored is None or not self._is_decided_on(stored):
                continue
            if not context.changed.is_new(work, status, stored, self._remembers):
                continue
            if not context.writer.is_in_place(self._desired(status, stored)):
                goal = (status, stored.object.metadata.generation)
                context.schedule.mark(
                    context.queues.statuses, work, goal, after=seconds_before_said(status, stored)
                )

    async def inspect(self, _: Work) -> None:
        """Look at what routes tell of policies."""
        await self._inspection.inspect()

    async def write(self, work: Work) -> None:
        """Apply a status."""
        stored = self._context.store.table(kinds.POLICIES).entries.get(work.key)
        status = self.wanted.get(work.key)
        if stored is None or status is None:
            self._context.writer.forget(work)
            return
        if not self._is_decided_on(stored):
            return
        desired = self._desired(status, stored)
        if not await self._context.writer.apply(work, desired):
            return
        former = stored.object.status.get("conditions") or ()
        regarding = Regarding(kinds.POLICIES, work.key, stored.uid)
        told = notices(former, desired.content["status"]["conditions"])
        for one in (*told, *remark_notices(former, status)):
            self._tell(Event(regarding, one.type, one.reason, one.action, one.note))

    def _is_decided_on(self, stored: StoredObject[StoredPolicy]) -> bool:
        """Tell whether the last decision was about the policy as it is stored.

        Of what was edited since, nothing is known yet.
        """
        policy = self._decided_on.get(stored.key)
        return policy is not None and policy.metadata.generation == stored.object.metadata.generation

    def _desired(self, status: PolicyStatus, stored: StoredObject[StoredPolicy]) -> Desired:
        content = status_content(
            stored.object.status,
            status,
            generation=stored.object.metadata.generation,
            now=self._context.clock.timestamp(),
            remembers=self._remembers,
        )
        return Desired(kinds.POLICIES, stored.key, kinds.MANAGER, content, "status", force=True)
