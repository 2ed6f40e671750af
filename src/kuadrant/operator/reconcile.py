"""Making the cluster as it was decided: one key of work for each gateway and each status, and who is to be worked on."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from kuadrant import log
from kuadrant.kube.apply import Applier, Conflict, Desired, Refused, Written
from kuadrant.kube.kind import Key
from kuadrant.kube.queue import NotDoneError, Workers
from kuadrant.operator import kinds
from kuadrant.operator.decision import Decider, Decision, GatewayDecision, Known, oldest
from kuadrant.operator.memo import kept
from kuadrant.operator.statuses import (
    PolicyStatuses,
    Progress,
    kuadrant_content,
    kuadrant_status,
    status_content,
)
from kuadrant.operator.world import Observer, World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx2

    from kuadrant.api.limitador import Identity
    from kuadrant.api.meta import Condition
    from kuadrant.gateways.provider import GatewayObjects
    from kuadrant.kube.apply import Outcome
    from kuadrant.kube.kind import Entry, Kind
    from kuadrant.kube.store import Change, Store
    from kuadrant.status import PolicyStatus

logger = log.get("kuadrant-operator")

LIMITS_STAY: Final = 30.0
"""Seconds for which limits that nobody wants any more are kept: gateways may still ask for them."""
SETTLE: Final = 0.5
"""Seconds for which something has to be awaited before a status says so: most of it is there before it would be read."""
_AT_ONCE: Final = 4
_FEW: Final = 50
"""So many changes are decided on without leaving the event loop."""


class Work(Struct, frozen=True):
    """Something to do, and for which object."""

    what: Literal["decision", "limits", "gateway", "policy", "kuadrant"]
    key: Key = ("", "")

    def __str__(self) -> str:
        """As it is logged."""
        return " ".join(filter(None, (self.what, "/".join(filter(None, self.key)))))


DECISION: Final = Work("decision")
LIMITS: Final = Work("limits")


class Reconciler:
    """Decides whenever something changed, and does what is not done yet. Nothing is written unless ``leads`` says so.

    ``known`` gives what is known beside the objects; that limits are forgotten is added to it.
    """

    def __init__(
        self, store: Store, client: httpx2.AsyncClient, known: Callable[[], Known], leads: Callable[[], bool]
    ) -> None:
        self._store = store
        self._known = known
        self._leads = leads
        self._applier = Applier(client)
        self._observer = Observer(store)
        self._decider = Decider()
        self._policy_statuses = PolicyStatuses()
        self._objects: Workers[Work] = Workers(self._perform, at_once=_AT_ONCE)
        self._statuses: Workers[Work] = Workers(self._perform, at_once=_AT_ONCE)
        self._changes = 0
        self._world: World | None = None
        self._decision: Decision | None = None
        self._desired: dict[Key, tuple[GatewayObjects, tuple[Desired, ...]]] = {}
        self._limitador: Desired | None = None
        self._marked: dict[Work, tuple[object, ...]] = {}
        self._formerly_marked: dict[Work, tuple[object, ...]] = {}
        self._kuadrant_condition: Condition | None = None
        self._wanted_statuses: Mapping[Key, PolicyStatus] = {}
        self._failures: dict[Work, str] = {}
        self._forgotten: frozenset[Identity] = frozenset()
        self._unwanted_since: dict[Identity, float] = {}
        store.listen(self._take)

    async def run(self) -> None:
        """Work until cancelled."""
        self.look()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._objects.run())
            group.create_task(self._statuses.run())

    @property
    def idle(self) -> bool:
        """Whether nothing is to be done, now or later."""
        return not len(self._objects) and not len(self._statuses)

    def look(self) -> None:
        """What is known beside the objects changed."""
        self._objects.add(DECISION)

    def _take(self, changes: tuple[Change[Any], ...]) -> None:
        self._changes += len(changes)
        if self._observer.take(changes) or not changes:
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

    # Deciding

    async def _decide(self) -> None:
        if not self._store.synced:
            return
        now = asyncio.get_running_loop().time()
        changes, self._changes = self._changes, 0
        world = self._observer.world()
        due = (one for one, since in self._unwanted_since.items() if now - since >= LIMITS_STAY)
        self._forgotten = kept(self._forgotten, frozenset(due))
        known = self._known()
        if self._forgotten:
            known = replace(known, forgotten=self._forgotten)
        if self._decision is None or changes > _FEW:
            # Longer than the event loop may be kept waiting: modules are served in it, and the Lease is renewed.
            decision = await asyncio.to_thread(self._decider.decide, world, known)
        else:
            decision = self._decider.decide(world, known)
        self._world, self._decision = world, decision
        self._note_unwanted(decision, now)
        self._formerly_marked, self._marked = self._marked, {}
        self._mark_objects(decision)
        self._mark_statuses(world, decision)

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
        if self._limitador is not None and not self._is_in_place(self._limitador):
            self._mark(self._objects, LIMITS, self._limitador, self._entry(self._limitador))
        for key, one in decision.gateways.items():
            desired = self._desired_of(key, one)
            if one.obsolete or not (one.awaited or all(map(self._is_in_place, desired))):
                self._mark(self._objects, Work("gateway", key), one, *map(self._entry, desired))
        self._desired = {key: self._desired[key] for key in decision.gateways}

    def _mark(self, workers: Workers[Work], work: Work, *reasons: object, after: float = 0.0) -> None:
        """Have work done, unless it was already to be done for the same reasons: if it failed it comes again by itself."""
        former = self._formerly_marked.get(work, ())
        self._marked[work] = reasons
        if len(former) == len(reasons) and all(a is b for a, b in zip(former, reasons, strict=True)):
            return
        if after:
            workers.add_after(work, after)
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

    def _is_in_place(self, desired: Desired) -> bool:
        return self._applier.is_in_place(desired, self._store.table(desired.kind))

    def _entry(self, desired: Desired) -> Entry[Any] | None:
        return self._store.table(desired.kind).entries.get(desired.key)

    # Statuses

    def _mark_statuses(self, world: World, decision: Decision) -> None:
        progress = {key: self._progress(key, one) for key, one in decision.gateways.items()}
        self._wanted_statuses = self._policy_statuses.of(world, decision, progress)
        for key, status in self._wanted_statuses.items():
            after = SETTLE if status.waiting else 0.0
            self._mark(self._statuses, Work("policy", key), status, world.policies[key], after=after)
        kuadrant = oldest(world.objects.kuadrants)
        if kuadrant is not None:
            condition = kept(self._kuadrant_condition, kuadrant_status(world, decision, self._failure()))
            self._kuadrant_condition = condition
            work = Work("kuadrant", (kuadrant.metadata.namespace, kuadrant.metadata.name))
            after = 0.0 if condition.status == "True" else SETTLE
            self._mark(self._statuses, work, condition, kuadrant, after=after)

    def _progress(self, key: Key, decision: GatewayDecision) -> Progress:
        desired = self._desired_of(key, decision)
        missing = [one.kind.name for one in desired if not self._is_in_place(one)]
        standings = [
            decision.provider.standing(entry.object)
            for entry in map(self._entry, desired)
            if entry is not None and decision.provider is not None
        ]
        refused = [self._failures.get(Work("gateway", key), ""), *(one.refused for one in standings)]
        return Progress(
            missing=tuple(dict.fromkeys(missing)),
            accepted=all(one.accepted for one in standings),
            refused="; ".join(filter(None, refused)),
        )

    def _failure(self) -> str:
        return "; ".join(dict.fromkeys(self._failures[work] for work in sorted(self._failures, key=str)))

    async def _write_policy(self, work: Work) -> None:
        entry = self._store.table(kinds.POLICIES).entries.get(work.key)
        status = self._wanted_statuses.get(work.key)
        if entry is None or status is None:
            return
        stored = entry.object
        content = status_content(stored.status, status, generation=stored.metadata.generation, now=_now())
        await self._write(
            work, Desired(kinds.POLICIES, work.key, kinds.MANAGER, content, "status", force=True)
        )

    async def _write_kuadrant(self, work: Work) -> None:
        entry = self._store.table(kinds.KUADRANTS).entries.get(work.key)
        if entry is None or self._world is None or self._decision is None:
            return
        stored = entry.object
        content = kuadrant_content(
            stored.status.conditions,
            kuadrant_status(self._world, self._decision, self._failure()),
            generation=stored.metadata.generation,
            now=_now(),
        )
        await self._write(
            work, Desired(kinds.KUADRANTS, work.key, kinds.MANAGER, content, "status", force=True)
        )

    # Objects

    async def _write_limits(self) -> None:
        if self._limitador is not None:
            await self._write(LIMITS, self._limitador)

    async def _write_gateway(self, work: Work) -> None:
        """Apply what there has to be, then delete what is too much; what fails keeps what comes after it from being done."""
        decision = None if self._decision is None else self._decision.gateways.get(work.key)
        if decision is None:
            self._failures.pop(work, None)
            return
        for desired in () if decision.awaited else self._desired_of(work.key, decision):
            await self._write(work, desired)
        for document in decision.obsolete:
            await self._delete(work, kinds.OF_PROVIDERS[document["kind"]], document)

    async def _write(self, work: Work, desired: Desired) -> None:
        if not self._leads():
            return
        outcome = await self._applier.apply(desired, self._store.table(desired.kind))
        self._judge(work, "apply", desired.kind, desired.key, outcome)

    async def _delete(self, work: Work, kind: Kind[Any], document: Mapping[str, Any]) -> None:
        metadata = document["metadata"]
        entry = self._store.table(kind).entries.get((metadata["namespace"], metadata["name"]))
        if entry is not None and self._leads():
            outcome = await self._applier.delete(kind, entry)
            self._judge(work, "delete", kind, entry.key, outcome)

    def _judge(self, work: Work, verb: str, kind: Kind[Any], key: Key, outcome: Outcome) -> None:
        """Tell what came of a write.

        Raises:
            NotDoneError: it was not done.
        """
        name = f"{kind.name} {'/'.join(filter(None, key))}"
        if isinstance(outcome, Written):
            logger.info(verb, object=name, resource_version=outcome.resource_version)
            # What the API server tells of it may have come before its answer.
            self.look()
        problem = f"{name}: {outcome.message}" if isinstance(outcome, Conflict | Refused) else ""
        if problem != self._failures.get(work, ""):
            self._failures[work] = problem
            if problem:
                logger.error("refused", verb=verb, object=name, problem=problem)
            else:
                del self._failures[work]
            self.look()
        if problem:
            raise NotDoneError(problem)


def _desired(kind: Kind[Any], document: dict[str, Any]) -> Desired:
    metadata = document["metadata"]
    return Desired(kind, (metadata["namespace"], metadata["name"]), kinds.MANAGER, document, force=True)


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
