"""Slows down the namespace that edits without end, and nobody else. Time is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Container

    from kuadrant.kube.kind import Key
    from kuadrant.policy.budgets import Budgets

TOO_FAST: Final = (
    "policies of namespace {} were edited faster than gateways that others share can read them: this edit is "
    "taken in its turn, {} bytes a second after the first {} (namespace-edits, namespace-bytes)"
)


class EditPace:
    """Tells when it is the turn of an edited policy.

    An edit costs the bytes that it has written anew: the operator judges them, and every gateway reads them
    while others wait. A namespace can spend at once what all its limits may take together, and then so many
    bytes a second. Its last edit may cost more than is left, so that a large one comes to its turn beside
    small ones (issue F, 2).

    Args:
        budgets: how much that is.
    """

    def __init__(self, budgets: Budgets) -> None:
        self._most, self._a_second = budgets.namespace_bytes, budgets.namespace_edits
        self._left: dict[str, tuple[float, float]] = {}
        self._waits_since: dict[Key, float] = {}

    def due(self, now: float) -> float | None:
        """Return the time of the next turn of a policy that waits; None if none does."""
        return min((self._turn(key[0], now) for key in self._waits_since), default=None)

    def waits_since(self, key: Key, now: float) -> float:
        """Return since when a policy has waited, ``now`` if it does not.

        Who has waited longest is to be asked for first, or who is edited again and again would always be
        before him.
        """
        return self._waits_since.get(key, now)

    def is_turn(self, key: Key, now: float) -> bool:
        """Tell whether an edit of a policy is taken now; else it waits."""
        if self._turn(key[0], now) <= now:
            self._waits_since.pop(key, None)
            return True
        self._waits_since.setdefault(key, now)
        return False

    def spend(self, namespace: str, size: int, now: float) -> None:
        """Note an edit of so many bytes; whoever has all that there is again is forgotten."""
        self._left = {name: one for name, one in self._left.items() if self._left_at(name, now) < self._most}
        self._left[namespace] = (self._left_at(namespace, now) - size, now)

    def forget_all_but(self, keys: Container[Any]) -> None:
        """Forget the policies that are no more."""
        self._waits_since = {key: since for key, since in self._waits_since.items() if key in keys}

    def _turn(self, namespace: str, now: float) -> float:
        left = self._left_at(namespace, now)
        return now if left > 0 else now + (1 - left) / self._a_second

    def _left_at(self, namespace: str, now: float) -> float:
        left, then = self._left.get(namespace, (float(self._most), now))
        return min(float(self._most), left + (now - then) * self._a_second)
