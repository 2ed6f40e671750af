"""Bounds how often a stranger may cause a line in the log."""

from __future__ import annotations

from typing import Final, NamedTuple

SECONDS: Final = 60.0


class LogPace:
    """Lets one through for each subject in ``SECONDS``, and ``most`` in all.

    It remembers no more subjects than that.
    """

    def __init__(self, most: int = 10) -> None:
        self._most = most
        self._since: dict[str, float] = {}

    def may(self, subject: str, now: float) -> bool:
        """Tell whether this one may be told now; ``now`` is in seconds and never decreases."""
        if subject in self._since and now < self._since[subject] + SECONDS:
            return False
        if len(self._since) >= self._most:
            self._since = {one: at for one, at in self._since.items() if now < at + SECONDS}
            if len(self._since) >= self._most:
                return False
        self._since[subject] = now
        return True


class Paces(NamedTuple):
    """One for what strangers cause and one for defects of ours, of which their doings are not to keep us."""

    strangers: LogPace
    defects: LogPace
