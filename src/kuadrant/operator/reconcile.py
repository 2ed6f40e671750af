"""Deciding whenever something changed, and doing what is not done yet: one key of work for each gateway and each status."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from kuadrant import log
from kuadrant.kube.apply import Desired
from kuadrant.kube.events import Event, Regarding
from kuadrant.kube.queue import Workers
from kuadrant.operator import kinds
from kuadrant.operator.decision import Decider, Decision, GatewayDecision, Known, oldest
from kuadrant.operator.delivery import Deliveries
from kuadrant.operator.memo import are, kept
from kuadrant.operator.notices import notices
from kuadrant.operator.pace import Pace
from kuadrant.operator.patience import Patience
from kuadrant.operator.settling import Settling
from kuadrant.operator.statuses import (
    STAYS,
    PolicyStatuses,
    Progress,
    gateway_report,
    kuadrant_content,
    kuadrant_status,
    status_content,
)
from kuadrant.operator.tries import Tries
from kuadrant.operator.work import DECISION, LIMITS, Work
from kuadrant.operator.world import Observer
from kuadrant.operator.writer import Writer
from kuadrant.status import Affected, AffectedObjects, PolicyReport, Report, gateway_status, route_status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    import httpx2

    from kuadrant.api.kuadrant import Kuadrant
    from kuadrant.api.limitador import Identity
    from kuadrant.api.meta import Condition
    from kuadrant.api.pod import Pod
    from kuadrant.gateways.module import Module
    from kuadrant.gateways.provider import GatewayObjects, Standing
    from kuadrant.kube.events import Recorder
    from kuadrant.kube.kind import Entry, Key, Kind
    from kuadrant.kube.store import Change, Store
    from kuadrant.operator.metrics import Metrics
    from kuadrant.operator.world import World
    from kuadrant.status import PolicyStatus

logger = log.get("kuadrant-operator")

LIMITS_STAY: Final = 30.0
"""Seconds for which limits that nobody wants any more are kept: gateways may still ask for them."""
SETTLE: Final = 2.0
"""Seconds for which something has to be awaited before a status says so: most of it is there before it would be read."""
_AT_ONCE: Final = 4
_EVENTS: Final = 10_000
"""So many Events may wait to be told; what is more is not told."""
_FEW: Final = 50
"""So many changes are decided on without leaving the event loop."""
_TARGETS: Final[dict[str, Kind[Any]]] = {
    kind.name: kind for kind in (kinds.GATEWAYS, kinds.HTTP_ROUTES, kinds.GRPC_ROUTES)
}
"""What policies can affect."""


class Reconciler:
    """Decides whenever something changed, and does what is not done yet. Nothing is written unless ``leads`` says so.

    ``known`` gives what is known beside the objects; that limits are forgotten is added to it. ``prove`` tells what is wrong with a
    module's address at this moment, nothing if it gives its bytes. Every replica decides, and ``deliveries`` take what was decided.
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
        prove: Callable[[Module], Awaitable[str]],
        deliveries: Deliveries | None = None,
    ) -> None:
        self._deliveries = deliveries or Deliveries()
        self._leads = leads
        self._store = store
        self._recorder = recorder
        self._known = known
        self._tries = Tries(prove)
        self._writer = Writer(store, client, leads, self.look)
        self._observer = Observer(store)
        self._decider = Decider()
        self._policy_statuses = PolicyStatuses()
        self._affected_objects = AffectedObjects()
        self._patience: Patience[Work] = Patience()
        self._pace = Pace()
        self._deciding = self._changed_meanwhile = False
        # Objects do not wait for statuses, of which there may be thousands.
        self._objects: Workers[Work] = Workers(
            self._perform, at_once=_AT_ONCE, meter=metrics.queue("objects")
        )
        self._statuses: Workers[Work] = Workers(
            self._perform, at_once=_AT_ONCE, meter=metrics.queue("statuses")
        )
        # What affects a route is worth less than whether a policy is enforced, and an Event less than either.
        self._affecting: Workers[Work] = Workers(self._perform, meter=metrics.queue("affected"))
        self._events: asyncio.Queue[tuple[Event, float]] = asyncio.Queue(_EVENTS)
        self._metrics = metrics
        metrics.watch_reconciler(self)
        self._changes = 0
        self._forgotten: frozenset[Identity] = frozenset()
        self._unwanted_since: dict[Identity, float] = {}
        # By what is to be done and for which kind of object:
        self._seen: dict[tuple[str, str], dict[Work, tuple[object, ...]]] = {}
        self._formerly_seen: dict[tuple[str, str], dict[Work, tuple[object, ...]]] = {}
        self._reasons: dict[tuple[str, str], tuple[object, ...]] = {}
        # What was decided last, and what is to be written for it:
        self._decision: Decision | None = None
        self._limitador: Desired | None = None
        self._desired: dict[Key, tuple[GatewayObjects, tuple[Desired, ...]]] = {}
        self._progresses: Mapping[Key, Progress] = {}
        self._wanted_statuses: Mapping[Key, PolicyStatus] = {}
        self._decided_on: Mapping[Key, kinds.StoredPolicy] = {}
        self._kuadrant: Condition | None = None
        # Each edit of a limit makes the Kuadrant unready for a moment.
        self._unready = Settling(SETTLE)
        self._affected = Affected({}, {}, {})
        store.listen(self._take)

    async def run(self) -> None:
        """Work until cancelled."""
        self.look()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._objects.run())
            group.create_task(self._statuses.run())
            group.create_task(self._affecting.run())
            group.create_task(self._tell())

    @property
    def idle(self) -> bool:
        """Whether nothing is to be done, now or later."""
        return not (len(self._objects) or len(self._statuses) or len(self._affecting))

    @property
    def gateways(self) -> Mapping[Key, GatewayDecision]:
        """What was decided last for each gateway."""
        return {} if self._decision is None else self._decision.gateways

    @property
    def policies(self) -> Mapping[Key, PolicyStatus]:
        """What is to be said of each policy."""
        return self._wanted_statuses

    def look(self) -> None:
        """Something changed: decide again."""
        if self._deciding:
            self._changed_meanwhile = True
            return
        delay = self._pace.delay(asyncio.get_running_loop().time())
        if delay:
            self._objects.add_after(DECISION, delay)
        else:
            self._objects.add(DECISION)

    def lead(self) -> None:
        """Do from now on what was only decided before."""
        self._seen = {}
        self.look()

    def _take(self, changes: tuple[Change[Any], ...]) -> None:
        self._changes += len(changes)
        moved = self._deliveries.note(change for change in changes if change.kind is kinds.PODS)
        if self._observer.take(changes) or moved or not changes:
            self.look()

    async def _perform(self, work: Work) -> None:
        match work.what:
            case "decision":
                await self._decide()
            case "limits":
                await self._write_limits()
            case "gateway":
                await self._write_gateway(work)
            case "policy":
                await self._write_policy(work)
            case "kuadrant":
                await self._write_kuadrant(work)
            case "affected":
                await self._write_affected(work)

    # Deciding

    async def _decide(self) -> None:
        if not self._store.synced:
            return
        began = time.process_time()
        self._deciding, self._changed_meanwhile = True, False
        try:
            await self._decide_now()
        finally:
            self._deciding = False
            self._pace.note(asyncio.get_running_loop().time(), time.process_time() - began)
            if self._changed_meanwhile:
                self.look()

    async def _decide_now(self) -> None:
        now = asyncio.get_running_loop().time()
        changes, self._changes = self._changes, 0
        world = self._observer.world()
        due = (one for one, since in self._unwanted_since.items() if now - since >= LIMITS_STAY)
        self._forgotten = kept(self._forgotten, frozenset(due))
        held = None if self._decision is None else self._decision.held
        known = replace(self._known(), forgotten=self._forgotten, held=held)
        began = asyncio.get_running_loop().time()
        if self._decision is None or changes > _FEW:
            # Longer than the event loop may be kept waiting: modules are served in it, and the Lease is renewed.
            self._decision = await asyncio.to_thread(self._decider.decide, world, known)
        else:
            self._decision = self._decider.decide(world, known)
        self._metrics.decided(asyncio.get_running_loop().time() - began)
        await self._deliveries.take(self._decision, self._pods)
        self._note_unwanted(self._decision, now)
        self._formerly_seen, self._seen = self._seen, {}
        self._mark_objects(self._decision)
        self._mark_statuses(world, self._decision)
        if len(self._patience) > 2 * sum(map(len, self._seen.values())):
            self._patience.keep({work: None for group in self._seen.values() for work in group})

    def _pods(self) -> Iterator[Pod]:
        return (entry.object for entry in self._store.table(kinds.PODS).entries.values())

    def _note_unwanted(self, decision: Decision, now: float) -> None:
        """Remember since when limits are only kept, and come back when the first of them may go."""
        extra = decision.limits[len(decision.compilation.limits) :]
        self._unwanted_since = {one.identity: self._unwanted_since.get(one.identity, now) for one in extra}
        if self._unwanted_since:
            due = min(self._unwanted_since.values()) + LIMITS_STAY
            self._objects.add_after(DECISION, max(0.0, due - now))

    def _mark_objects(self, decision: Decision) -> None:
        document = decision.limitador.document
        if document is None:
            self._limitador = None
        elif self._limitador is None or self._limitador.content is not document:
            self._limitador = _desired(kinds.LIMITADORS, document)
        limits = self._limitador
        is_new = limits is not None and self._is_new(LIMITS, limits, self._writer.entry(limits))
        if limits is not None and is_new and not self._writer.is_in_place(limits):
            self._mark(self._objects, LIMITS, limits)
        for key, one in decision.gateways.items():
            work, desired = Work("gateway", key), self._desired_of(key, one)
            gone = self._may_go(key, one)
            if not self._is_new(work, one, gone, *map(self._writer.entry, desired)):
                continue
            if gone or not (one.awaited or all(map(self._writer.is_in_place, desired))):
                self._mark(self._objects, work, (one, gone))
        self._desired = {key: self._desired[key] for key in decision.gateways}
        self._tries.forget_all_but(decision.gateways)

    def _may_go(self, key: Key, decision: GatewayDecision) -> tuple[Mapping[str, Any], ...]:
        desired = self._desired_of(key, decision)
        in_place = not decision.awaited and all(map(self._writer.is_in_place, desired))
        in_place = in_place and all(one.accepted for one in self._standings(decision, desired))
        now = asyncio.get_running_loop().time()
        gone, after = self._deliveries.may_go(key, decision, in_place=in_place, now=now)
        if after:
            self._objects.add_after(DECISION, after)
        return gone

    def _mark_statuses(self, world: World, decision: Decision) -> None:
        progress = {key: self._progress(world, key, one) for key, one in decision.gateways.items()}
        self._progresses = progress
        now = asyncio.get_running_loop().time()
        self._wanted_statuses = self._policy_statuses.of(world, decision, progress, now)
        if (due := self._policy_statuses.due) is not None:
            self._objects.add_after(DECISION, max(0.0, due - now))
        self._decided_on = world.policies
        self._mark_policies()
        self._mark_kuadrant(world, decision)
        self._affected = self._affected_objects.of(world.objects, decision.compilation.policies)
        for kind in _TARGETS.values():
            self._mark_affected(kind)

    def _mark_policies(self) -> None:
        table, wanted = self._store.table(kinds.POLICIES), self._wanted_statuses
        if self._are_as_before("policy", "", wanted, table.resource_version, self._decided_on):
            return
        for key, status in wanted.items():
            work, stored = Work("policy", key), table.entries.get(key)
            if stored is None or not self._is_decided_on(stored):
                continue
            if not self._is_new(work, status, stored):
                continue
            if not self._writer.is_in_place(_policy_status(status, stored)):
                goal = (status, stored.object.metadata.generation)
                self._mark(self._statuses, work, goal, after=_settle(status, stored))

    def _is_decided_on(self, stored: Entry[kinds.StoredPolicy]) -> bool:
        """Whether the last decision was about the policy as it is stored: of what was edited since, nothing is known yet."""
        policy = self._decided_on.get(stored.key)
        return policy is not None and policy.metadata.generation == stored.object.metadata.generation

    def _mark_affected(self, kind: Kind[Any]) -> None:
        table, wanted = self._store.table(kind), self._affected
        if self._are_as_before("affected", kind.name, wanted, table.resource_version):
            return
        for key, entry in table.entries.items():
            work = Work("affected", key, kind.name)
            if self._is_new(work, wanted, entry) and self._affected_status(kind, entry) is not None:
                self._mark(self._affecting, work, (wanted, entry.object.metadata.generation))

    def _mark_kuadrant(self, world: World, decision: Decision) -> None:
        kuadrant = oldest(world.objects.kuadrants)
        if kuadrant is None:
            return
        failures = self._writer.failures
        failure = "; ".join(dict.fromkeys(failures[work] for work in sorted(failures, key=str)))
        self._kuadrant = kept(self._kuadrant, kuadrant_status(world, decision, failure))
        now = asyncio.get_running_loop().time()
        self._unready.note(well=self._kuadrant.status == "True", now=now)
        key = (kuadrant.metadata.namespace, kuadrant.metadata.name)
        work, stored = Work("kuadrant", key), self._store.table(kinds.KUADRANTS).entries.get(key)
        if stored is None or not self._is_new(work, self._kuadrant, stored):
            return
        if not self._writer.is_in_place(_kuadrant_status(self._kuadrant, stored)):
            goal = (self._kuadrant, stored.object.metadata.generation)
            self._mark(self._statuses, work, goal, after=self._unready.left(now))

    def _is_new(self, work: Work, *reasons: object) -> bool:
        """Whether what is wanted or what is there is another than in the former decision; what fails comes again by itself."""
        group = (work.what, work.kind)
        former = self._formerly_seen.get(group, {}).get(work)
        self._seen.setdefault(group, {})[work] = reasons
        return former is None or not are(former, reasons)

    def _are_as_before(self, what: str, kind: str, *reasons: object) -> bool:
        """The same of all work of one sort, without a look at each."""
        group = (what, kind)
        former = self._reasons.get(group, ())
        self._reasons[group] = reasons
        if group in self._formerly_seen and are(former, reasons):
            self._seen[group] = self._formerly_seen[group]
            return True
        return False

    def _mark(self, workers: Workers[Work], work: Work, goal: object, *, after: float = 0.0) -> None:
        """Have work done: at once, or later if the same ``goal`` was reached again and again, or ``after`` seconds, if it is still to be."""
        if not self._leads():
            return
        if after:
            workers.add_after(work, after)
            return
        delay = self._patience.delay(work, goal, asyncio.get_running_loop().time())
        if delay:
            logger.warning("somebody undoes this again and again", work=str(work), seconds=delay)
            workers.add_after(work, delay)
        else:
            workers.add(work)

    def _desired_of(self, key: Key, decision: GatewayDecision) -> tuple[Desired, ...]:
        """What is wanted for a gateway in the end, also as long as something is awaited."""
        former = self._desired.get(key)
        if former is None or former[0] is not decision.wanted:
            made = (
                _desired(kinds.OF_PROVIDERS[document["kind"]], document)
                for document in decision.wanted.objects
            )
            self._desired[key] = former = (decision.wanted, tuple(made))
        return former[1]

    def _progress(self, world: World, key: Key, decision: GatewayDecision) -> Progress:
        desired = self._desired_of(key, decision)
        missing = [one.kind.name for one in desired if not self._writer.is_in_place(one)]
        standings = self._standings(decision, desired, world.others)
        failure = self._writer.failures.get(Work("gateway", key), "")
        wanted, pods = self._deliveries.of(key, decision)
        return Progress(
            wanted=wanted,
            pods=pods,
            missing=tuple(dict.fromkeys(missing)),
            accepted=all(one.accepted for one in standings),
            refused="; ".join(filter(None, (failure, *(one.refused for one in standings)))),
        )

    def _standings(
        self, decision: GatewayDecision, desired: tuple[Desired, ...], others: tuple[dict[str, Any], ...] = ()
    ) -> list[Standing]:
        """What the provider says of those objects that are there; ``others`` are those that are somebody else's."""
        return [
            decision.provider.standing(entry.object, others)
            for entry in map(self._writer.entry, desired)
            if entry is not None and decision.provider is not None
        ]

    def report(self) -> Report:
        """What is known now, for people."""
        if self._decision is None:
            return Report(leads=False)
        sha256 = self._decision.module.sha256
        gateways = (
            gateway_report(key, one, self._progresses[key], sha256, self._deliveries.pods_of(key))
            for key, one in self._decision.gateways.items()
            if one.provider is not None and key in self._progresses
        )
        about = {
            (facts.policy.namespace, facts.policy.name): facts.gateways
            for facts in self._decision.compilation.policies
        }
        policies = (
            PolicyReport(
                policy="/".join(key), gateways=tuple(about.get(key, ())), conditions=status.conditions
            )
            for key, status in self._wanted_statuses.items()
        )
        return Report(leads=self._leads(), gateways=tuple(gateways), policies=tuple(policies))

    def _affected_status(self, kind: Kind[Any], entry: Entry[Any]) -> dict[str, Any] | None:
        """The status by which a Gateway or route tells of the policies that affect it; None if it has it."""
        namespace, name = entry.key
        generation = entry.object.metadata.generation
        document = {
            "kind": kind.name,
            "metadata": {"namespace": namespace, "name": name, "generation": generation},
            "status": entry.object.status,
        }
        tell = gateway_status if kind is kinds.GATEWAYS else route_status
        return tell(document, self._affected, _now())

    # Doing

    async def _write_limits(self) -> None:
        if self._limitador is None:
            self._writer.forget(LIMITS)
        else:
            await self._writer.apply(LIMITS, self._limitador)

    async def _write_gateway(self, work: Work) -> None:
        """Apply what there has to be, then delete what is too much; what fails keeps what comes after it from being done."""
        decision = None if self._decision is None else self._decision.gateways.get(work.key)
        if decision is None:
            self._writer.forget(work)
            return
        if decision.objects and decision.wanted.prove is not None:
            delay = await self._tries.delay(work.key, decision.wanted.prove)
            if delay:
                self._objects.add_after(work, delay)
                return
        for desired in () if decision.awaited else self._desired_of(work.key, decision):
            await self._writer.apply(work, desired)
        for document in self._may_go(work.key, decision):
            await self._writer.delete(work, kinds.OF_PROVIDERS[document["kind"]], document)

    async def _write_policy(self, work: Work) -> None:
        stored = self._store.table(kinds.POLICIES).entries.get(work.key)
        status = self._wanted_statuses.get(work.key)
        if stored is None or status is None:
            self._writer.forget(work)
            return
        if not self._is_decided_on(stored):
            return
        desired = _policy_status(status, stored)
        if not await self._writer.apply(work, desired):
            return
        former = stored.object.status.get("conditions") or ()
        for notice in notices(former, desired.content["status"]["conditions"]):
            event = Event(
                Regarding(kinds.POLICIES, work.key, stored.uid),
                notice.type,
                notice.reason,
                notice.action,
                notice.note,
            )
            with contextlib.suppress(asyncio.QueueFull):
                self._events.put_nowait((event, asyncio.get_running_loop().time()))

    async def _tell(self) -> None:
        """Tell of Events, one after the other."""
        while True:
            await self._recorder.record(*await self._events.get())

    async def _write_kuadrant(self, work: Work) -> None:
        stored = self._store.table(kinds.KUADRANTS).entries.get(work.key)
        if stored is None or self._kuadrant is None:
            self._writer.forget(work)
        elif left := self._unready.left(asyncio.get_running_loop().time()):
            # It has been ready in the meantime.
            self._statuses.add_after(work, left)
        else:
            await self._writer.apply(work, _kuadrant_status(self._kuadrant, stored))

    async def _write_affected(self, work: Work) -> None:
        kind = _TARGETS[work.kind]
        entry = self._store.table(kind).entries.get(work.key)
        status = None if entry is None else self._affected_status(kind, entry)
        if entry is None or status is None:
            self._writer.forget(work)
        else:
            await self._writer.replace_status(work, kind, entry, status)


