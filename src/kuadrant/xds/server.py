"""The sockets of the push server: aggregated and extension config discovery over gRPC, state of the world."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import grpc  # type: ignore[import-untyped]
from google.protobuf.json_format import MessageToDict
from msgspec import Struct

from kuadrant import log
from kuadrant.envoy_api import field, message
from kuadrant.xds.peer import Admission, Denial, Identity, Peer, everyone, nobody
from kuadrant.xds.snapshot import EMPTY, EXTENSION, MESSAGE_LIMIT, Snapshot
from kuadrant.xds.stream import Refusal, Request, Response, Stream, StreamStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from kuadrant.xds.certificate import Credentials

logger = log.get("xds")

_AGGREGATED = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_EXTENSIONS = "envoy.service.extension.v3.ExtensionConfigDiscoveryService"

_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    # A second server on the same port would get half of the streams.
    ("grpc.so_reuseport", 0),
    # A peer that vanished without a word is found out in 40 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Envoys that ask for more than one sign of life in 10 s are not ours.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


class AddressError(Exception):
    """The server cannot listen where it was told to."""


class Connected(Struct, frozen=True):
    """An Envoy that is connected: what it says it is, what became of that, and what is known of its stream."""

    peer: Peer
    admission: Admission | Denial
    stream: StreamStatus


class _Session:
    """A stream, who is at its other end as far as it is known, and what is still to be written to it; None ends it."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.peer: Peer | None = None
        self.admission: Admission | Denial = Denial("it has not asked for anything yet")
        self.responses: asyncio.Queue[Response | None] = asyncio.Queue()

    def put(self, responses: Iterable[Response]) -> None:
        for response in responses:
            self.responses.put_nowait(response)


def _log_refusal(refusal: Refusal) -> None:
    logger.error(
        "Envoy refused a configuration and keeps the one before",
        node=refusal.node,
        type=refusal.type_url.rpartition("/")[2],
        names=refusal.names,
        text=refusal.text,
    )


