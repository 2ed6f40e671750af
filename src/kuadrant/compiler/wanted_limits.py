"""The limits that the rate limit service has to hold, each once, kept in order while pieces come and go."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from kuadrant.incremental import InOrder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.counter_identity import Identity
    from kuadrant.api.limitador import Limit


class WantedLimits:
    """Limits by their namespace, with how many pieces ask for each."""

    def __init__(self) -> None:
        self._asked: dict[str, dict[Limit, int]] = {}
        self._held: InOrder[str, tuple[Limit, ...]] = InOrder()
        self._changed: set[str] = set()
        self._by_namespace: tuple[tuple[Limit, ...], ...] = ()
        self._limits: tuple[Limit, ...] = ()

    def change(self, old: Iterable[Limit], new: Iterable[Limit]) -> None:
        """One piece asks for ``new`` in the place of ``old``."""
        for limit in new:
            asked = self._asked.setdefault(limit.namespace, {})
            asked[limit] = asked.get(limit, 0) + 1
            self._changed.add(limit.namespace)
        for limit in old:
            self._asked[limit.namespace][limit] -= 1
            self._changed.add(limit.namespace)

    def limits(self) -> tuple[Limit, ...]:
        """Every limit once, by namespace, name and content.

        Of limits that share their counters the strictest one holds.
        """
        for namespace in self._changed:
            # Only now, so that a limit that moves from one piece to another stays the same instance.
            asked = {limit: pieces for limit, pieces in self._asked.pop(namespace).items() if pieces}
            if asked:
                self._asked[namespace] = asked
            self._held.set(namespace, strictest(asked) if asked else None)
        self._changed.clear()
        if (held := self._held.values()) is not self._by_namespace:
            self._by_namespace = held
            self._limits = tuple(chain.from_iterable(held))
        return self._limits


def strictest(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """Return limits of one namespace in order, of those that share their counters the strictest."""
    found: dict[Identity, Limit] = {}
    for limit in limits:
        known = found.get(limit.identity)
        if known is None or (limit.max_value, limit.name) < (known.max_value, known.name):
            found[limit.identity] = limit
    return tuple(
        sorted(
            found.values(),
            key=lambda limit: (limit.name, limit.conditions, limit.seconds, limit.variables),
        )
    )
