"""Writes into the statuses of Gateways and routes which policies affect them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.operator.core import kinds
from kuadrant.operator.reconcile.queue_keys import Work
from kuadrant.status import Affected, AffectedObjects, gateway_status, route_status

if TYPE_CHECKING:
    from kuadrant.kube.kind import Kind, StoredObject
    from kuadrant.operator.core.decision import Decision
    from kuadrant.operator.core.world import World
    from kuadrant.operator.reconcile.context import Context

_TARGETS: Final[dict[str, Kind[Any]]] = {
    kind.name: kind for kind in (kinds.GATEWAYS, kinds.HTTP_ROUTES, kinds.GRPC_ROUTES)
}
"""The kinds that policies can affect."""


class AffectedReconciler:
    """Brings the condition RateLimitPolicyAffected to what was decided last."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._objects = AffectedObjects()
        self._affected = Affected({}, {}, {})

    def mark(self, world: World, decision: Decision) -> None:
        """Marks the Gateways and routes whose status has to be written."""
        policies = decision.compilation.policies if decision.installed else ()
        self._affected = self._objects.of(world.objects, policies)
        for kind in _TARGETS.values():
            self._mark_kind(kind)

    def _mark_kind(self, kind: Kind[Any]) -> None:
        context, wanted = self._context, self._affected
        table = context.store.table(kind)
        if not context.changed.is_group_new("affected", kind.name, wanted, table.resource_version):
            return
        for key, entry in table.entries.items():
            work = Work("affected", key, kind.name)
            if context.changed.is_new(work, wanted, entry) and self._status(kind, entry) is not None:
                goal = (wanted, entry.object.metadata.generation)
                context.schedule.mark(context.queues.affected, work, goal)

    def is_written(self) -> bool:
        """Tell whether every status says what was decided last."""
        return all(
            self._status(kind, entry) is None
            for kind in _TARGETS.values()
            for entry in self._context.store.table(kind).entries.values()
        )

    async def write(self, work: Work) -> None:
        """Replace a status."""
        kind = _TARGETS[work.kind]
        entry = self._context.store.table(kind).entries.get(work.key)
        status = None if entry is None else self._status(kind, entry)
        if entry is None or status is None:
            self._context.writer.forget(work)
        else:
            await self._context.writer.replace_status(work, kind, entry, status)

    def _status(self, kind: Kind[Any], entry: StoredObject[Any]) -> dict[str, Any] | None:
        """Return the status in which an object names the policies that affect it; None if it has it."""
        namespace, name = entry.key
        document = {
            "kind": kind.name,
            "metadata": {
                "namespace": namespace,
                "name": name,
                "generation": entry.object.metadata.generation,
            },
            "status": entry.object.status,
        }
        tell = gateway_status if kind is kinds.GATEWAYS else route_status
        return tell(document, self._affected, self._context.clock.timestamp())
