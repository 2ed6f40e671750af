"""Which policies are with gateways that do not say what they run for too short a time to be in effect; time is given."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from kuadrant.operator.memo import kept

if TYPE_CHECKING:
    from kuadrant.compiler import PolicyFacts
    from kuadrant.kube.kind import Key

TAKES: Final = 1.0
"""Seconds in which a gateway that pulls takes what is new in its objects: at most 0.2 s were seen on a machine that had time, and 0.4 s
where it had to fetch the module first."""


class Taking:
    """Follows policies from when something was to be written for them until gateways have had the time to take it.

    A policy that asks for nothing that is not there, as after a restart of the operator, is none of them.
    """

    def __init__(self) -> None:
        self._policies: tuple[PolicyFacts, ...] = ()
        self._facts: dict[Key, PolicyFacts] = {}
        self._until: dict[Key, float] = {}
        self._keys: frozenset[Key] = frozenset()

    @property
    def due(self) -> float | None:
        """When the next of them is none any more; None if that takes more than time."""
        return min((until for until in self._until.values() if until < inf), default=None)

    def of(self, policies: tuple[PolicyFacts, ...], behind: frozenset[str], now: float) -> frozenset[Key]:
        """Return them, by namespace and name; the objects of the gateways ``behind`` are not all as they are wanted."""
        if policies is not self._policies:
            self._note(policies, behind)
        for key, until in [*self._until.items()]:
            if until == inf and behind.isdisjoint(self._facts[key].gateways):
                self._until[key] = now + TAKES
            elif until <= now:
                del self._until[key]
        self._keys = kept(self._keys, frozenset(self._until))
        return self._keys

    def _note(self, policies: tuple[PolicyFacts, ...], behind: frozenset[str]) -> None:
        facts = {(one.policy.namespace, one.policy.name): one for one in policies}
        for key, one in facts.items():
            if self._facts.get(key) is not one:
                self._until.pop(key, None)
                if not behind.isdisjoint(one.gateways):
                    self._until[key] = inf
        for key in self._until.keys() - facts.keys():
            del self._until[key]
        self._policies, self._facts = policies, facts
