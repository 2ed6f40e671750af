"""Tells a collector of OpenTelemetry what was decided for each call, where the standard variables name one.

Nothing of what traces is imported, and nothing is in the way of a call, unless they do.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kuadrant.api.limit_keys import keys_in
from kuadrant.envoy_api import message
from kuadrant.ratelimit.caller_tokens import metadata_of
from kuadrant.ratelimit.question import domain_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import grpc  # type: ignore[import-untyped]
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

    from kuadrant.ratelimit.limit_index import NamespaceLimits
    from kuadrant.ratelimit.service import RateLimitService

NAME: Final = "envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
"""The name of each span."""
SERVICE_NAME: Final = "kuadrant-ratelimit"
"""Who tells, unless ``OTEL_SERVICE_NAME`` says it."""

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_LONGEST_DOMAIN: Final = 300
_PARTS: Final = ("sdk", "exporter/otlp/proto/grpc")
"""What is needed of OpenTelemetry: to ask for a module below another one would import that."""
_Response: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")


class NoTracesError(Exception):
    """Traces are asked for and cannot be sent; the text says why."""


def can_trace() -> bool:
    """Tell whether what sends traces is installed (``kuadrant[tracing]``)."""
    found = importlib.util.find_spec("opentelemetry")
    folders = [] if found is None else [*(found.submodule_search_locations or ())]
    return all(any(Path(one, part).is_dir() for one in folders) for part in _PARTS)


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Tell whether the variables ask for traces: they name a collector and do not turn them off."""
    is_off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporters = environment.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    return any(environment.get(name) for name in _ENDPOINTS) and not is_off and exporters != "none"


def make_traces(service: RateLimitService, environment: Mapping[str, str]) -> Traces:
    """Return what answers calls in place of the service and tells of each.

    Raises:
        NoTracesError: it is not installed, or the variables ask for what there is not.
    """
    protocol = next(filter(None, map(environment.get, _PROTOCOLS)), "grpc")
    if protocol != "grpc":
        raise NoTracesError(f"traces are sent by grpc alone, and OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}")
    if not can_trace():
        raise NoTracesError("traces need the packages of kuadrant[tracing], which are not installed")
    return Traces(service, _provider(environment))


def _provider(environment: Mapping[str, str]) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    named = {} if environment.get("OTEL_SERVICE_NAME") else {"service.name": SERVICE_NAME}
    try:
        provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    except ValueError as error:
        raise NoTracesError(f"the variables OTEL_* cannot be followed: {error}") from None
    return provider


class Traces:
    """Answers as the service does, with a span for each call that is sampled.

    What a call is part of is told by its metadata (``traceparent``), which gateways pass on.
    """

    def __init__(self, service: RateLimitService, provider: TracerProvider) -> None:
        from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
            TraceContextTextMapPropagator,
        )

        self._service = service
        self._provider = provider
        self._tracer = provider.get_tracer("kuadrant")
        self._parent = TraceContextTextMapPropagator().extract
        self._kind = SpanKind.SERVER
        self._error = StatusCode.ERROR
        self._names: dict[str, tuple[NamespaceLimits, dict[str, str]]] = {}

    async def answer(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        """Answer one call."""
        told = {name: text for name, text in metadata_of(context) if name in ("traceparent", "tracestate")}
        span = self._tracer.start_span(NAME, self._parent(told), kind=self._kind)
        try:
            if not span.is_recording():
                return await self._service.ShouldRateLimit(request, context)
            domain = domain_of(request).decode(errors="replace")
            span.set_attribute("rpc.system", "grpc")
            span.set_attribute("ratelimit.domain", domain[:_LONGEST_DOMAIN])
            watched = _Watched(context)
            try:
                told_back = await self._service.ShouldRateLimit(request, watched)
            except BaseException:
                self._note_error(span, watched)
                raise
            self._note_answer(span, domain, told_back)
            return told_back
        finally:
            span.end()

    async def stop(self, seconds: float) -> None:
        """Send what was not sent yet, for so long at most: a collector may be away."""
        loop = asyncio.get_running_loop()
        sent = asyncio.Event()

        def send() -> None:
            self._provider.shutdown()
            # Who waited may be gone, with the loop.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(sent.set)

        # Not one of the loop's threads, which would be waited for.
        threading.Thread(target=send, name="the last traces", daemon=True).start()
        try:
            async with asyncio.timeout(seconds):
                await sent.wait()
        except TimeoutError:
            pass

    def _note_error(self, span: Span, watched: _Watched) -> None:
        span.set_attribute("ratelimit.verdict", "ERROR")
        code = watched.code
        if code is not None:
            span.set_attribute("rpc.grpc.status_code", code.value[0])
            span.set_status(self._error, f"{code.name}: {watched.details}")

    def _note_answer(self, span: Span, domain: str, answer: bytes) -> None:
        response = _Response.FromString(answer)
        span.set_attribute("rpc.grpc.status_code", 0)
        is_over = bool(response.statuses)
        span.set_attribute("ratelimit.verdict", "OVER_LIMIT" if is_over else "OK")
        if is_over:
            key = response.statuses[0].current_limit.name
            span.set_attribute("ratelimit.limit_key", key)
            span.set_attribute("ratelimit.limit_name", self._limit_names(domain).get(key, key))

    def _limit_names(self, domain: str) -> Mapping[str, str]:
        """Return the names of a domain's limits by their keys; what was held before is forgotten."""
        held = self._service.limits_of(domain)
        if held is None:
            return {}
        known = self._names.get(domain)
        if known is None or known[0] is not held:
            limits = [compiled.limit for compiled, _ in held.made_of]
            names = {key: one.name for one in limits for key in keys_in(one.conditions) if one.name}
            known = self._names[domain] = (held, names)
        return known[1]


class _Watched:
    """A call whose error is kept."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._call = getattr(context, "_call", None)
        self.code: grpc.StatusCode | None = None
        self.details = ""

    def invocation_metadata(self) -> Any:
        """Return the call's metadata."""
        return self._context.invocation_metadata()

    async def abort(self, code: grpc.StatusCode, details: str) -> Any:
        """End the call with an error."""
        self.code, self.details = code, details
        return await self._context.abort(code, details)
