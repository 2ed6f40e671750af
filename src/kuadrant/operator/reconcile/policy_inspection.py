"""Looks at what routes make of each policy, as `kuadrant check` does, now and then and beside all else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kuadrant.findings import suspicious_by_routes
from kuadrant.incremental import are, kept
from kuadrant.operator.core.times import INSPECTION_REST
from kuadrant.operator.reconcile.queue_keys import INSPECTION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kuadrant.api.objects import Objects
    from kuadrant.compiler import Compilation
    from kuadrant.operator.core.decision import Decision
    from kuadrant.operator.core.world import World
    from kuadrant.operator.reconcile.context import Context
    from kuadrant.policy.model import Problem


class PolicyInspection:
    """Finds what is hardly meant in policies as far as routes tell.

    It looks at every object, so it rests for much longer than it works; meanwhile what was found last stays.

    Args:
        context: what all reconcilers have in common.
        look: is called when something else was found than before.
    """

    def __init__(self, context: Context, look: Callable[[], None]) -> None:
        self._context = context
        self._look = look
        self._reasons: tuple[object, ...] = ()
        self._next: tuple[Objects, Compilation] | None = None
        self._rests_until = 0.0
        self.found: Mapping[str, tuple[Problem, ...]] = {}
        """What was found last, by the ``namespace/name`` of policies."""

    def mark(self, world: World, decision: Decision) -> None:
        """Have policies looked at, if what they depend on is something else than before."""
        of, compilation = world.objects, decision.compilation
        reasons = (
            *(of.gateways, of.http_routes, of.grpc_routes, of.namespaces, compilation.policies),
            *(of.kuadrants, of.request_authentications, of.security_policies),
        )
        if are(self._reasons, reasons):
            return
        self._reasons, self._next = reasons, (of, compilation)
        rest = max(0.0, self._rests_until - self._context.clock.seconds())
        self._context.queues.statuses.add_after(INSPECTION, rest)

    async def inspect(self) -> None:
        """Look at all policies."""
        if self._next is None:
            return
        (objects, compilation), self._next = self._next, None
        clock = self._context.clock
        began = clock.seconds()
        found = await asyncio.to_thread(suspicious_by_routes, objects, compilation)
        ended = clock.seconds()
        self._rests_until = ended + INSPECTION_REST * (ended - began)
        found = {policy: kept(self.found.get(policy), problems) for policy, problems in found.items()}
        if found != self.found:
            self.found = found
            self._look()
