"""Tells whether an edit of limits lets somebody through who was just denied.

A gateway remembers denials for a second at most, and is told nothing of an edit that changes no more than
what its limits admit (docs/semantics.md, "Denials that gateways remember").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.limitador import Limit


def are_raised(former: Iterable[Limit], limits: Iterable[Limit]) -> bool:
    """Tell whether one of ``limits`` may admit what it would not have admitted before.

    That is so for all that is not as it was, but for what only became less. A limit with other counters is
    asked for by another name, of which no denial is remembered.
    """
    before = {limit.identity: limit for limit in former}
    return any(_is_raised(before[limit.identity], limit) for limit in limits if limit.identity in before)


def _is_raised(former: Limit, limit: Limit) -> bool:
    if former == limit:
        return False
    is_more = limit.max_value > former.max_value or limit.most > former.most
    return is_more or _without_number(former) != _without_number(limit)


def _without_number(limit: Limit) -> Limit:
    return replace(limit, max_value=0, burst=UNSET)
