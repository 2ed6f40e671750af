"""Finds the counters in memory that are nearest to their limit, for a person who asks.

A look is bounded, since one thread decides about requests, too: of each limit only the counters that were
opened last are looked at, so many of all limits together.
"""

from __future__ import annotations

from heapq import nlargest
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from kuadrant.api.counter_page import CounterLine, CounterPage
from kuadrant.api.limit_keys import is_key_of, keys_in
from kuadrant.api.limit_mode import ENFORCE
from kuadrant.ratelimit.counter_windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kuadrant.api.limitador import Limit
    from kuadrant.ratelimit.counter_windows import Moving
    from kuadrant.ratelimit.counters import LimitCounters

MOST_LOOKED_AT: Final = 20_000
"""About half a microsecond each."""

_LONG: Final = "(long)"
_BEGIN, _END = 'descriptors[0]["', '"]'

_Held = tuple["Limit", "LimitCounters"]


def standing_counters(held: Iterable[_Held], now: float, *, policy: str = "", most: int) -> CounterPage:
    """Return where counters stand.

    Args:
        held: Every limit with its counters.
        now: The time, by the service's clock.
        policy: Only limits of this policy (``namespace/name``).
        most: How many are told.
    """
    chosen = [*(of_policy(held, policy) if policy else held)]
    share = max(1, MOST_LOOKED_AT // max(1, len(chosen)))
    found: list[_Found] = []
    for limit, counters in chosen:
        _look(limit, counters, now, share, found)
    top = nlargest(most, found, key=lambda one: _urgency(one, now))
    unseen = sum(max(0, len(counters.by_values) - share) for _, counters in chosen)
    return CounterPage(
        lines=tuple(
            _line(limit, window, values, now, shared=shared) for limit, window, values, shared in top
        ),
        counted=len(found),
        unseen=unseen,
        masked=False,
    )


def of_policy(held: Iterable[_Held], policy: str) -> Iterator[_Held]:
    """Yield the limits that have a condition on a key of the policy (``namespace/name``).

    Instead of a policy it may be a bucket, ``namespace/bucket:name``.
    """
    if ":" in policy:
        yield from (one for one in held if one[0].namespace == policy)
        return
    alike: dict[tuple[str, tuple[str, ...]], list[_Held]] = {}
    for limit, counters in held:
        alike.setdefault((limit.namespace, limit.conditions), []).append((limit, counters))
    for (_, conditions), limits in alike.items():
        rates = {(limit.seconds, limit.variables, limit.counts_by) for limit, _ in limits}
        names = {limit.name for limit, _ in limits}
        if any(is_key_of(key, policy, name, rates) for key in keys_in(conditions) for name in names):
            yield from limits


_Found = tuple["Limit", "Window | Moving", "str | bytes | None", bool]
"""A limit, a window of it, the values that it is for, and whether it is one that is shared."""


def _look(limit: Limit, counters: LimitCounters, now: float, most: int, found: list[_Found]) -> None:
    """Add what is live to ``found``: of counters with values, among the ``most`` that were opened last."""
    if counters.single is not None and now < counters.single.ends:
        found.append((limit, counters.single, None, False))
    if counters.shared is not None and now < counters.shared.ends:
        found.append((limit, counters.shared, None, True))
    if counters.by_values:
        newest = islice(reversed(counters.by_values.items()), most)
        found += [(limit, window, key, False) for key, window in newest if now < window.ends]


def _urgency(found: _Found, now: float) -> tuple[float, int]:
    limit, window, _, _ = found
    hits = _hits(limit, window, now)
    return (hits / limit.most if limit.most > 0 else 1.0, hits)


def _hits(limit: Limit, window: Window | Moving, now: float) -> int:
    return window.hits if isinstance(window, Window) else window.hits_at(now, limit.most, limit.max_value)


def _line(
    limit: Limit, window: Window | Moving, values: str | bytes | None, now: float, *, shared: bool
) -> CounterLine:
    hits = _hits(limit, window, now)
    if isinstance(window, Window):
        left = window.ends - now
    else:
        left = window.whole_in(now, limit.most, limit.max_value)
    return CounterLine(
        scope=limit.namespace,
        limit=limit.name,
        max_value=limit.most,
        seconds=limit.seconds_of_most,
        value=hits,
        remaining=max(0, limit.most - hits),
        resets_in=round(left, 3),
        key=() if values is None else tuple(_key(limit.variables, values)),
        shared=shared,
        enforce_percent=limit.percent,
        mode=limit.mode or ENFORCE,
        by_cost=bool(limit.by_cost),
    )


def _key(variables: Sequence[str], values: str | bytes) -> Iterator[tuple[str, str]]:
    """Yield what a counter is for; a list of long values is only known by its digest."""
    texts = msgspec.json.decode(values, type=list[str]) if isinstance(values, str) else []
    for number, variable in enumerate(variables):
        name = variable
        if variable.startswith(_BEGIN) and variable.endswith(_END):
            name = variable.removeprefix(_BEGIN).removesuffix(_END)
        yield name, texts[number] if number < len(texts) else _LONG
