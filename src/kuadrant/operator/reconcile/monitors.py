"""Writes the monitors that the Kuadrant asks for, and takes them away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.gateways.ownership import MANAGED
from kuadrant.incremental import Last, kept
from kuadrant.operator.core import kinds
from kuadrant.operator.core.monitors import monitors
from kuadrant.operator.reconcile.context import desired
from kuadrant.operator.reconcile.queue_keys import Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kuadrant.api.kuadrant import Kuadrant
    from kuadrant.kube.kind import Key, Kind
    from kuadrant.kube.server_side_apply import Desired
    from kuadrant.operator.core.decision import Decision
    from kuadrant.operator.core.known_facts import Known
    from kuadrant.operator.core.world import World
    from kuadrant.operator.reconcile.context import Context

_KINDS: Final[dict[str, Kind[Any]]] = {
    kind.name: kind for kind in (kinds.SERVICE_MONITORS, kinds.POD_MONITORS)
}


class MonitorReconciler:
    """Brings the monitors of ours to those that there have to be."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._make = Last(_made)
        self._providers: Mapping[Key, str] = {}
        self._wanted: Mapping[Work, Desired] = {}

    def mark(self, world: World, decision: Decision, known: Known) -> None:
        """Marks the monitors that have to be written or deleted."""
        providers = {
            key: one.provider.NAME for key, one in decision.gateways.items() if one.provider is not None
        }
        self._providers = kept(self._providers, providers)
        self._wanted = self._make(
            world.objects.kuadrants,
            world.served,
            self._providers,
            known.namespace,
            known.envoy_gateway_namespace,
        )
        context = self._context
        for work, wanted in self._wanted.items():
            is_new = context.changed.is_new(work, wanted, context.writer.entry(wanted))
            if is_new and not context.writer.is_in_place(wanted):
                context.schedule.mark(context.queues.affected, work, wanted)
        for work in self._too_many():
            if context.changed.is_new(work):
                context.schedule.mark(context.queues.affected, work, None)

    @property
    def remain(self) -> bool:
        """Tell whether there are monitors of ours that nobody asks for."""
        return any(True for _ in self._too_many())

    async def write(self, work: Work) -> None:
        """Apply a monitor, or delete one that is not wanted any more."""
        writer, wanted = self._context.writer, self._wanted.get(work)
        if wanted is not None:
            await writer.apply(work, wanted)
        elif work in set(self._too_many()):
            namespace, name = work.key
            document = {"metadata": {"namespace": namespace, "name": name}}
            await writer.delete(work, _KINDS[work.kind], document)
        else:
            writer.forget(work)

    def _too_many(self) -> Iterator[Work]:
        """Yield the monitors of ours that nobody asks for."""
        for kind in _KINDS.values():
            for key, entry in self._context.store.table(kind).entries.items():
                work = Work("monitor", key, kind.name)
                if work not in self._wanted and entry.object.metadata.labels.items() >= MANAGED.items():
                    yield work


def _made(
    kuadrants: tuple[Kuadrant, ...],
    served: frozenset[str],
    providers: Mapping[Key, str],
    namespace: str,
    envoy_gateway_namespace: str,
) -> dict[Work, Desired]:
    made = monitors(kuadrants, served, providers, namespace, envoy_gateway_namespace)
    wanted = (desired(_KINDS[one["kind"]], one) for one in made)
    return {Work("monitor", one.key, one.kind.name): one for one in wanted}
