"""Shares a store's memory among tenants and limits, and knows what this process has seen of its use."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from kuadrant.ratelimit.counter_shares import NEARLY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.api.counter_identity import Identity
    from kuadrant.ratelimit.counter_shares import Shares
    from kuadrant.ratelimit.counters import Ask

_NOTE_SECONDS: Final = 60.0


class StoreNote(NamedTuple):
    """A limit of a tenant has nearly no room left in the store.

    If ``is_full``, new values of the limit ``identity`` share a counter from now on.
    """

    tenant: str
    identity: Identity
    is_full: bool


class StoreRoom:
    """Divides a store's memory as ``shares`` divide that of this process.

    Every process that has the same limits comes to the same parts. ``shared`` is how many counters this one
    has opened for values that had to share. ``notes`` are what has to be told to a person, at most once a
    minute for each tenant, until somebody takes them.
    """

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self.shared = 0
        self.notes: deque[StoreNote] = deque(maxlen=16)
        self._noted: dict[str, float] = {}
        self._used: dict[str, tuple[float, float]] = {}

    def parts(self, asks: Sequence[Ask], tenant: str, bound: int | None) -> tuple[int, int, list[int]]:
        """Return a tenant's reserve, the part for everybody, and what the limit of each ask has for itself.

        Args:
            asks: the counters, all of that tenant.
            tenant: the tenant.
            bound: the bytes that there are in the store; None for as many as in memory.
        """
        shares = self._shares
        scale = 1.0 if bound is None or not shares.bound else bound / shares.bound
        own = shares.tenants.get(tenant)
        return (
            0 if own is None else int(own.reserve * scale),
            int(shares.common * scale),
            [int(ask.counters.guaranteed * scale) for ask in asks],
        )

    def note(self, ask: Ask, tenant: str, thousandths: int, now: float) -> None:
        """Take note of a counter that was opened for ``ask``.

        ``thousandths`` is how much its limit uses of what it may have; more than 1000 if it has to be shared.
        """
        is_full = thousandths > 1000
        self.shared += is_full
        used = min(thousandths, 1000) / 1000
        if tenant in self._shares.tenants:
            # What is opened now is counted for two windows.
            self._used[tenant] = (used, now + 2 * ask.counters.seconds)
        if used >= NEARLY and self._noted.get(tenant, now) <= now:
            self._noted = {name: until for name, until in self._noted.items() if until > now}
            self._noted[tenant] = now + _NOTE_SECONDS
            self.notes.append(StoreNote(tenant, ask.counters.identity, is_full))

    def used(self, now: float) -> dict[str, float]:
        """Return how much each tenant's limit, of which a counter was opened last, uses of what it may."""
        self._used = {
            name: seen for name, seen in self._used.items() if seen[1] > now and name in self._shares.tenants
        }
        return {name: ratio for name, (ratio, _) in self._used.items()}
