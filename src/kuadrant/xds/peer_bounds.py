"""Bounds what an Envoy, or who says that it is one, may take of the push server; pure."""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct

Reason = Literal["stranger", "strangers", "connections", "streams", "silent", "malformed", "names", "denied"]
"""The reason why a connection or a stream is closed; a stranger is at an address where no Envoy may be."""


class Rate(Struct, frozen=True, gc=False):
    """So much each second, and ``burst`` at once from who has been quiet."""

    per_second: float
    burst: float


UNBOUNDED = Rate(math.inf, math.inf)


class Limits(Struct, frozen=True, kw_only=True):
    """The most that one may take, in bytes, seconds and numbers (issue F, item 16).

    An Envoy is one that may be at an address: where several may be, the address has as much as all of them.
    """

    message: int = 512 * 1024
    """Of a request.

    The first of a stream has 60 KiB with all the extensions that an Envoy has, and Istio adds its pod's
    annotations, of which Kubernetes allows 256 KiB; all others are small.
    """
    metadata: int = 16 * 1024
    """Of the headers of a stream, a token among them."""
    node: int = 1024
    """Characters of the name that an Envoy gives itself, and of a type's."""
    text: int = 4096
    """Characters that are kept of the words in which an Envoy refuses something."""
    types: int = 8
    """That a stream asks for."""
    names: int = 256
    """That a stream asks for, of all types together."""
    streams: int = 128
    """Of an Envoy: it has one for each filter that asks, and a gateway has at most 64 ports."""
    connections: int = 8
    """Of an Envoy."""
    requests: Rate = Rate(50.0, burst=500.0)
    """Of an Envoy; those above it are read later."""
    bytes: Rate = Rate(1024 * 1024, burst=16 * 1024 * 1024)
    """Of an Envoy; those above it are read later: gRPC keeps much of what it reads until it can judge it.

    At once it may send all its streams' first requests, twice.
    """
    strangers: int = 64
    """Connections of strangers, of which nothing is read.

    They are kept for ``hold``, since the word about a new pod may be on its way.
    """
    strangers_of_an_address: int = 8
    hold: float = 15.0
    """How long who gets nothing is kept, in seconds."""
    silence: float = 10.0
    """Until a stream has said who it is, and until a connection speaks HTTP/2, in seconds."""


ON_THIS_MACHINE = Limits(message=4 * 2**20, names=50_000, requests=UNBOUNDED, bytes=UNBOUNDED)
"""For a server that only this machine reaches: its one Envoy asks for everything by one stream."""


class Bucket:
    """Lets something through at a rate. Times are of a clock that does not go back."""

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate.per_second
        self._burst = self._level = rate.burst
        self._at = now

    def _fill(self, now: float, share: int) -> None:
        self._level = min(self._burst * share, self._level + self._rate * share * (now - self._at))
        self._at = now

    def delay(self, now: float, share: int = 1, amount: int = 1) -> float:
        """Take ``amount`` of what ``share`` have together; return the seconds to wait until it is paid."""
        if math.isinf(self._rate):
            return 0.0
        self._fill(now, share)
        self._level -= amount
        return max(0.0, -self._level / (self._rate * share))

    def take(self, now: float) -> bool:
        """Take one if there is one; returns whether there was."""
        self._fill(now, 1)
        if self._level < 1:
            return False
        self._level -= 1
        return True
