"""Counts how the policies fare on their paths, while pieces come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kuadrant.compiler.route_piece import PolicyOutcome, RoutePiece


class Paths:
    """The paths of one policy: how many there are.

    Also how often a gateway, a winner or a limit occurs on them.
    """

    __slots__ = ("all", "effective", "gateways", "partial", "selected", "whole", "winners")

    def __init__(self) -> None:
        self.all = 0
        self.whole = 0
        self.partial = 0
        self.gateways: dict[str, int] = {}
        """Those where at least one limit is in effect."""
        self.winners: dict[str, int] = {}
        """Policies that took the place of a limit."""
        self.effective: dict[str, int] = {}
        """Limits, by name, on routes where they are in effect..."""
        self.selected: dict[str, int] = {}
        """... and on those where they are for at least one rule and host name."""

    def count(self, outcome: PolicyOutcome, step: int) -> None:
        """Add (1) or take away (-1) one path."""
        self.all += step
        if outcome.whole:
            self.whole += step
        elif outcome.kept:
            self.partial += step
        if outcome.kept:
            _count(self.gateways, outcome.gateway, step)
        if not outcome.whole:
            for winner in outcome.winners:
                _count(self.winners, winner, step)


class PathTable:
    """The paths of all policies, by ``namespace/name``."""

    def __init__(self) -> None:
        self._paths: dict[str, Paths] = {}
        self._changed: set[str] = set()

    def of(self, policy: str) -> Paths:
        """The paths of a policy."""
        return self._paths.get(policy) or Paths()

    def change(self, old: RoutePiece | None, new: RoutePiece | None) -> None:
        """One piece takes the place of another."""
        if old is not None and new is not None and _says_the_same(old, new):
            return
        for piece, step in ((new, 1), (old, -1)):
            if piece is not None:
                self._count(piece, step)

    def _count(self, piece: RoutePiece, step: int) -> None:
        for outcome in piece.outcomes:
            paths = self._paths.get(outcome.policy)
            if paths is None:
                paths = self._paths[outcome.policy] = Paths()
            paths.count(outcome, step)
            self._changed.add(outcome.policy)
        for policy, limit in piece.effective:
            _count(self._paths[policy].effective, limit, step)
        for policy, limit in piece.selected:
            _count(self._paths[policy].selected, limit, step)

    def settle(self) -> set[str]:
        """Return the policies whose paths have changed since the last time."""
        changed, self._changed = self._changed, set()
        for policy in changed:
            if not self._paths[policy].all:
                del self._paths[policy]
        return changed


def _says_the_same(one: RoutePiece, other: RoutePiece) -> bool:
    return (one.outcomes, one.effective, one.selected) == (other.outcomes, other.effective, other.selected)


def _count(counts: dict[str, int], name: str, step: int) -> None:
    count = counts.get(name, 0) + step
    if count:
        counts[name] = count
    else:
        del counts[name]
