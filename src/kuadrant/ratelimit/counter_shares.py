"""Shares the memory of counters among tenants and limits.

A bound over all, and a share of it for each tenant and each limit.

A tenant is what owns the domains of requests: the part before the first ``/`` (the Kubernetes namespace of a
policy or a route), or the whole domain where there is none. Sizes are in bytes.

* Half of the bound is divided equally among the tenants whose limits hold counters with values. Half of a
  tenant's part is divided equally among those limits. What is so guaranteed to one cannot be taken by
  another.
* The other halves are there for whoever needs more, at most ``_GREED`` times as much as would then still be
  free. Whoever has filled what he may have leaves a part for the next one, who never finds nothing.
* The bound over all comes first. It can take a part of what is guaranteed only where tenants have come after
  others had filled their larger shares, until those counters are over.

What becomes of a value that finds no room is in ``counters``: it shares a counter with others like it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_GREED: Final = 4
NEARLY: Final = 0.8


def tenant_of(namespace: str) -> str:
    """Return who owns the domain ``namespace``."""
    return namespace.partition("/")[0]


class Tenant:
    """The memory that one tenant has.

    ``excess`` is what his limits hold beyond their own parts, of which ``reserve`` is guaranteed to him.
    """

    __slots__ = ("excess", "held", "holdings", "name", "reserve")

    def __init__(self, name: str) -> None:
        self.name = name
        self.holdings: list[Holding] = []
        self.held = 0
        self.reserve = 0
        self.excess = 0

    @property
    def borrowed(self) -> int:
        """The bytes that he holds of the part that is for everybody."""
        return max(0, self.excess - self.reserve)


class Holding:
    """The memory that one limit has: ``held``, of which up to ``guaranteed`` is its own."""

    __slots__ = ("guaranteed", "held", "tenant")

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.held = 0
        self.guaranteed = 0

    @property
    def excess(self) -> int:
        """The bytes that it holds beyond its own part."""
        return max(0, self.held - self.guaranteed)


class Shares:
    """The bound of ``bound`` bytes, and what tenants and their limits have of it.

    ``common`` is the part that is guaranteed to nobody.
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.held = 0
        self.tenants: dict[str, Tenant] = {}
        self.common = bound
        self._free = bound

    def divide(self, holdings: Iterable[tuple[str, Holding]]) -> None:
        """Divide anew among these limits, each with the name of its tenant; what they hold stays theirs."""
        for former in self.tenants.values():
            former.holdings = []  # what is not held any more is gone at once, not when cycles are looked for
        of_tenant: dict[str, list[Holding]] = {}
        for name, holding in holdings:
            of_tenant.setdefault(name, []).append(holding)
        each = self.bound // 2 // max(1, len(of_tenant))
        tenants = {}
        for name, members in of_tenant.items():
            tenant = tenants[name] = Tenant(name)
            tenant.holdings = members
            own = each // 2 // len(members)
            tenant.reserve = each - own * len(members)
            for holding in members:
                holding.tenant, holding.guaranteed = tenant, own
            tenant.held = sum(holding.held for holding in members)
            tenant.excess = sum(holding.excess for holding in members)
        self.tenants = tenants
        self.held = sum(tenant.held for tenant in tenants.values())
        self.common = self.bound - each * len(tenants)
        self._free = self.common - sum(tenant.borrowed for tenant in tenants.values())

    def take(self, holding: Holding, size: int) -> bool:
        """Hold one more counter of that size, if it may be held."""
        if self.held + size > self.bound:
            return False
        if holding.held + size <= holding.guaranteed:
            holding.held += size
            holding.tenant.held += size
            self.held += size
            return True
        room = self._room(holding.tenant)
        if size > room or holding.excess + size > _GREED * room:
            return False
        self._add(holding, size)
        return True

    def give(self, holding: Holding, size: int) -> None:
        """A counter of that size is not held any more."""
        self._add(holding, -size)

    def _add(self, holding: Holding, size: int) -> None:
        tenant = holding.tenant
        excess, borrowed = holding.excess, tenant.borrowed
        holding.held += size
        tenant.held += size
        self.held += size
        tenant.excess += holding.excess - excess
        self._free -= tenant.borrowed - borrowed

    def use(self, holding: Holding) -> float:
        """Return how much of what it may have now a limit has, from 0 to 1."""
        room = self._room(holding.tenant)
        more = max(
            holding.guaranteed - holding.held, min(room, (_GREED * room - holding.excess) // (_GREED + 1))
        )
        more = max(0, min(more, self.bound - self.held))
        return holding.held / (holding.held + more) if holding.held else 0.0

    def tenants_use(self, tenant: Tenant) -> float:
        """Return that of the tenant's limit which has the least room."""
        return max(map(self.use, tenant.holdings), default=0.0)

    def is_nearly_used(self, holding: Holding) -> bool:
        """Tell whether somebody has to be told that a limit is about to have no room."""
        return self.use(holding) >= NEARLY

    def _room(self, tenant: Tenant) -> int:
        own = max(0, tenant.reserve - tenant.excess)
        return own + max(0, min(self._free, _GREED * self._free - tenant.borrowed))