def _desired(kind: Kind[Any], document: dict[str, Any]) -> Desired:
    metadata = document["metadata"]
    return Desired(kind, (metadata["namespace"], metadata["name"]), kinds.MANAGER, document, force=True)


def _policy_status(status: PolicyStatus, stored: Entry[kinds.StoredPolicy]) -> Desired:
    generation = stored.object.metadata.generation
    content = status_content(stored.object.status, status, generation=generation, now=_now())
    return Desired(kinds.POLICIES, stored.key, kinds.MANAGER, content, "status", force=True)


def _kuadrant_status(condition: Condition, stored: Entry[Kuadrant]) -> Desired:
    generation, former = stored.object.metadata.generation, stored.object.status.conditions
    content = kuadrant_content(former, condition, generation=generation, now=_now())
    return Desired(kinds.KUADRANTS, stored.key, kinds.MANAGER, content, "status", force=True)


def _settle(status: PolicyStatus, stored: Entry[kinds.StoredPolicy]) -> float:
    """For how long a status has to hold before it is said; one that takes back what was said of this very policy, longest."""
    if not status.waiting:
        return 0.0
    generation = stored.object.metadata.generation
    enforced = any(
        (one.get("type"), one.get("status"), one.get("observedGeneration"))
        == ("Enforced", "True", generation)
        for one in stored.object.status.get("conditions") or ()
    )
    return STAYS if enforced else SETTLE


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
