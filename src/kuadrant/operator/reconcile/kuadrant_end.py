"""Keeps Kuadrants that are deleted until no gateway needs their rate limit service, and lets them go then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant import log
from kuadrant.api.kuadrant import FINALIZER
from kuadrant.kube.server_side_apply import Desired
from kuadrant.operator.core import kinds
from kuadrant.operator.core.ending import in_the_way, not_heard, not_moved, remaining
from kuadrant.operator.reconcile.queue_keys import Work
from kuadrant.operator.statuses.kuadrant_status import kuadrant_content
from kuadrant.policy.oldest_kuadrant import leaving, oldest
from kuadrant.status import leaving_condition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kuadrant.api.kuadrant import Kuadrant
    from kuadrant.kube.kind import Key, StoredObject
    from kuadrant.operator.core.decision import Decision
    from kuadrant.operator.core.world import World
    from kuadrant.operator.reconcile.context import Context
    from kuadrant.status import GatewayState

logger = log.get("kuadrant-operator")


class KuadrantEnd:
    """Has a finalizer on the Kuadrant that counts, and takes it from those that may go.

    Args:
        context: what all reconcilers have in common.
        is_told: whether nothing of us is told any more, to whom it is not a gateway.
    """

    def __init__(self, context: Context, is_told: Callable[[], bool]) -> None:
        self._context = context
        self._is_told = is_told
        self._wanted: dict[Key, Desired] = {}

    def mark(self, world: World, decision: Decision, states: Mapping[Key, GatewayState]) -> None:
        """Marks the Kuadrants that have to be written."""
        counting, gone = oldest(world.objects.kuadrants), leaving(world.objects.kuadrants)
        obstacle = self._obstacle(world, decision, states) if gone else ""
        self._wanted = {}
        for one in (*((counting,) if counting else ()), *gone):
            key = (one.metadata.namespace, one.metadata.name)
            stored = self._context.store.table(kinds.KUADRANTS).entries.get(key)
            if stored is not None:
                desired = self._desired(stored, "" if one is counting else obstacle)
                self._wanted[key] = desired
                if not self._context.writer.is_in_place(desired):
                    self._context.schedule.mark(self._context.queues.objects, Work("end", key), desired)

    async def write(self, work: Work) -> None:
        """Apply the finalizer, what is said of the end, or that the Kuadrant may go."""
        desired = self._wanted.get(work.key)
        if desired is None:
            self._context.writer.forget(work)
        elif await self._context.writer.apply(work, desired) and not desired.subresource:
            ends = "finalizers" not in desired.content["metadata"]
            logger.info("limiting has ended" if ends else "limiting begins", kuadrant="/".join(work.key))

    def _obstacle(self, world: World, decision: Decision, states: Mapping[Key, GatewayState]) -> str:
        if not decision.ends:
            waiting = (key for key, one in decision.gateways.items() if one.awaited)
            late = in_the_way(not_moved(states, waiting))
            return late and f"another Kuadrant takes its place, and gateways still ask its service: {late}"
        if there := in_the_way(remaining(world)):
            return f"limiting ends; gateways are still told by {there}"
        if deaf := in_the_way(not_heard(states)):
            return f"limiting ends; no control plane runs that would tell gateways of it: {deaf}"
        return (
            ""
            if self._is_told()
            else "limiting has ended; monitors, or conditions of Gateways and routes, still tell of it"
        )

    def _desired(self, stored: StoredObject[Kuadrant], obstacle: str) -> Desired:
        """Return what is to be written: the finalizer, or of one that is deleted why it cannot go yet."""
        one = stored.object
        if obstacle:
            content = kuadrant_content(
                one.status.conditions,
                (leaving_condition(obstacle),),
                generation=one.metadata.generation,
                now=self._context.clock.timestamp(),
            )
            return Desired(kinds.KUADRANTS, stored.key, kinds.MANAGER, content, "status", force=True)
        # By the UID it is not made anew if it has gone meanwhile.
        metadata: dict[str, Any] = {"uid": stored.uid}
        if one.metadata.deletion_timestamp is None:
            metadata["finalizers"] = [FINALIZER]
        return Desired(kinds.KUADRANTS, stored.key, kinds.MANAGER, {"metadata": metadata}, force=True)
