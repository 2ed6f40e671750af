"""Holds back what may pass by itself."""

from __future__ import annotations


class Settling:
    """Tells that something is not well, once it has been so for a while without a break."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None

    def note(self, *, well: bool, now: float) -> None:
        """Note whether it is well."""
        if well:
            self._since = None
        elif self._since is None:
            self._since = now

    def left(self, now: float) -> float:
        """Return for how many seconds nothing is to be told yet; 0 also where all is well."""
        return 0.0 if self._since is None else max(0.0, self._since + self._seconds - now)
