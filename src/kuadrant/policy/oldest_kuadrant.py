"""Decides which Kuadrant counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.kuadrant import Kuadrant


def oldest(kuadrants: Iterable[Kuadrant]) -> Kuadrant | None:
    """Return the Kuadrant that counts where there are several."""
    return min(
        (one for one in kuadrants if one.metadata.deletion_timestamp is None),
        key=lambda one: (one.metadata.creation_timestamp or "", one.metadata.namespace, one.metadata.name),
        default=None,
    )
