"""Tells which work has other reasons than it had at the former decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.incremental import are

if TYPE_CHECKING:
    from kuadrant.operator.reconcile.queue_keys import Work

_Group = tuple[str, str]
"""The sort of work, and the kind of object it is done for."""


class ChangedSince:
    """Remembers the reasons of each piece of work over one decision, by identity.

    Work whose reasons are the same instances is not looked at again: what failed is repeated by its queue.
    """

    def __init__(self) -> None:
        self._seen: dict[_Group, dict[Work, tuple[object, ...]]] = {}
        self._formerly_seen: dict[_Group, dict[Work, tuple[object, ...]]] = {}
        self._group_reasons: dict[_Group, tuple[object, ...]] = {}

    def begin(self) -> None:
        """Begin another decision: what was seen becomes what was seen formerly."""
        self._formerly_seen, self._seen = self._seen, {}

    def forget(self) -> None:
        """Take everything for new at the next decision."""
        self._seen = {}

    def is_new(self, work: Work, *reasons: object) -> bool:
        """Tell whether any of these reasons is another instance than at the former decision."""
        group = (work.what, work.kind)
        former = self._formerly_seen.get(group, {}).get(work)
        self._seen.setdefault(group, {})[work] = reasons
        return former is None or not are(former, reasons)

    def is_group_new(self, what: str, kind: str, *reasons: object) -> bool:
        """Tell the same for all work of one sort, without a look at each piece."""
        group = (what, kind)
        former = self._group_reasons.get(group, ())
        self._group_reasons[group] = reasons
        if group in self._formerly_seen and are(former, reasons):
            self._seen[group] = self._formerly_seen[group]
            return False
        return True

    def works(self) -> dict[Work, None]:
        """Return all work that was seen in this decision."""
        return {work: None for group in self._seen.values() for work in group}

    def __len__(self) -> int:
        """Count the pieces of work that were seen in this decision."""
        return sum(map(len, self._seen.values()))
