"""A collector gets a span of each decision, of what the call was part of; without one nothing is there."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from kuadrant.ratelimit import RateLimitService, make_server
from kuadrant.ratelimit.service import SERVICE
from kuadrant.ratelimit.traces import NoTracesError, is_wanted, make_traces
from tests.ports import free_port

from .asking import KEY, RESPONSE, asking, limit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kuadrant.ratelimit.server import Core

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
EXPORT = "opentelemetry.proto.collector.trace.v1.TraceService"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


class Collector:
    """A real receiver of OTLP over gRPC, with the messages that it got."""

    def __init__(self) -> None:
        self.received: list[ExportTraceServiceRequest] = []
        self._server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(
            self._export,
            request_deserializer=ExportTraceServiceRequest.FromString,
            response_serializer=ExportTraceServiceResponse.SerializeToString,
        )
        handlers = {"Export": handler}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(EXPORT, handlers),))
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    async def _export(self, request: ExportTraceServiceRequest, _: Any) -> ExportTraceServiceResponse:
        self.received.append(request)
        return ExportTraceServiceResponse()

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(0)

    @property
    def spans(self) -> list[Any]:
        """The spans, in the order in which they began."""
        found = [
            span
            for one in self.received
            for resource in one.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        return sorted(found, key=lambda span: span.start_time_unix_nano)

    @property
    def resource(self) -> dict[str, Any]:
        return attributes(self.received[0].resource_spans[0].resource)


def attributes(one: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in one.attributes}


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    await collector.start()
    yield collector
    await collector.stop()


@asynccontextmanager
async def traced(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, core: Core, **more: str
) -> AsyncIterator[grpc.aio.Channel]:
    """Serve two a minute, and tell the collector; at the end all was sent."""
    environment = {ENDPOINT: f"http://127.0.0.1:{collector.port}", **more}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    service = RateLimitService([limit(2, name="toys of the shop")])
    traces = make_traces(service, environment)
    server = make_server(service, "127.0.0.1", 0, core, answer=traces.answer)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel
    await server.stop(0)
    await traces.stop(20)


async def ask(channel: grpc.aio.Channel, request: bytes, **metadata: str) -> str:
    call = channel.unary_unary(f"/{SERVICE}/ShouldRateLimit")
    try:
        answer = await call(request, timeout=10, metadata=tuple(metadata.items()))
    except grpc.aio.AioRpcError as error:
        return str(error.code().name)
    return str(RESPONSE.Code.Name(RESPONSE.FromString(answer).overall_code))


@pytest.mark.parametrize("core", ["native", "grpcio"])
async def test_each_decision_is_a_span_of_what_the_call_was_part_of(
    core: Core, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    part_of = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
    async with traced(collector, monkeypatch, core) as channel:
        told = [await ask(channel, asking(KEY), **part_of) for _ in range(3)]
        told.append(await ask(channel, asking("limit.other__89abcdef")))
    assert told == ["OK", "OK", "OVER_LIMIT", "FAILED_PRECONDITION"]
    first, _, over, error = collector.spans
    assert first.name == f"{SERVICE}/ShouldRateLimit"
    assert (first.trace_id.hex(), first.parent_span_id.hex(), first.trace_state) == (
        TRACE,
        PARENT,
        "vendor=1",
    )
    same = {"rpc.system": "grpc", "ratelimit.domain": "team/route"}
    assert attributes(first) == {**same, "ratelimit.verdict": "OK", "rpc.grpc.status_code": 0}
    assert attributes(over) == {
        **same,
        "ratelimit.verdict": "OVER_LIMIT",
        "ratelimit.limit_key": KEY,
        "ratelimit.limit_name": "toys of the shop",
        "rpc.grpc.status_code": 0,
    }
    assert attributes(error) == {**same, "ratelimit.verdict": "ERROR", "rpc.grpc.status_code": 9}
    assert error.status.code == 2
    assert error.status.message.startswith("FAILED_PRECONDITION: ")
    assert error.parent_span_id == b""
    assert error.trace_id.hex() != TRACE
    assert collector.resource["service.name"] == "kuadrant-ratelimit"


async def test_the_standard_variables_name_the_service_and_say_which_calls_are_told(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"OTEL_SERVICE_NAME": "limits", "OTEL_TRACES_SAMPLER": "parentbased_always_off"}
    async with traced(collector, monkeypatch, "native", **more) as channel:
        assert await ask(channel, asking(KEY)) == "OK"
        assert await ask(channel, asking(KEY), traceparent=f"00-{TRACE}-{PARENT}-01") == "OK"
    (span,) = collector.spans
    assert span.trace_id.hex() == TRACE
    assert collector.resource["service.name"] == "limits"


async def test_a_collector_that_is_away_keeps_nobody_waiting(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{free_port()}")
    service = RateLimitService([limit(2)])
    traces = make_traces(service, {ENDPOINT: "any"})
    server = make_server(service, "127.0.0.1", 0, answer=traces.answer)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        assert [await ask(channel, asking(KEY)) for _ in range(3)] == ["OK", "OK", "OVER_LIMIT"]
    async with asyncio.timeout(10):
        await server.stop(0)
        await traces.stop(0.2)
    assert collector.received == []


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({ENDPOINT: ""}, False),
        ({ENDPOINT: "http://collector:4317"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4317"}, True),
        ({ENDPOINT: "http://collector:4317", "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({ENDPOINT: "http://collector:4317", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({ENDPOINT: "http://collector:4317", "OTEL_TRACES_EXPORTER": "otlp"}, True),
    ],
    ids=lambda one: "" if isinstance(one, bool) else " ".join(f"{k}={v}" for k, v in one.items()),
)
def test_traces_are_sent_only_where_a_collector_is_named(
    environment: dict[str, str], *, wanted: bool
) -> None:
    assert is_wanted(environment) == wanted


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "by grpc alone"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100000", "cannot be followed"),
    ],
)
def test_what_cannot_be_sent_is_said(
    variable: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(NoTracesError, match=words):
        make_traces(RateLimitService(), {ENDPOINT: "http://127.0.0.1:1", variable: value})


def test_without_the_packages_it_is_said_which_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kuadrant.ratelimit.traces.can_trace", lambda: False)
    with pytest.raises(NoTracesError, match=r"kuadrant\[tracing\]"):
        make_traces(RateLimitService(), {ENDPOINT: "http://127.0.0.1:1"})


def test_nothing_that_traces_is_imported_unless_somebody_asks_for_it() -> None:
    """The client of Redis imports metrics of OpenTelemetry where that is installed."""
    program = (
        "import sys, kuadrant.ratelimit_follower.process as process\n"
        "assert process._traces(process.RateLimitService()) is None\n"
        "traces = ('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'opentelemetry.proto')\n"
        "print([name for name in sys.modules if name.startswith(traces)])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env={})
    assert done.stdout == "[]\n"
