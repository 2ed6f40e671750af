"""Writes the resource that tells the rate limit service its limits."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from kuadrant.operator.core import kinds
from kuadrant.operator.core.installation import is_observed
from kuadrant.operator.core.times import LIMITS_PACE_SECONDS, LIMITS_TAKEN_SECONDS
from kuadrant.operator.reconcile.context import Context, desired
from kuadrant.operator.reconcile.queue_keys import LIMITS, Work

if TYPE_CHECKING:
    from kuadrant.kube.server_side_apply import Desired
    from kuadrant.operator.core.decision import Decision


class LimitadorReconciler:
    """Brings the Limitador to what was decided last."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._wanted: Desired | None = None
        self._written_at = -inf

    def mark(self, decision: Decision) -> None:
        """Marks the limits if they have to be written."""
        document = decision.limitador.document
        if document is None:
            self._wanted = None
            return
        if self._wanted is None or self._wanted.content is not document:
            self._wanted = desired(kinds.LIMITADORS, document)
        wanted, writer = self._wanted, self._context.writer
        is_new = self._context.changed.is_new(LIMITS, wanted, writer.entry(wanted))
        if is_new and not writer.is_in_place(wanted):
            queue = self._context.queues.objects
            self._context.schedule.mark(queue, LIMITS, wanted, rest=self._rest(wanted))

    async def write(self, work: Work) -> None:
        """Apply the limits."""
        if self._wanted is None:
            self._context.writer.forget(work)
        elif await self._context.writer.apply(work, self._wanted):
            self._written_at = self._context.clock.seconds()

    def _rest(self, wanted: Desired) -> float:
        """Return how long the limits stay as written last: until the service has said that it holds them.

        Its word is refused where the resource is another by then, and gateways wait for that word.
        """
        writer = self._context.writer
        entry = writer.entry(wanted)
        is_taken = entry is None or (writer.is_seen(wanted) and is_observed(entry.object))
        pause = LIMITS_PACE_SECONDS if is_taken else LIMITS_TAKEN_SECONDS
        return max(0.0, self._written_at + pause - self._context.clock.seconds())
