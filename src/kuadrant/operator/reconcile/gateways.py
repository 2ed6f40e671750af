"""Writes the objects that make gateways load the module, and tells what became of them."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from kuadrant.operator.core import kinds
from kuadrant.operator.core.delivery_switch import DeliverySwitch
from kuadrant.operator.core.times import OBJECT_PACE_SECONDS
from kuadrant.operator.reconcile.context import Context, desired
from kuadrant.operator.reconcile.queue_keys import DECISION, Work
from kuadrant.status import GatewayState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kuadrant.gateways.provider import GatewayObjects, ObjectVerdict, Provider
    from kuadrant.kube.kind import Key
    from kuadrant.kube.server_side_apply import Desired
    from kuadrant.operator.core.decision import GatewayDecision
    from kuadrant.operator.core.world import World
    from kuadrant.operator.modules.module_retries import ModuleRetries
    from kuadrant.operator.push.decision_delivery import Delivery

_Written = tuple["GatewayObjects", tuple["Desired", ...]]


class GatewayReconciler:
    """Brings the objects of each gateway to what was decided last.

    Args:
        context: what all reconcilers have in common.
        deliveries: knows what pods that are pushed to have said.
        tries: when a gateway may be told of another address of its module.
        works_since: since when the control plane of a provider runs, in seconds of the clock; None if it does
            not.
    """

    def __init__(
        self,
        context: Context,
        deliveries: Delivery,
        tries: ModuleRetries,
        works_since: Callable[[Provider], float | None],
    ) -> None:
        self._context = context
        self._deliveries = deliveries
        self._tries = tries
        self._works_since = works_since
        self._switch = DeliverySwitch()
        self._decisions: Mapping[Key, GatewayDecision] = {}
        self._wanted: dict[Key, _Written] = {}
        # What was written last, and when:
        self._applied: dict[Key, _Written] = {}
        self._written_at: dict[Key, float] = {}

    def mark(self, decisions: Mapping[Key, GatewayDecision]) -> None:
        """Marks the gateways whose objects have to be written."""
        self._decisions = decisions
        for key, one in decisions.items():
            self._mark_one(key, one)
        self._wanted = {key: self._wanted[key] for key in decisions}
        self._applied = {key: one for key, one in self._applied.items() if key in decisions}
        self._written_at = {key: at for key, at in self._written_at.items() if key in decisions}
        self._tries.forget_all_but(decisions)

    def _mark_one(self, key: Key, decision: GatewayDecision) -> None:
        context, work, wanted = self._context, Work("gateway", key), self._wanted_of(key, decision)
        gone = self._may_go(key, decision)
        if not context.changed.is_new(work, decision, gone, *map(context.writer.entry, wanted)):
            return
        if gone or not (decision.awaited or all(map(context.writer.is_in_place, wanted))):
            rest = self._written_at.get(key, -inf) + OBJECT_PACE_SECONDS - context.clock.seconds()
            context.schedule.mark(context.queues.objects, work, (decision, gone), rest=max(0.0, rest))

    async def write(self, work: Work) -> None:
        """Apply what there has to be, then deletes what is too much.

        What fails keeps what comes after it from being done.
        """
        context, key = self._context, work.key
        decision = self._decisions.get(key)
        if decision is None:
            context.writer.forget(work)
            return
        if decision.objects and decision.wanted.prove is not None:
            delay = await self._tries.delay(key, decision.wanted.prove)
            if delay:
                context.queues.objects.add_after(work, delay)
                return
        wanted = self._wanted_of(key, decision)
        for one in () if decision.awaited else wanted:
            if await context.writer.apply(work, one):
                self._written_at[key] = context.clock.seconds()
        if not decision.awaited:
            self._applied[key] = (decision.wanted, wanted)
        for document in self._may_go(key, decision):
            await context.writer.delete(work, kinds.OF_PROVIDERS[document["kind"]], document)

    def states(self, world: World) -> dict[Key, GatewayState]:
        """Return how each gateway stands to what was decided for it."""
        return {key: self._state(world, key, one) for key, one in self._decisions.items()}

    def _state(self, world: World, key: Key, decision: GatewayDecision) -> GatewayState:
        writer, wanted = self._context.writer, self._wanted_of(key, decision)
        missing = [one.kind.name for one in wanted if not writer.is_in_place(one)]
        standings = self._standings(decision, wanted, world.others)
        failure = writer.failures.get(Work("gateway", key), "")
        contents, pods = self._deliveries.of(key, decision)
        applied = self._applied.get(key)
        is_applied = applied is not None and all(map(writer.is_in_place, applied[1]))
        return GatewayState(
            gateway="/".join(key),
            awaited=decision.lacks,
            wanted=contents,
            pods=pods,
            missing=tuple(dict.fromkeys(missing)),
            applied=applied[0] if applied is not None and is_applied else None,
            accepted=all(one.accepted for one in standings) and all(map(writer.is_seen, wanted)),
            works_since=-inf if decision.provider is None else self._works_since(decision.provider),
            refused=decision.wanted.problem
            or "; ".join(filter(None, (failure, *(one.refused for one in standings)))),
        )

    def _wanted_of(self, key: Key, decision: GatewayDecision) -> tuple[Desired, ...]:
        """Return what is wanted for a gateway in the end, also as long as something is awaited."""
        former = self._wanted.get(key)
        if former is None or former[0] is not decision.wanted:
            made = (desired(kinds.OF_PROVIDERS[one["kind"]], one) for one in decision.wanted.objects)
            self._wanted[key] = former = (decision.wanted, tuple(made))
        return former[1]

    def _may_go(self, key: Key, decision: GatewayDecision) -> tuple[Mapping[str, Any], ...]:
        wanted, context = self._wanted_of(key, decision), self._context
        written = not decision.awaited and all(map(context.writer.is_in_place, wanted))
        accepted = all(one.accepted for one in self._standings(decision, wanted))
        now = context.clock.seconds()
        asked = self._deliveries.of(key, decision)
        gone, after = self._switch.may_go(key, decision, asked, written=written, accepted=accepted, now=now)
        if after:
            context.queues.objects.add_after(DECISION, after)
        return gone

    def _standings(
        self, decision: GatewayDecision, wanted: tuple[Desired, ...], others: tuple[dict[str, Any], ...] = ()
    ) -> list[ObjectVerdict]:
        """Return what the provider says of those objects that are there.

        Args:
            decision: what was decided for the gateway.
            wanted: its objects.
            others: objects that are somebody else's.
        """
        return [
            decision.provider.standing(entry.object, others)
            for entry in map(self._context.writer.entry, wanted)
            if entry is not None and decision.provider is not None
        ]
