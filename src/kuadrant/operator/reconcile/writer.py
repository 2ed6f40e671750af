"""Writes to the API server while this replica leads, and keeps what could not be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant import log
from kuadrant.kube.retry_queue import NotDoneError
from kuadrant.kube.server_side_apply import Applier, Conflict, Desired, Refused, Unchanged, Written
from kuadrant.operator.core import kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx2

    from kuadrant.kube.kind import Key, Kind, StoredObject
    from kuadrant.kube.server_side_apply import Outcome
    from kuadrant.kube.store import Store
    from kuadrant.operator.reconcile.queue_keys import Work

logger = log.get("kuadrant-operator")


class Writer:
    """Writes the object of a piece of work, and remembers why it could not.

    Args:
        store: the objects of the cluster, as last seen.
        client: writes to the API server.
        leads: whether this replica may write; if not, nothing is written.
        wrote: is called when something came of it.

    Attributes:
        failures: why something could not be written, by its work.
    """

    def __init__(
        self, store: Store, client: httpx2.AsyncClient, leads: Callable[[], bool], wrote: Callable[[], None]
    ) -> None:
        self._store = store
        self._applier = Applier(client)
        self._leads = leads
        self._wrote = wrote
        self.failures: dict[Work, str] = {}

    def is_in_place(self, desired: Desired) -> bool:
        """Tell whether an object is as it is wanted, as far as is known."""
        return self._applier.is_in_place(desired, self._store.table(desired.kind))

    def is_seen(self, desired: Desired) -> bool:
        """Tell whether `entry` is not older than what was written last."""
        return self._applier.is_seen(desired, self._store.table(desired.kind))

    def entry(self, desired: Desired) -> StoredObject[Any] | None:
        """Return the object that is there in the place of the wanted one."""
        return self._store.table(desired.kind).entries.get(desired.key)

    async def apply(self, work: Work, desired: Desired) -> bool:
        """Apply an object; return whether that changed something.

        Raises:
            NotDoneError: it was refused.
        """
        if not self._leads():
            return False
        outcome = await self._applier.apply(desired, self._store.table(desired.kind))
        self._judge(work, "apply", desired.kind, desired.key, outcome)
        return isinstance(outcome, Written)

    async def delete(self, work: Work, kind: Kind[Any], document: Mapping[str, Any]) -> None:
        """Delete an object, if it is still the one that was seen.

        Raises:
            NotDoneError: it was refused.
        """
        metadata = document["metadata"]
        entry = self._store.table(kind).entries.get((metadata["namespace"], metadata["name"]))
        if entry is not None and self._leads():
            outcome = await self._applier.delete(kind, entry)
            self._judge(work, "delete", kind, entry.key, outcome)

    async def replace_status(
        self, work: Work, kind: Kind[Any], entry: StoredObject[Any], status: dict[str, Any]
    ) -> None:
        """Write a whole status over the one that was seen.

        If it changed since, nothing is done: a newer one is on its way.

        Raises:
            NotDoneError: it was refused.
        """
        if not self._leads():
            return
        outcome = await self._applier.replace_status(kind, entry, status, kinds.MANAGER)
        if isinstance(outcome, Refused) and outcome.code == 409:
            outcome = Unchanged()
        self._judge(work, "status", kind, entry.key, outcome)

    def forget(self, work: Work) -> None:
        """Forget why a piece of work failed: nothing is to be written for it any more."""
        if self.failures.pop(work, ""):
            self._wrote()

    def _judge(self, work: Work, verb: str, kind: Kind[Any], key: Key, outcome: Outcome) -> None:
        name = f"{kind.name} {'/'.join(filter(None, key))}"
        if isinstance(outcome, Written):
            logger.info(verb, object=name, resource_version=outcome.resource_version)
            # What the API server tells of it may have come before its answer.
            self._wrote()
        problem = f"{name}: {outcome.message}" if isinstance(outcome, Conflict | Refused) else ""
        if not problem:
            self.forget(work)
            return
        if problem != self.failures.get(work):
            self.failures[work] = problem
            logger.error("refused", verb=verb, object=name, problem=problem)
            self._wrote()
        raise NotDoneError(problem)
