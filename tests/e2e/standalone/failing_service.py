"""A rate limit service that fails when a test wants it to."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]

from kuadrant.api.limitador import Limit
from kuadrant.policy.identifiers import limit_condition, limit_identifier
from kuadrant.ratelimit import RateLimitService
from kuadrant.ratelimit.service import SERVICE

if TYPE_CHECKING:
    from collections.abc import Mapping


class Service:
    """A rate limit service that answers by limits of 3 in an hour, fails, or says nothing.

    Args:
        limits: The names of those that it holds, by the policies that they are of.
    """

    def __init__(self, limits: Mapping[str, str]) -> None:
        self.behaviour = "holds"
        self.asked = 0
        """How often, without probes."""
        self._over = threading.Event()
        self._changed = threading.Condition()
        self._held = RateLimitService(
            Limit(
                namespace=policy,
                max_value=3,
                seconds=3600,
                name=name,
                conditions=(limit_condition(limit_identifier(policy, name)),),
            )
            for policy, name in limits.items()
        )
        self._held.headers = True
        self._server = grpc.server(ThreadPoolExecutor(32))
        handler = grpc.unary_unary_rpc_method_handler(self._answer)
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, {"ShouldRateLimit": handler}),)
        )
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def _answer(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        with self._changed:
            self.asked += b"kuadrant:probe" not in request
            self._changed.notify_all()
        if self.behaviour == "silent":
            self._over.wait(30)
        if self.behaviour == "fails":
            context.abort(grpc.StatusCode.UNAVAILABLE, "the store does not answer")
        try:
            return self._held.decide(request)
        except Exception as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            raise

    def wait_asked(self, number: int) -> None:
        """Wait until so many questions have come, and no more."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.asked >= number, 30)
        assert self.asked == number

    def close(self) -> None:
        self._over.set()
        self._server.stop(None).wait()