class Server:
    """Pushes to every Envoy that connects the snapshot of its group, and keeps what each of them said to it.

    ``admit`` tells the group of an Envoy, or why it gets nothing; by default all are of the group "". ``on_refusal`` is called
    for each NACK as it arrives; by default it is logged. ``clock`` gives the seconds of the times in the status. ``others``
    are served on the same port. With ``credentials`` it speaks TLS. ``identify`` tells what a bearer token proves; the stream of who
    shows one waits for it.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        on_refusal: Callable[[Refusal], None] = _log_refusal,
        clock: Callable[[], float] = time.time,
        admit: Callable[[Peer], Admission | Denial] = everyone,
        others: Iterable[grpc.GenericRpcHandler] = (),
        credentials: Credentials | None = None,
        identify: Callable[[str], Awaitable[Identity]] = nobody,
    ) -> None:
        self._identify = identify
        self._credentials = credentials
        self._others = tuple(others)
        self._admit = admit
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._on_refusal = on_refusal
        self._clock = clock
        self._snapshots: dict[str, Snapshot] = {}
        self._sessions: list[_Session] = []
        self._changed = asyncio.Event()
        self._grpc: grpc.aio.Server | None = None

    async def start(self) -> int:
        """Listen; returns the port, which the system chose where 0 was asked for.

        Raises:
            AddressError: The address is taken or is none of this machine.
        """
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers(
            (
                _handler(_AGGREGATED, "StreamAggregatedResources", self._serve_aggregated),
                _handler(_EXTENSIONS, "StreamExtensionConfigs", self._serve_extensions),
                *self._others,
            )
        )
        try:
            port: int = (
                server.add_insecure_port(self._address)
                if self._credentials is None
                else server.add_secure_port(self._address, self._credentials.of_server())
            )
        except RuntimeError as error:
            raise AddressError(
                f"cannot listen on {self._address} for Envoy's configuration stream: "
                "the port is taken or the address is not of this machine"
            ) from error
        await server.start()
        self._grpc = server
        return port

    async def stop(self) -> None:
        """End every stream and stop listening. Envoys keep what they have."""
        if self._grpc is not None:
            await self._grpc.stop(None)
            self._grpc = None

    async def set(self, snapshot: Snapshot, group: str = "") -> None:
        """From now on every Envoy of ``group`` ought to have ``snapshot``; only what changed is sent."""
        self._snapshots[group] = snapshot
        for session in self._sessions:
            if session.admission.group == group:
                session.put(session.stream.set(snapshot))
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
        for session in self._sessions:
            self._place(session)

    def _place(self, session: _Session) -> None:
        if session.peer is None:
            return
        before, session.admission = session.admission, self._admit(session.peer)
        if session.admission == before:
            return
        if isinstance(session.admission, Denial):
            logger.warning(
                "an Envoy gets nothing",
                node=session.peer.node,
                address=session.peer.address,
                reason=session.admission.reason,
            )
        group = session.admission.group
        session.put(session.stream.set(EMPTY if group is None else self._snapshots.get(group, EMPTY)))
        self._notify()

    def status(self) -> tuple[StreamStatus, ...]:
        """What is known of each connected Envoy, in the order in which they connected."""
        return tuple(session.stream.status() for session in self._sessions)

    def connected(self) -> tuple[Connected, ...]:
        """Each Envoy that is connected and has asked for something, in the order in which they connected."""
        return tuple(
            Connected(session.peer, session.admission, session.stream.status())
            for session in self._sessions
            if session.peer is not None
        )

    def changed(self) -> Awaitable[object]:
        """Return what ends when, after this call, an Envoy comes, goes or gives a verdict, or is to get something else."""
        return self._changed.wait()

    async def settled(self, *type_urls: str) -> tuple[Refusal, ...]:
        """Wait until each connected Envoy that asked for these types has judged their present content; returns the refusals.

        An empty result means that all took it, or that none is connected that asked; ``status`` tells which. The wait
        has no end of its own: an Envoy that is warming takes its time, one that hangs is given up after 40 s.
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

    async def _serve(self, requests: AsyncIterator[Any], context: Any, type_url: str) -> None:
        session = _Session(Stream(EMPTY, self._clock()))
        self._sessions.append(session)
        reader = asyncio.create_task(self._read(requests, session, type_url, context))
        try:
            while (response := await session.responses.get()) is not None:
                await context.write(_to_bytes(response))
            await reader
        finally:
            # First what must happen: gRPC now and then forgets a call that was cancelled, and with it what is awaited here.
            self._sessions.remove(session)
            self._notify()
            logger.info("Envoy's stream ended", node=session.stream.status().node)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _read(
        self, requests: AsyncIterator[Any], session: _Session, type_url: str, context: Any
    ) -> None:
        token = _token(context)
        try:
            async for received in requests:
                if session.peer is None:
                    identity = await self._identify(token) if token else Identity()
                    session.peer = _peer(received, ip_of(context.peer()), identity)
                    self._place(session)
                request = _from_message(received, type_url)
                for outcome in session.stream.receive(request, self._clock()):
                    if isinstance(outcome, Refusal):
                        self._on_refusal(outcome)
                    else:
                        session.responses.put_nowait(outcome)
                self._notify()
        finally:
            session.responses.put_nowait(None)


def _handler(
    service: str, method: str, serve: Callable[[AsyncIterator[Any], Any], Any]
) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        service,
        {
            method: grpc.stream_stream_rpc_method_handler(
                serve,
                request_deserializer=message("envoy.service.discovery.v3.DiscoveryRequest").FromString,
                # Responses are bytes already: a message would be kept beside them until Envoy has taken them.
                response_serializer=None,
            )
        },
    )


def ip_of(peer: str) -> str:
    """The IP address of gRPC's ``ipv4:192.0.2.1:50000`` or ``ipv6:%5B2001:db8::1%5D:50000``."""
    _, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].removeprefix("[").removesuffix("]")


def _token(context: Any) -> str:
    """The bearer token that a client shows; empty if it shows none."""
    for name, value in context.invocation_metadata() or ():
        if name == "authorization":
            scheme, _, token = str(value).partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return ""


def _peer(received: Any, address: str, identity: Identity) -> Peer:
    node = received.node
    return Peer(address, node.id, node.cluster, MessageToDict(node.metadata), identity)


def _from_message(received: Any, type_url: str) -> Request:
    return Request(
        type_url=received.type_url or type_url,
        names=tuple(received.resource_names),
        nonce=received.response_nonce,
        error=received.error_detail.message if received.HasField("error_detail") else None,
        node=received.node.id,
    )


def _to_bytes(response: Response) -> bytes:
    kind = message("envoy.service.discovery.v3.DiscoveryResponse")
    rest = kind(version_info=response.version, type_url=response.type_url, nonce=response.nonce)
    pieces = [rest.SerializeToString()]
    for resource in response.resources:
        pieces += field(kind, "resources", resource.parts)
    return b"".join(pieces)
