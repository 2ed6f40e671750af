"""Follows what a user may see of a cluster, and shows it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from msgspec import structs

from kuadrant import log
from kuadrant.explanation import Origins, RulesAsked
from kuadrant.findings import RULES, Finding, suspicious, suspicious_by_routes
from kuadrant.kube.client import RequestError
from kuadrant.kube.kind import Labelled
from kuadrant.kube.reflector_http import Follower
from kuadrant.kube.store import Store
from kuadrant.operator.cluster_configuration import NO_KUADRANT, READ, ClusterConfigurations
from kuadrant.operator.core import kinds
from kuadrant.operator.core.world import Observer
from kuadrant.operator_client.status_report import status_report
from kuadrant.tasks import keep
from kuadrant.topology import changes, topology

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

    from kuadrant.console import StateStore
    from kuadrant.explanation import Configuration
    from kuadrant.operator.core.world import World
    from kuadrant.policy.model import Problem
    from kuadrant.topology import Topology

logger = log.get("kuadrant")

_FIRST_SECONDS: Final = 10.0
_SETTLED_SECONDS: Final = 0.1
_REST: Final = 3.0
"""So many times as long as a change took to work out is rested before the next one."""
_REPORT_SECONDS: Final = 2.0


class ClusterFeed:
    """Keeps the console's state up to date with a cluster, or with one namespace of it.

    Args:
        client: asks the API server.
        state: what is shown.
        configurations: make configurations of what there is.
        namespace: where the operator runs.
        only: the namespace that is looked at; all without.
    """

    def __init__(
        self,
        client: httpx2.AsyncClient,
        state: StateStore,
        configurations: ClusterConfigurations,
        *,
        namespace: str,
        only: str = "",
    ) -> None:
        self._client = client
        self._state = state
        self._configurations = configurations
        self._namespace = namespace
        self._only = only
        self._store = Store()
        for kind in kinds.ALL:
            self._store.add(kind)
        self._observer = Observer(self._store)
        self._changed = asyncio.Event()
        self._store.listen(self._note)
        self._followers = {kind: self._follower(kind) for kind in READ}
        self._topology: Topology | None = None

    def _follower(self, kind: Any) -> Follower[Any]:
        only = Labelled(self._only, "") if self._only and kind.namespaced else None
        return Follower(kind, self._store, self._client, only=only)

    def _note(self, changed: Any) -> None:
        self._observer.take(changed)
        self._changed.set()

    async def run(self) -> None:
        """Follow and show, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind, follower in self._followers.items():
                group.create_task(keep(f"following {kind.plural}", follower.run))
            group.create_task(keep("asking the operator", self._report))
            group.create_task(keep("showing the cluster", self._show))

    async def _show(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _FIRST_SECONDS
        while not self._is_whole() and loop.time() < until:
            self._changed.clear()
            await _set_within(self._changed, 0.1)
        while True:
            self._changed.clear()
            began = loop.time()
            world = self._observer.world()
            self._shown(*await asyncio.to_thread(self._looked_at, world))
            await asyncio.sleep(max(_SETTLED_SECONDS, _REST * (loop.time() - began)))
            await self._changed.wait()

    def _is_whole(self) -> bool:
        """Tell whether every kind was listed, or cannot be."""
        return all(
            self._store.table(kind).synced or one.status.problem is not None
            for kind, one in self._followers.items()
        )

    def _looked_at(self, world: World) -> tuple[Configuration, Topology, tuple[Finding, ...]]:
        of = self._configurations.of(world)
        rules = RulesAsked(of.origins.rules)
        of = structs.replace(of, origins=Origins(rules, of.origins.facts), notes=self._notes(of.notes))
        made = topology(of)
        findings = () if self._only else tuple(sorted(_findings(of)))
        return structs.replace(of, origins=Origins(rules.kept, of.origins.facts)), made, findings

    def _shown(self, of: Configuration, made: Topology, findings: tuple[Finding, ...]) -> None:
        now = time.time()
        changed = () if self._topology is None else changes(self._topology, made)
        self._topology = made
        self._state.update(
            since=now if changed or not self._state.shown.since else self._state.shown.since,
            configuration=of,
            topology=made,
            findings=findings,
            conditions=of.conditions,
            edits=self._state.shown.edits_with(changed, now),
            notes=of.notes,
        )

    def _notes(self, notes: tuple[str, ...]) -> tuple[str, ...]:
        """Return what is not seen, since it may not be, or cannot be at this moment."""
        unseen = {
            kind: one.status.problem
            for kind, one in self._followers.items()
            if one.status.problem is not None
        }
        told = [
            one for one in notes if one != NO_KUADRANT or (kinds.KUADRANTS not in unseen and not self._only)
        ]
        if self._only:
            told.append(
                f"Only the namespace {self._only} is looked at: what Gateways elsewhere do is not known here."
            )
        return (*told, *(f"{kind.plural} are not seen: {problem}" for kind, problem in unseen.items()))

    async def _report(self) -> None:
        """Show what the operator says of gateways, as far as it may be asked."""
        while True:
            try:
                report = await status_report(self._client, self._namespace, time.time)
            except RequestError as error:
                logger.debug("the operator cannot be asked", problem=str(error))
                report = None
            self._state.update(report=report)
            await asyncio.sleep(_REPORT_SECONDS)


def _findings(of: Configuration) -> Iterator[Finding]:
    by_name = {(one.metadata.namespace, one.metadata.name): one for one in of.objects.rate_limit_policies}
    for facts in of.compilation.policies:
        policy = by_name.get((facts.policy.namespace, facts.policy.name))
        if policy is not None and facts.acceptance.reason == "Accepted":
            yield from map(_finding, suspicious(policy, facts))
    for problems in suspicious_by_routes(of.objects, of.compilation).values():
        yield from map(_finding, problems)


def _finding(one: Problem) -> Finding:
    rule = RULES[one.code]
    return Finding(
        "",
        0,
        0,
        subject=f"{one.kind} {one.namespace}/{one.name}",
        field=one.field,
        message=one.message,
        code=one.code,
        severity=rule.severity,
        fix=one.fix or rule.do,
    )


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    """Return when ``event`` is set, or after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
