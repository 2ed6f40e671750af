"""The gRPC server of the rate limit service."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

import grpc  # type: ignore[import-untyped]
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from kuadrant.ratelimit import connection_bounds as door
from kuadrant.ratelimit.decision_reports import SERVICE as REPORTS
from kuadrant.ratelimit.decision_reports import DecisionReports
from kuadrant.ratelimit.question import MOST_BYTES
from kuadrant.ratelimit.service import SERVICE
from kuadrant.tasks import keep

if TYPE_CHECKING:
    from kuadrant.ratelimit.service import RateLimitService

Core = Literal["native", "grpcio"]
Answer = Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes]]
"""Answers a call."""

_OPTIONS = (
    # A request is a few hundred bytes; a large one would keep all others waiting.
    ("grpc.max_receive_message_length", MOST_BYTES),
    # Tracing headers and what a proxy adds.
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.absolute_max_metadata_size", 16 * 1024),
    # Of one connection. A proxy that needs more opens another one.
    ("grpc.max_concurrent_streams", 256),
    # A peer that is gone without a word is not waited for.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Without this, two processes on one port would share it and each would count by itself.
    ("grpc.so_reuseport", 0),
    # A proxy may ping as often as it likes; grpcio would close the connection of one that does while it is
    # idle.
    ("grpc.http2.max_ping_strikes", 0),
)
# The native core closes connections without writing what handlers have just returned: give it time to.
_FLUSH_SECONDS = 0.1
_DOOR = "the look at connections"


_MEMORY = 384 << 20
"""What the process may take where its container has no bound."""


def best_core() -> Core:
    """``native`` (pygrpc-native, about 1/8 of the CPU per call) where it is installed, else ``grpcio``."""
    return "grpcio" if importlib.util.find_spec("pygrpc_native") is None else "native"


def make_server(
    service: RateLimitService,
    host: str,
    port: int,
    core: Core | None = None,
    *,
    most_memory: int | None = None,
    answer: Answer | None = None,
) -> Server:
    """A server for ``service`` at ``host`` and ``port`` (0 for any free one), not yet bound.

    Above ``most_memory`` bytes of the process (three quarters of what its container may take, by default)
    connections that hold memory are closed. ``answer`` answers in the service's place, and asks it.
    """
    most = door.most_memory(_MEMORY) if most_memory is None else most_memory
    core = best_core() if core is None else core
    answer = answer or service.ShouldRateLimit
    return Server(service, host, port, core, most_memory=most, answer=answer)


class Server:
    """Serves a rate limit service and ``grpc.health.v1.Health``, without TLS, from ``start`` to ``stop``."""

    def __init__(
        self,
        service: RateLimitService,
        host: str,
        port: int,
        core: Core,
        *,
        most_memory: int,
        answer: Answer,
    ) -> None:
        self._answer = answer
        self._most_memory = most_memory
        self.host = host
        self.port = port
        self.core = core
        self._service = service
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self._stopping = False
        self._door: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bind and serve; afterwards ``port`` is the bound one.

        Raises:
            OSError: The address cannot be bound; the text names it.
        """
        server = _core(self.core)
        handlers = {"ShouldRateLimit": grpc.unary_unary_rpc_method_handler(self._should_rate_limit)}
        # The native core serves registered handlers itself; grpcio finds methods by the generic ones.
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        server.add_registered_method_handlers(SERVICE, handlers)
        reports = {"Report": grpc.unary_unary_rpc_method_handler(DecisionReports(self._service).Report)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(REPORTS, reports),))
        server.add_registered_method_handlers(REPORTS, reports)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        address = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        try:
            port = server.add_insecure_port(address)
        except RuntimeError as error:
            reason = error.__cause__ or "the port is in use, or the address is none of this machine's"
            raise OSError(f"the rate limit service cannot listen on {address}: {reason}") from None
        await server.start()
        self._server = server
        self.port = port
        if door.can_look():
            looking = door.Door(port, self._most_memory, closed=self._service.note_closed)
            self._door = asyncio.get_running_loop().create_task(keep(_DOOR, looking.run), name=_DOOR)
        for name in ("", SERVICE):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, grace: float) -> None:
        """Refuse new calls, answer those that were counted, then close within ``grace`` seconds.

        Nothing if not started.
        """
        if self._server is None:
            return
        self._stopping = True
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(min(grace, _FLUSH_SECONDS))
        await self._server.stop(grace)
        if self._door is not None:
            self._door.cancel()

    async def _should_rate_limit(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        if self._stopping:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the rate limit service is stopping")
        return await self._answer(request, context)


def _core(core: Core) -> grpc.aio.Server:
    if core == "native":
        import pygrpc_native.aio  # noqa: PLC0415 - there are no wheels of it for every platform

        return pygrpc_native.aio.server(options=_OPTIONS)
    return grpc.aio.server(options=_OPTIONS)
