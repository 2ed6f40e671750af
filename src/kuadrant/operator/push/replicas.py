"""Tells the leader what pods have said to the other replicas of the operator.

A gateway's pod is connected to whichever replica its Service led it to, and one replica, the leader, says
what became of policies. So each replica tells what it hears to those who ask, and the leader asks. The other
ways were found wanting:

* If pods could connect to the leader only, a new leader would have to be found by every gateway before
  anything could be pushed.
* If replicas wrote what they hear to the API server, every edit would cost a write for each pod, and what a
  replica that died has written would still be believed.

Here nothing is stored: what a replica said is believed as long as the connection to it is open. When it ends,
its pods have said nothing until they are heard elsewhere.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import grpc  # type: ignore[import-untyped]
import msgspec

from kuadrant import log
from kuadrant.operator.core import kinds
from kuadrant.operator.core.times import AGAIN_SECONDS, REPLICA_PACE_SECONDS
from kuadrant.status import FilterState
from kuadrant.tasks import keep

if TYPE_CHECKING:
    from kuadrant.kube.store import Change, Store

LABELS: Final = {"app": "kuadrant", "control-plane": "controller-manager"}
"""The labels of every replica's pod."""

PodsHeard = Mapping[str, tuple[FilterState, ...]]
"""The words of pods, by pod (namespace/name)."""

logger = log.get("kuadrant-operator")

_SERVICE: Final = "kuadrant.operator.Deliveries"
_METHOD: Final = "Follow"
_LARGEST: Final = 64 * 2**20
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _LARGEST),
    # A replica that vanished without a word is found out in 15 s.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
)
_WORD: Final = "kuadrant-replica"
"""The header in which a replica shows what only replicas know."""
_TYPE: Final = dict[str, tuple[FilterState, ...]]


def teller(
    said: Callable[[], PodsHeard],
    change: Callable[[], Awaitable[object]],
    is_replica: Callable[[str, str], bool],
) -> grpc.GenericRpcHandler:
    """Return the service by which other replicas hear what pods have said to this one.

    It tells all of it at first, and again after each change.

    Args:
        said: what pods have said.
        change: is called before `said`, and gives what ends with the next change.
        is_replica: judges who asks, by gRPC's name of its address and the word that it shows. Names and
            addresses of pods are nobody else's business.
    """

    async def follow(_: bytes, context: Any) -> AsyncIterator[bytes]:
        shown = dict(context.invocation_metadata() or ()).get(_WORD, "")
        if not is_replica(context.peer(), str(shown)):
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "this is for replicas of the operator")
        while True:
            changed = asyncio.ensure_future(change())
            try:
                yield msgspec.json.encode(said())
                await changed
            finally:
                changed.cancel()
            await asyncio.sleep(REPLICA_PACE_SECONDS)

    return grpc.method_handlers_generic_handler(
        _SERVICE, {_METHOD: grpc.unary_stream_rpc_method_handler(follow)}
    )


class Neighbours:
    """Knows where the other replicas are.

    Those that are about to go are among them: pods may still be connected to them.

    Args:
        store: the objects of the cluster.
        namespace: the namespace of the operator.
        moved: is called when an address came or went.
    """

    def __init__(self, store: Store, namespace: str, moved: Callable[[], None]) -> None:
        self._store = store
        self._namespace = namespace
        self._moved = moved
        self.addresses: frozenset[str] = frozenset()
        store.listen(self._take)

    def _take(self, changes: tuple[Change[Any], ...]) -> None:
        if not any(change.kind is kinds.PODS and change.key[0] == self._namespace for change in changes):
            return
        self.addresses = frozenset(
            address
            for (namespace, name), entry in self._store.table(kinds.PODS).entries.items()
            if namespace == self._namespace and name != socket.gethostname()
            if entry.object.metadata.labels.items() >= LABELS.items()
            for address in entry.object.addresses
        )
        self._moved()


class Replicas:
    """Asks the other replicas what pods have said to them.

    Args:
        changed: is called when a replica said something new, or is not heard any more.
        host: the name for which a replica has to show a certificate.

    Attributes:
        authority: the authority of that certificate, in PEM; without one, no replica is believed.
        word: what we show to be known as a replica.
    """

    def __init__(self, changed: Callable[[], None], host: str) -> None:
        self.authority = ""
        self.word = ""
        self._options = (*_OPTIONS, ("grpc.ssl_target_name_override", host))
        self._changed = changed
        self._heard: dict[str, PodsHeard] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def heard(self) -> Iterable[PodsHeard]:
        """Return what pods have said to each of the other replicas that can be reached."""
        return tuple(self._heard.values())

    def follow(self, addresses: Iterable[str]) -> None:
        """Ask from now on the replicas at these addresses (host:port), and no others."""
        wanted = set(addresses)
        for address in self._tasks.keys() - wanted:
            self._tasks.pop(address).cancel()
        for address in wanted - self._tasks.keys():
            self._tasks[address] = asyncio.create_task(
                keep("asking another replica", partial(self._follow, address))
            )

    async def stop(self) -> None:
        """End asking."""
        tasks = tuple(self._tasks.values())
        self.follow(())
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, address: str) -> None:
        while True:
            try:
                await self._listen(address)
            except grpc.aio.AioRpcError as error:
                logger.debug("another replica is not heard", address=address, problem=error.details())
            except msgspec.MsgspecError as error:
                logger.warning("another replica is not understood", address=address, problem=str(error))
            finally:
                if self._heard.pop(address, None) is not None:
                    self._changed()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self, address: str) -> None:
        credentials = grpc.ssl_channel_credentials(self.authority.encode())
        async with grpc.aio.secure_channel(address, credentials, options=self._options) as channel:
            call = channel.unary_stream(f"/{_SERVICE}/{_METHOD}")(b"", metadata=((_WORD, self.word),))
            async for text in call:
                self._heard[address] = msgspec.json.decode(text, type=_TYPE)
                self._changed()
