"""The streams and requests that an address may have: as much for each Envoy that may be there."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from kuadrant.xds.peer_bounds import Bucket
from kuadrant.xds.stream_life import End

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.xds.peer_bounds import Limits


class StreamQuota:
    """Counts the streams of each address, and spaces their requests."""

    def __init__(self, places: Callable[[str], int], limits: Limits) -> None:
        """Begin without a stream; ``places`` tells how many Envoys may be at an IP address."""
        self._places = places
        self._limits = limits
        self._streams: Counter[str] = Counter()
        self._pace: dict[str, Bucket] = {}

    def turned_away(self, address: str) -> End | None:
        """Return why a stream from there is closed before anything is read of it, or None if it is not."""
        places = self._places(address)
        if not places:
            return End("stranger", "no Envoy may be at this address")
        if self._streams[address] >= places * self._limits.streams:
            return End("streams", f"an Envoy has at most {self._limits.streams} streams")
        return None

    def enter(self, address: str) -> None:
        """Count a stream."""
        self._streams[address] += 1

    def leave(self, address: str) -> None:
        """Count a stream no more."""
        self._streams -= Counter((address,))

    def delay(self, address: str, now: float) -> float:
        """Count a request; return the seconds to wait until it is its turn."""
        pace = self._pace.setdefault(address, Bucket(self._limits.requests, now))
        return pace.delay(now, max(1, self._places(address)))

    def look(self) -> None:
        """Forget the pace of addresses at which no Envoy may be any more."""
        self._pace = {address: pace for address, pace in self._pace.items() if self._places(address)}
