"""Decides how many hits a request is for a limit."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kuadrant.api.limit_expressions import LimitCondition

NO_COSTS: Final[Mapping[str, int]] = MappingProxyType({})


def own_hits(conditions: Iterable[LimitCondition], costs: Mapping[str, int]) -> int | None:
    """Return what ``costs`` say of the limit with these conditions, by its key; None if they say nothing."""
    own = [costs[key] for condition in conditions for key in condition.keys if key in costs]
    return max(own, default=None)


def hits_by_descriptor(reads: frozenset[int] | None, hits: Sequence[int]) -> int:
    """Return the most of the ``hits`` of the descriptors that a limit reads; None stands for all of them."""
    if len(hits) == 1 or reads is None:
        return max(hits)
    return max([hits[index] for index in reads if index < len(hits)] or hits)
