"""The sockets of the push server: aggregated and extension config discovery over gRPC, state of the world."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
from msgspec import Struct

from kuadrant.xds import peer_log
from kuadrant.xds.discovery_stream import Refusal, Stream, StreamStatus
from kuadrant.xds.grpc_listener import GrpcListener
from kuadrant.xds.grpc_options import options
from kuadrant.xds.peer import Admission, Denial, Identity, Peer, everyone, nobody
from kuadrant.xds.peer_bounds import Limits
from kuadrant.xds.snapshot import EMPTY, EXTENSION, Snapshot
from kuadrant.xds.stranger_admission import Door
from kuadrant.xds.stream_life import End, Session
from kuadrant.xds.stream_quota import StreamQuota
from kuadrant.xds.wire import InvalidRequestError, read_request, to_bytes, token_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from kuadrant.xds.certificate import Credentials
    from kuadrant.xds.peer_bounds import Reason

_AGGREGATED = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_EXTENSIONS = "envoy.service.extension.v3.ExtensionConfigDiscoveryService"


class Connected(Struct, frozen=True):
    """A connected Envoy: what it says it is, what became of that, and what is known of its stream."""

    peer: Peer
    admission: Admission | Denial
    stream: StreamStatus


class Server:
    """Pushes to every Envoy that connects the snapshot of its group, and keeps what each of them said to it.

    Args:
        host: The address to listen at.
        port: The port; 0 takes any free one.
        on_refusal: Called for each NACK as it arrives; by default it is logged.
        clock: Gives the seconds of the times in the status.
        admit: Tells the group of an Envoy, or why it gets nothing; by default all are of the group "".
        others: Services on the same port.
        credentials: Those of TLS; without them it is spoken in the clear.
        identify: Tells what a bearer token from an IP address proves; the stream of who shows one waits for
            it.
        places: Tells how many Envoys may be at an IP address. With it there is a door: nobody comes in before
            ``open``, and afterwards only from where one may be; ``admit_again`` when that has changed.
            Without it everybody comes in, as is right where only this machine can.
        limits: What one may take.
        refused: Called with the reason whenever a connection or a stream is closed for it.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        on_refusal: Callable[[Refusal], None] | None = None,
        clock: Callable[[], float] = time.time,
        admit: Callable[[Peer], Admission | Denial] = everyone,
        others: Iterable[grpc.GenericRpcHandler] = (),
        credentials: Credentials | None = None,
        identify: Callable[[str, str], Awaitable[Identity]] = nobody,
        places: Callable[[str], int] | None = None,
        limits: Limits = Limits(),  # noqa: B008 - it is frozen
        refused: Callable[[Reason], None] = lambda _: None,
    ) -> None:
        self._identify = identify
        self._limits = limits
        self._refused = refused
        door = None if places is None else Door(limits, places, self._refuse)
        self._quota = StreamQuota(places or (lambda _: 1), limits)
        self._listener = GrpcListener(host, port, credentials, door)
        self._others = tuple(others)
        self._admit = admit
        self._on_refusal = on_refusal or peer_log.refused
        self._clock = clock
        self._snapshots: dict[str, Snapshot] = {}
        self._sessions: list[Session] = []
        self._changed = asyncio.Event()
        self._ready: Callable[[Peer], Awaitable[object]] = _at_once

    async def start(self) -> int:
        """Listen; returns the port, which the system chose where 0 was asked for.

        Raises:
            AddressError: The address is taken or is none of this machine.
        """
        handlers = (
            _handler(_AGGREGATED, "StreamAggregatedResources", self._serve_aggregated),
            _handler(_EXTENSIONS, "StreamExtensionConfigs", self._serve_extensions),
            *self._others,
        )
        return await self._listener.start(handlers, options(self._limits))

    def open(self) -> None:
        """Let those in from now on who may ask: it is known where Envoys may be."""
        self._listener.open()

    def expect(self, word: bytes) -> None:
        """Let connections in from anywhere that say ``word`` in the clear when they begin; no streams."""
        if self._listener.door is not None:
            self._listener.door.word = word

    def address_of(self, peer: str) -> str:
        """The IP address of who has this name with gRPC; empty if it did not come through the door."""
        return self._listener.address_of(peer)

    def hold_back(self, ready: Callable[[Peer], Awaitable[object]]) -> None:
        """Tell an Envoy that has just come nothing before ``ready``, which is called with it, has ended."""
        self._ready = ready

    @property
    def is_asked(self) -> bool:
        """Tell whether anybody has a stream."""
        return bool(self._sessions)

    async def stop(self) -> None:
        """End every stream and stop listening. Envoys keep what they have."""
        await self._listener.stop()

    async def set(self, snapshot: Snapshot, group: str = "") -> None:
        """From now on every Envoy of ``group`` ought to have ``snapshot``; only what changed is sent."""
        self._snapshots[group] = snapshot
        for session in self._sessions:
            if session.admission.group == group:
                session.put(session.stream.set(snapshot))
        self._notify()

    def again(self, type_url: str) -> None:
        """Send what every Envoy ought to have of a type once more, also what it has taken or refused."""
        for session in self._sessions:
            session.put(session.stream.again(type_url))
        self._notify()

    def drop(self, group: str) -> None:
        """From now on nothing is sent to Envoys of ``group``; they keep what they have."""
        self._snapshots.pop(group, None)
        for session in self._sessions:
            if session.admission.group == group:
                session.stream.set(EMPTY)
        self._notify()

    def admit_again(self) -> None:
        """Ask again of every connected Envoy which group it is of, since what that depends on has changed."""
        self._quota.look()
        if self._listener.door is not None:
            self._listener.door.look()
        for session in self._sessions:
            self._place(session)

    def _place(self, session: Session) -> None:
        if session.peer is None:
            return
        admission = self._admit(session.peer)
        if session.admission == admission:
            return
        session.admitted(admission)
        if isinstance(admission, Denial):
            peer_log.denied(session.peer, admission)
        group = session.admission.group
        session.put(session.stream.set(EMPTY if group is None else self._snapshots.get(group, EMPTY)))
        self._notify()

    def status(self) -> tuple[StreamStatus, ...]:
        """The state of each connected Envoy, in the order in which they connected."""
        return tuple(session.stream.status() for session in self._sessions)

    def connected(self) -> tuple[Connected, ...]:
        """Each Envoy that is connected and has asked for something, in the order in which they connected."""
        return tuple(
            Connected(session.peer, session.admission, session.stream.status())
            for session in self._sessions
            if session.peer is not None
        )

    def changed(self) -> Awaitable[object]:
        """Return what ends when an Envoy comes, goes, gives a verdict or is to get something else."""
        return self._changed.wait()

    async def settled(self, *type_urls: str) -> tuple[Refusal, ...]:
        """Wait until each Envoy that asked for these types has judged what they hold; return the refusals.

        An empty result means that all took it, or that none is connected that asked; ``status`` tells which.
        The wait has no end of its own: an Envoy that is warming takes its time, one that hangs is given up
        after 40 s.
        """
        while True:
            streams = [session.stream for session in self._sessions]
            if all(stream.state(type_url) != "waiting" for stream in streams for type_url in type_urls):
                refusals = (stream.refusal(type_url) for stream in streams for type_url in type_urls)
                return tuple(refusal for refusal in refusals if refusal is not None)
            await self._changed.wait()

    async def taken(self, *type_urls: str) -> None:
        """Wait until an Envoy is connected that has taken the present content of all these types."""
        while not any(
            all(session.stream.state(type_url) == "taken" for type_url in type_urls)
            for session in self._sessions
        ):
            await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _serve_aggregated(self, requests: AsyncIterator[Any], context: Any) -> None:
        await self._serve(requests, context, "")

    async def _serve_extensions(self, requests: AsyncIterator[Any], context: Any) -> None:
        await self._serve(requests, context, EXTENSION)

    async def _serve(self, requests: AsyncIterator[bytes], context: Any, type_url: str) -> None:
        address = self.address_of(context.peer())
        if (end := self._quota.turned_away(address)) is not None:
            await self._close(context, end, address)
        session = Session(Stream(EMPTY, self._clock()), address, self._limits)
        self._sessions.append(session)
        self._quota.enter(address)
        reader = asyncio.create_task(self._read(requests, session, type_url, context))
        try:
            while not isinstance(response := await session.out.get(), End):
                await context.write(to_bytes(response))
            if response.reason is not None:
                await self._close(context, response, address)
            await reader
        finally:
            # First what must happen: gRPC now and then forgets a call that was cancelled, and with it what is
            # awaited here.
            session.forget()
            self._sessions.remove(session)
            self._quota.leave(address)
            self._notify()
            peer_log.ended(session.stream.status().node)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _close(self, context: Any, end: End, address: str) -> None:
        assert end.reason is not None
        self._refuse(end.reason, address)
        await context.abort(end.code, end.words[: self._limits.node])

    def _refuse(self, reason: Reason, address: str) -> None:
        self._refused(reason)
        if reason != "denied":  # that was said when it was
            peer_log.turned_away(address, reason)

    async def _read(
        self, requests: AsyncIterator[bytes], session: Session, type_url: str, context: Any
    ) -> None:
        end = End()
        try:
            async for received in requests:
                if delay := self._quota.delay(session.address, asyncio.get_running_loop().time()):
                    await asyncio.sleep(delay)
                request, cluster = read_request(received, type_url, self._limits)
                if session.asks_too_much(request):
                    most = f"{self._limits.names} names and {self._limits.types} types"
                    end = End("names", f"a stream asks for at most {most}")
                    return
                if session.peer is None:
                    session.heard()
                    token = token_of(context)
                    identity = await self._identify(token, session.address) if token else Identity()
                    peer = Peer(session.address, request.node, cluster, identity)
                    await self._ready(peer)
                    session.peer = peer
                    self._place(session)
                for outcome in session.stream.receive(request, self._clock()):
                    if isinstance(outcome, Refusal):
                        self._on_refusal(outcome)
                    else:
                        session.put((outcome,))
                self._notify()
        except InvalidRequestError as error:
            end = End("malformed", str(error))
        finally:
            session.end(end)


async def _at_once(_: Peer) -> None:
    return


def _handler(
    service: str, method: str, serve: Callable[[AsyncIterator[Any], Any], Any]
) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        service,
        {
            method: grpc.stream_stream_rpc_method_handler(
                serve,
                # Requests are read when they are known to be no larger than they may be, and responses are
                # bytes already: a message would be kept beside them until Envoy has taken them.
                request_deserializer=None,
                response_serializer=None,
            )
        },
    )
