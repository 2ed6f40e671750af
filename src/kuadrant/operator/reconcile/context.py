"""Holds what the reconcilers of each kind of work have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kuadrant.kube.server_side_apply import Desired
from kuadrant.kube.store import Store
from kuadrant.operator.core import kinds
from kuadrant.operator.reconcile.changed_since import ChangedSince
from kuadrant.operator.reconcile.clock import Clock
from kuadrant.operator.reconcile.queues import Queues, Schedule
from kuadrant.operator.reconcile.writer import Writer

if TYPE_CHECKING:
    from kuadrant.kube.kind import Kind


class Context(Struct, frozen=True, kw_only=True):
    """Gives reconcilers the objects, the writer, the queues and the time.

    Attributes:
        store: the objects of the cluster, as last seen.
        writer: writes to the API server while this replica leads.
        changed: tells which work has other reasons than before.
        queues: where work is put.
        schedule: when it is due.
        clock: the time.
    """

    store: Store
    writer: Writer
    changed: ChangedSince
    queues: Queues
    schedule: Schedule
    clock: Clock


def desired(kind: Kind[Any], document: dict[str, Any]) -> Desired:
    """Return a whole object as it is to be applied."""
    metadata = document["metadata"]
    return Desired(kind, (metadata["namespace"], metadata["name"]), kinds.MANAGER, document, force=True)
