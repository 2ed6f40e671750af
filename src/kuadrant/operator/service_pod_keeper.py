"""Brings the Deployment and the PodDisruptionBudget of the rate limit service to what its Limitador says."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kuadrant import log
from kuadrant.api.deployment import Deployment, DisruptionBudget
from kuadrant.gateways.limitador import NAME as LIMITADOR
from kuadrant.kube.api_answers import read_status
from kuadrant.kube.client import FAILURES, describe
from kuadrant.kube.kind import Kind
from kuadrant.kube.reflector_http import Follower
from kuadrant.kube.store import Store
from kuadrant.operator.core import kinds
from kuadrant.operator.core.service_pods import NAME, ServicePods, service_pods
from kuadrant.operator.core.times import AGAIN_SECONDS, SECRET_LOOK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    from kuadrant.kube.kind import StoredObject
    from kuadrant.kube.store import Change
    from kuadrant.operator.core.service_pods import Said
    from kuadrant.operator.fact_store import FactStore

logger = log.get("kuadrant-operator")

DEPLOYMENTS: Final = Kind("apps", "v1", "deployments", "Deployment", Deployment)
BUDGETS: Final = Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", DisruptionBudget)
_CONFLICT: Final = 409
_PATCHES: Final[dict[Kind[Any], str]] = {
    DEPLOYMENTS: "application/strategic-merge-patch+json",
    BUDGETS: "application/merge-patch+json",
}


class ServicePodKeeper:
    """Follows both objects, changes them while this replica leads, and tells what is not in effect.

    Nothing else of the operator waits for it, so that it may lack the rights.

    Args:
        namespace: where both are, and the Limitador: the operator's own.
        client: asks and writes to the API server.
        cluster: where Kuadrants and Limitadors are known.
        facts: where it is told what is not in effect.
        leads: whether this replica may write.
    """

    def __init__(
        self,
        namespace: str,
        client: httpx2.AsyncClient,
        cluster: Store,
        facts: FactStore,
        leads: Callable[[], bool],
    ) -> None:
        self._namespace = namespace
        self._client = client
        self._cluster = cluster
        self._facts = facts
        self._leads = leads
        self._store = Store()
        self._changed = asyncio.Event()
        self._followers = [self._follow(kind) for kind in _PATCHES]
        self._store.listen(lambda _: self.look())
        cluster.listen(self._take)

    def _follow(self, kind: Kind[Any]) -> Follower[Any]:
        self._store.add(kind)
        return Follower(kind, self._store, self._client, only=(self._namespace, NAME))

    def look(self) -> None:
        """Look whether something is to be changed."""
        self._changed.set()

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            for follower in self._followers:
                group.create_task(follower.run())
            group.create_task(self._keep())

    def _take(self, changes: tuple[Change[Any], ...]) -> None:
        if not changes or any(change.kind in (kinds.KUADRANTS, kinds.LIMITADORS) for change in changes):
            self.look()

    async def _keep(self) -> None:
        while True:
            self._changed.clear()
            again = await self._look_at() if self._cluster.synced else SECRET_LOOK_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(again):
                    await self._changed.wait()

    async def _look_at(self) -> float:
        """Change what is to be changed, and tell what is not in effect; return when to look again."""
        wanted = self._wanted()
        if self._store.synced:
            problems = await self._write(wanted) if self._leads() else ()
        else:
            problems = self._unknown(wanted)
        self._facts.change(service_pods=(*wanted.said, *problems))
        return SECRET_LOOK_SECONDS if self._store.synced and not problems else AGAIN_SECONDS

    def _unknown(self, wanted: ServicePods) -> tuple[Said, ...]:
        """Return why nothing is known of the objects, where that matters."""
        problems = {one.status.problem for one in self._followers if wanted.said}
        return tuple(("", f"it is not known what is there: {one}") for one in problems if one)

    def _wanted(self) -> ServicePods:
        resource = self._cluster.table(kinds.LIMITADORS).get(self._namespace, LIMITADOR)
        if resource is None and self._cluster.table(kinds.KUADRANTS).entries:
            return ServicePods()  # it is about to be written, or was deleted by mistake
        table = self._store.table
        deployment = table(DEPLOYMENTS).get(self._namespace, NAME)
        return service_pods(resource, deployment, table(BUDGETS).get(self._namespace, NAME))

    def _entry(self, kind: Kind[Any]) -> StoredObject[Any] | None:
        return self._store.table(kind).entries.get((self._namespace, NAME))

    async def _write(self, wanted: ServicePods) -> tuple[Said, ...]:
        """Patch what is to be changed; return what could not be."""
        refused = []
        for kind, patch in zip(_PATCHES, (wanted.deployment, wanted.budget), strict=True):
            entry = self._entry(kind)
            if patch is None or entry is None:
                continue
            if problem := await self._patch(kind, entry, patch):
                refused.append(("", f"the {kind.name} {NAME} stays as it is: {problem:.500}"))
        return tuple(refused)

    async def _patch(self, kind: Kind[Any], entry: StoredObject[Any], patch: dict[str, Any]) -> str:
        """Change the object as it was seen; return why not, if it was not."""
        metadata = {**patch.get("metadata", {}), "resourceVersion": entry.resource_version}
        name = f"{kind.name} {'/'.join(entry.key)}"
        try:
            response = await self._client.patch(
                kind.path(entry.key),
                params={"fieldManager": kinds.MANAGER},
                content=msgspec.json.encode({**patch, "metadata": metadata}),
                headers={"content-type": _PATCHES[kind]},
            )
        except FAILURES as error:
            return describe(error)
        if response.is_success:
            logger.info("patch", object=name)
            return ""
        if response.status_code == _CONFLICT:
            return ""  # what it is by now is on its way
        problem = read_status(response.status_code, response.content).message
        logger.error("refused", verb="patch", object=name, problem=problem)
        return problem
