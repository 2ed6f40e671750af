"""The gRPC server of the rate limit service."""

from __future__ import annotations

import asyncio
import importlib.util
from typing import TYPE_CHECKING, Literal

import grpc  # type: ignore[import-untyped]
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from kuadrant.ratelimit.service import SERVICE

if TYPE_CHECKING:
    from kuadrant.ratelimit.service import RateLimitService

Core = Literal["native", "grpcio"]

_OPTIONS = (
    # A request is a few hundred bytes; a large one would keep all others waiting.
    ("grpc.max_receive_message_length", 1 << 20),
    # Without this, two processes on one port would share it and each would count by itself.
    ("grpc.so_reuseport", 0),
    # A proxy may ping as often as it likes; grpcio would close the connection of one that does while it is idle.
    ("grpc.http2.max_ping_strikes", 0),
)
# The native core closes connections without writing what handlers have just returned: give it time to.
_FLUSH_SECONDS = 0.1


def best_core() -> Core:
    """``native`` (pygrpc-native, about 1/8 of the CPU per call) where it is installed, else ``grpcio``."""
    return "grpcio" if importlib.util.find_spec("pygrpc_native") is None else "native"


def make_server(service: RateLimitService, host: str, port: int, core: Core | None = None) -> Server:
    """A server for ``service`` at ``host`` and ``port`` (0 for any free one), not yet bound."""
    return Server(service, host, port, best_core() if core is None else core)


class Server:
    """Serves a rate limit service and ``grpc.health.v1.Health``, without TLS, from ``start`` to ``stop``."""

    def __init__(self, service: RateLimitService, host: str, port: int, core: Core) -> None:
        self.host = host
        self.port = port
        self.core = core
        self._service = service
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self._stopping = False

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
        for name in ("", SERVICE):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, grace: float) -> None:
        """Refuse new calls, answer those that were counted, then close within ``grace`` seconds; nothing if not started."""
        if self._server is None:
            return
        self._stopping = True
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(min(grace, _FLUSH_SECONDS))
        await self._server.stop(grace)

    async def _should_rate_limit(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        if self._stopping:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the rate limit service is stopping")
        return await self._service.ShouldRateLimit(request, context)


def _core(core: Core) -> grpc.aio.Server:
    if core == "native":
        import pygrpc_native.aio  # noqa: PLC0415 - there are no wheels of it for every platform

        return pygrpc_native.aio.server(options=_OPTIONS)
    return grpc.aio.server(options=_OPTIONS)
