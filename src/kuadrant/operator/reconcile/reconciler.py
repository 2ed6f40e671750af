"""Decides whenever something changed, and has the work done that is not done yet.

One key of work for each gateway and each status.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import chain
from math import inf
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kuadrant import __version__
from kuadrant.operator.core import kinds
from kuadrant.operator.core.limit_retention import Retention
from kuadrant.operator.core.times import FIRST_ANSWER_SECONDS
from kuadrant.operator.modules.module_retries import ModuleRetries
from kuadrant.operator.push.decision_delivery import Delivery
from kuadrant.operator.reconcile.affected_objects import AffectedReconciler
from kuadrant.operator.reconcile.changed_since import ChangedSince
from kuadrant.operator.reconcile.clock import system_clock
from kuadrant.operator.reconcile.context import Context
from kuadrant.operator.reconcile.decision_rounds import Deciding, Trigger
from kuadrant.operator.reconcile.event_queue import EventQueue
from kuadrant.operator.reconcile.gateways import GatewayReconciler
from kuadrant.operator.reconcile.kuadrant import KuadrantReconciler
from kuadrant.operator.reconcile.limitador import LimitadorReconciler
from kuadrant.operator.reconcile.policies import PolicyReconciler
from kuadrant.operator.reconcile.queue_keys import DECISION
from kuadrant.operator.reconcile.queues import Queues, Schedule
from kuadrant.operator.reconcile.token_spread import TokenSpread
from kuadrant.operator.reconcile.writer import Writer
from kuadrant.operator.statuses.reports import report
from kuadrant.policy.budgets import DEFAULT, Budgets
from kuadrant.status import Report

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    import httpx2

    from kuadrant.api.counter_identity import Identity
    from kuadrant.api.pod import Pod
    from kuadrant.gateways.module_address import ModuleAddress
    from kuadrant.gateways.provider import Provider
    from kuadrant.kube.events import Recorder
    from kuadrant.kube.kind import Key
    from kuadrant.kube.store import Change, Store
    from kuadrant.operator.core.accepted_policies import AcceptedPolicies
    from kuadrant.operator.core.callers_evidence import CallersEvidence
    from kuadrant.operator.core.decision import Decision, GatewayDecision
    from kuadrant.operator.core.known_facts import Known
    from kuadrant.operator.core.world import World
    from kuadrant.operator.metrics import Metrics
    from kuadrant.operator.reconcile.clock import Clock
    from kuadrant.operator.reconcile.queue_keys import Work
    from kuadrant.operator.statuses.installation_metrics import InstallationState
    from kuadrant.policy.model import Target
    from kuadrant.status import GatewayState, PolicyStatus


class Reconciler:
    """Brings a cluster to what its policies say. Every replica decides; only one that leads writes.

    Args:
        store: the objects of the cluster, as last seen.
        client: writes to the API server.
        recorder: tells Events.
        metrics: counts what is done.
        known: what is known beside the objects; what limits are retained is added to it.
        leads: whether this replica may write.
        prove: what is wrong with a module's address at this moment; empty if it gives its bytes.
        works_since: since when the control plane of a provider runs (see ``ControlPlanes``).
        deliveries: takes what was decided to gateways that are pushed to.
        budgets: how much policies and namespaces may ask for.
        clock: the time; by default that of the running event loop.
    """

    def __init__(
        self,
        store: Store,
        client: httpx2.AsyncClient,
        recorder: Recorder,
        metrics: Metrics,
        *,
        known: Callable[[], Known],
        leads: Callable[[], bool],
        prove: Callable[[ModuleAddress], Awaitable[str]],
        works_since: Callable[[Provider], float | None] = lambda _: -inf,
        deliveries: Delivery | None = None,
        budgets: Budgets = DEFAULT,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or system_clock()
        self._leads = leads
        self._deliveries = deliveries or Delivery()
        self._queues = queues = Queues(self._perform, metrics)
        self._trigger = Trigger(lambda: queues.objects, clock, self._acts)
        self._context = context = Context(
            store=store,
            writer=Writer(store, client, leads, self.look),
            changed=ChangedSince(),
            queues=queues,
            schedule=Schedule(leads, clock),
            clock=clock,
        )
        self._deciding = Deciding(store, known, budgets, metrics, clock)
        self._retention = Retention(budgets, works_since)
        self._token_spread = TokenSpread(self._retention.seconds)
        self._events = EventQueue(recorder, clock)
        self._limits = LimitadorReconciler(context)
        self._gateways = GatewayReconciler(context, self._deliveries, ModuleRetries(prove), works_since)
        self._policies = PolicyReconciler(context, self._events.put, self.look)
        self._affected = AffectedReconciler(context)
        self._kuadrant = KuadrantReconciler(context, self._affected.is_written)
        self._decision: Decision | None = None
        self._states: Mapping[Key, GatewayState] = {}
        self._deliveries.hold_back(self._decide_anew)
        metrics.watch_reconciler(self)
        store.listen(self._take)

    async def run(self) -> None:
        """Work until cancelled."""
        self.look()
        async with asyncio.TaskGroup() as group:
            for queue in self._queues.all:
                group.create_task(queue.run())
            group.create_task(self._events.run())

    @property
    def idle(self) -> bool:
        """Tell whether nothing is to be done, now or later."""
        return self._queues.idle

    @property
    def gateways(self) -> Mapping[Key, GatewayDecision]:
        """The last decision for each gateway."""
        return {} if self._decision is None else self._decision.gateways

    @property
    def policies(self) -> Mapping[Key, PolicyStatus]:
        """The status that each policy is to have."""
        return self._policies.wanted

    @property
    def targets(self) -> Mapping[Key, Target]:
        """The target of each policy that is in effect."""
        policies = () if self._decision is None else self._decision.compilation.policies
        return {(one.policy.namespace, one.policy.name): one.policy.target for one in policies}

    @property
    def installation(self) -> InstallationState:
        """How the installation stands by the last decision."""
        return self._kuadrant.installation

    @property
    def callers(self) -> CallersEvidence:
        """The evidence of which gateways show the rate limit service a token."""
        return self._token_spread.evidence

    @property
    def accepted(self) -> AcceptedPolicies:
        """The policies in effect, and what namespaces ask for."""
        return self._deciding.accepted

    def when_spread(self, spread: Callable[[], None]) -> None:
        """Set what is called when every gateway has a token of the current key and there is a former one."""
        self._token_spread.spread = spread

    def look(self) -> None:
        """Have a decision made, since something changed."""
        self._trigger.look()

    def lead(self) -> None:
        """Begin to write what was only decided before."""
        self._context.changed.forget()
        self.look()

    def report(self) -> Report:
        """Return what is known now, for people."""
        if self._decision is None:
            return Report(leads=False, version=__version__)
        return report(
            self._decision, self._states, self._deliveries.pods_of, self.policies, leads=self._leads()
        )

    def _acts(self) -> bool:
        """Tell whether anything follows from what this replica decides."""
        return self._leads() or self._deliveries.is_asked

    async def _decide_anew(self, address: str) -> None:
        """Return when the pod at an address can be told all that was wanted at this call, or after a while.

        Another replica may have told them already of limits that this one does not know to be held.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_ANSWER_SECONDS):
                await self._trigger.decided_anew()
                untold = self._untold(address)
                while untold := untold & self._untold(address):
                    await self._trigger.decided()

    def _untold(self, address: str) -> frozenset[Identity]:
        """Return the limits of which the gateways of a pod cannot be told yet, in whichever way they are."""
        gateways = self._deliveries.gateways_at(address)
        return frozenset(
            chain.from_iterable(one.untold for key, one in self.gateways.items() if key in gateways)
        )

    def _take(self, changes: tuple[Change[Any], ...]) -> None:
        moved = self._deliveries.note(change for change in changes if change.kind is kinds.PODS)
        if self._deciding.take(changes) or moved or not changes:
            self.look()

    async def _perform(self, work: Work) -> None:
        writers = {
            "decision": self._decide,
            "limits": self._limits.write,
            "gateway": self._gateways.write,
            "policy": self._policies.write,
            "kuadrant": self._kuadrant.write,
            "end": self._kuadrant.end.write,
            "affected": self._affected.write,
            "inspection": self._policies.inspect,
            "monitor": self._kuadrant.monitors.write,
        }
        await writers[work.what](work)

    async def _decide(self, _: Work) -> None:
        if not self._context.store.synced:
            return
        began = self._trigger.begin()
        try:
            await self._decide_and_mark()
        finally:
            self._trigger.end(began)

    async def _decide_and_mark(self) -> None:
        now = self._context.clock.seconds()
        known = replace(
            self._deciding.known(), retained=self._retention.retained, mark=self._token_spread.evidence.mark
        )
        world, decision = await self._deciding.decide(known, self._retention.crowded)
        self._decision = decision
        await self._deliveries.take(decision, self._pods)
        self._context.changed.begin()
        self._limits.mark(decision)
        self._gateways.mark(decision.gateways)
        self._states = self._gateways.states(world)
        self._policies.mark(world, decision, self._states, known)
        self._affected.mark(world, decision)
        self._kuadrant.mark(world, decision, self._states, known)
        self._kuadrant.monitors.mark(world, decision, known)
        self._follow_gateways(world, known, decision, now)
        self._context.schedule.forget_all_but(self._context.changed)

    def _follow_gateways(self, world: World, known: Known, decision: Decision, now: float) -> None:
        """Note what gateways are known to have, and come back when time alone tells more."""
        arrivals = self._policies.arrivals
        anew = self._retention.note(decision, arrivals, now)
        if self._token_spread.note(world, known, decision, arrivals, now) or anew:
            self.look()
        dues = (
            self._retention.due(arrivals, now),
            self._token_spread.due(arrivals, now),
            self.accepted.due(now),
        )
        for due in dues:
            if due is not None:
                self._queues.objects.add_after(DECISION, max(0.0, due - now))

    def _pods(self) -> Iterator[Pod]:
        return (entry.object for entry in self._context.store.table(kinds.PODS).entries.values())
