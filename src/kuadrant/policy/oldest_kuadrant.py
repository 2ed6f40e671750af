"""Decides which Kuadrant counts, and which is on its way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.api.kuadrant import FINALIZER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.kuadrant import Kuadrant


def oldest(kuadrants: Iterable[Kuadrant]) -> Kuadrant | None:
    """Return the Kuadrant that counts where there are several."""
    return min((one for one in kuadrants if one.metadata.deletion_timestamp is None), key=_age, default=None)


def leaving(kuadrants: Iterable[Kuadrant]) -> tuple[Kuadrant, ...]:
    """Return the Kuadrants that are being deleted and stay until we let them go, the oldest first.

    Where none counts besides, limiting ends with them.
    """
    gone = (one for one in kuadrants if one.metadata.deletion_timestamp is not None)
    return tuple(sorted((one for one in gone if FINALIZER in one.metadata.finalizers), key=_age))


def _age(one: Kuadrant) -> tuple[str, str, str]:
    return (one.metadata.creation_timestamp or "", one.metadata.namespace, one.metadata.name)
