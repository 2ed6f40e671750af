"""Decides which limits of former configurations stay for a while, and when they go; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.counter_identity import Identity
    from kuadrant.api.limitador import Limit


class FormerLimits:
    """Limits that nothing asks for any more, each with the time from which on that is so.

    Each goes by its own time: an edit that follows does not keep those that came before it.

    Args:
        seconds: for how long calls of a former configuration may be on their way.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[Identity, float] = {}

    def note(self, held: Iterable[Limit], wanted: Iterable[Limit], now: float) -> None:
        """Note that of the limits that are ``held`` those are asked for from now on that are ``wanted``."""
        asked_for = {limit.identity for limit in wanted}
        former = (limit.identity for limit in held if limit.identity not in asked_for)
        self._since = {identity: self._since.get(identity, now) for identity in former}

    def staying(self, held: Iterable[Limit], now: float) -> tuple[Limit, ...]:
        """Return the limits that are ``held`` without those whose time has come, in their order."""
        gone = {identity for identity, since in self._since.items() if now >= since + self._seconds}
        return tuple(limit for limit in held if limit.identity not in gone)

    @property
    def next_time(self) -> float | None:
        """Return when the next limit goes; None without any."""
        return min(self._since.values()) + self._seconds if self._since else None
