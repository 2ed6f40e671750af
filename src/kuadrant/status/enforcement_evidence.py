"""Decides when ``Enforced=True`` may be said of a policy: each gateway has what it asks for, and keeps it.

Time is given. Gateways and policies are named ``namespace/name``.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.status.gateway_evidence import Evidence, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from kuadrant.compiler.policy_facts import PolicyFacts


class EnforcementEvidence(Struct, frozen=True, kw_only=True):
    """Holds what is known of all gateways at one moment.

    Attributes:
        gateways: Their words on all that they are to have.
        silent: Those that do not say what they run.
        taken: The version of each that requests meet.
        behind: Those that have been without something for too long.
        withheld: The policies that a gateway gets only a part of, with what is to be said of it.
        unheld: The policies of a gateway with a limit that the rate limit service is without.
        lost: The policies with a limit that it has been without for too long.
    """

    gateways: Evidence
    silent: frozenset[str] = frozenset()
    taken: Mapping[str, int]
    behind: frozenset[str] = frozenset()
    withheld: Mapping[str, Mapping[str, str]]
    unheld: Mapping[str, frozenset[str]]
    lost: frozenset[str] = frozenset()

    def of(self, facts: PolicyFacts, since: Mapping[str, int]) -> Evidence:
        """Return what is known of one policy.

        Args:
            facts: The policy.
            since: The version of each of its gateways that first had it as it is now.
        """
        policy = facts.policy.key
        acknowledged: set[str] = set()
        refused: dict[str, str] = {}
        awaited: dict[str, tuple[str, ...]] = {}
        for name in facts.gateways:
            words = self.gateways.refused.get(name, self.withheld.get(name, {}).get(policy))
            if words is not None:
                refused[name] = words
            elif self._lacks_limits(policy, name, since):
                parts = self.gateways.awaited.get(name, ())
                awaited[name] = parts if Part.LIMITS in parts else (Part.LIMITS, *parts)
            elif name not in self.behind and since.get(name, inf) <= self.taken.get(name, 0):
                acknowledged.add(name)
            else:
                awaited[name] = self.gateways.awaited.get(name, ())
        return Evidence(
            frozenset(acknowledged), refused, awaited, self.gateways.installed, self.gateways.missing
        )

    def _lacks_limits(self, policy: str, gateway: str, since: Mapping[str, int]) -> bool:
        """Tell whether the rate limit service is without a limit of the policy, and not only for a moment."""
        if policy not in self.unheld.get(gateway, ()):
            return False
        return gateway not in since or policy in self.lost or gateway in self.behind


class AskedSince:
    """Remembers with which version each gateway came to have a policy as it is now."""

    def __init__(self) -> None:
        self._policies: dict[str, tuple[PolicyFacts, dict[str, int]]] = {}

    def note(self, policies: Iterable[PolicyFacts], told: Callable[[str, str], int | None]) -> None:
        """Take note of the policies.

        Args:
            policies: All that there are.
            told: Gives the version of a gateway that has all of a policy; None if its present one has not.
        """
        former, self._policies = self._policies, {}
        for facts in policies:
            last = former.get(facts.policy.key)
            since = last[1] if last is not None and last[0] is facts else {}
            for name in facts.gateways:
                if name not in since and (version := told(name, facts.policy.key)) is not None:
                    since[name] = version
            self._policies[facts.policy.key] = (facts, since)

    def since(self, facts: PolicyFacts) -> Mapping[str, int]:
        """Return the version of each gateway that first had a policy; without those that never had it."""
        return self._policies[facts.policy.key][1]


class _Since:
    """Remembers since when something has been so, and tells of what has been so for too long.

    Args:
        seconds: What is too long.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: Mapping[str, float] = {}

    def dues(self, now: float) -> Iterator[float]:
        """Yield when something will have been so for too long."""
        return (due for since in self._since.values() if (due := since + self._seconds) > now)

    def _late(self, since: Mapping[str, float], now: float) -> frozenset[str]:
        self._since = since
        return frozenset(name for name, begin in since.items() if now - begin >= self._seconds)


class Behind(_Since):
    """Tells which gateways have been without something for too long, and nothing arrived meanwhile."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self._taken: Mapping[str, int] = {}

    def of(self, gateways: Evidence, taken: Mapping[str, int], now: float) -> frozenset[str]:
        """Return the gateways that are behind.

        One that refuses something is among them at once, and until it has taken something again.
        """
        former, self._taken = self._taken, taken
        since = {
            name: self._since.get(name, now) if taken.get(name) == former.get(name) else now
            for name, parts in gateways.awaited.items()
            if parts and name not in gateways.refused
        }
        return self._late(since | dict.fromkeys(gateways.refused, -inf), now)


class Lost(_Since):
    """Tells of which policies a limit has not been held for too long to be on its way."""

    def of(self, unheld: Iterable[Collection[str]], now: float) -> frozenset[str]:
        """Return them; ``unheld`` are the policies of each gateway that have a limit which is not held."""
        since = {policy: self._since.get(policy, now) for policies in unheld for policy in policies}
        return self._late(since, now)
