"""One stream of an Envoy: who it is, what is still to be written to it, and when it is closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]
from msgspec import Struct

from kuadrant.xds.peer import Admission, Denial, Peer
from kuadrant.xds.peer_bounds import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.xds.discovery_stream import Request, Response, Stream
    from kuadrant.xds.peer_bounds import Limits


class End(Struct, frozen=True):
    """The stream is over; with ``reason`` because we close it.

    Envoy comes back by itself, later and later up to half a minute.
    """

    reason: Reason | None = None
    words: str = ""

    @property
    def code(self) -> grpc.StatusCode:
        """The status that gRPC is told."""
        return _CODES.get(self.reason or "", grpc.StatusCode.RESOURCE_EXHAUSTED)


_CODES = {
    "stranger": grpc.StatusCode.UNAVAILABLE,
    "silent": grpc.StatusCode.DEADLINE_EXCEEDED,
    "denied": grpc.StatusCode.PERMISSION_DENIED,
    "malformed": grpc.StatusCode.INVALID_ARGUMENT,
    "names": grpc.StatusCode.INVALID_ARGUMENT,
}


class Session:
    """A stream from ``address``, and what is still to be written to it.

    Also who is at its other end as far as it is known.
    """

    def __init__(self, stream: Stream, address: str, limits: Limits) -> None:
        self.stream = stream
        self.address = address
        self.peer: Peer | None = None
        self.admission: Admission | Denial = Denial("it has not asked for anything yet")
        self.out: asyncio.Queue[Response | End] = asyncio.Queue()
        self._limits = limits
        self._names: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._close_after(limits.silence, End("silent", "it asked for nothing"))

    def put(self, responses: Iterable[Response]) -> None:
        """Have these written."""
        for response in responses:
            self.out.put_nowait(response)

    def end(self, end: End) -> None:
        """Have the stream closed after what is to be written."""
        self.out.put_nowait(end)

    def heard(self) -> None:
        """Its first request has come."""
        self._stay()

    def admitted(self, admission: Admission | Denial) -> None:
        """Note what it gets from now on. Who gets nothing is closed in a while.

        What is known of pods may change at any moment.
        """
        self.admission = admission
        self._stay()
        if isinstance(admission, Denial):
            self._close_after(self._limits.hold, End("denied", admission.reason))

    def asks_too_much(self, request: Request) -> bool:
        """Tell whether it would ask for more, all its requests together, than a stream may."""
        self._names[request.type_url] = len(request.names)
        return len(self._names) > self._limits.types or sum(self._names.values()) > self._limits.names

    def forget(self) -> None:
        """It is over."""
        self._stay()

    def _close_after(self, seconds: float, end: End) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self.end, end)

    def _stay(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
