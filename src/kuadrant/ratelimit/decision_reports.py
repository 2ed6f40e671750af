"""Takes the decisions that gateways report: `kuadrant.decisions.v1.Decisions/Report`, JSON lines over gRPC.

Whoever may ask whether a request may pass may report; who reports what is nothing is not told so.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import grpc  # type: ignore[import-untyped]

from kuadrant.ratelimit.caller_tokens import StrangerError, metadata_of

if TYPE_CHECKING:
    from kuadrant.ratelimit.service import RateLimitService

SERVICE: Final = "kuadrant.decisions.v1.Decisions"


class DecisionReports:
    """Takes the reports of a service's gateways; ``service`` has the ring that they go to."""

    def __init__(self, service: RateLimitService) -> None:
        self._service = service

    async def Report(self, lines: bytes, context: grpc.aio.ServicerContext) -> bytes:  # noqa: N802 - a method's name in gRPC
        """Answer one call with what the gateway is to hear."""
        callers = self._service.callers
        gateway = None
        try:
            if callers.is_on:
                metadata = metadata_of(context)
                gateway = callers.known(metadata) or await callers.judge(metadata)
        except StrangerError as error:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, str(error))
        return self._service.decisions.report(lines, gateway or "", time.time(), self._service.read_clock())
