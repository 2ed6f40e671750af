import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from kuadrant.api.limitador import Limit
from kuadrant.envoy_api import message
from kuadrant.ratelimit import RateLimitService, Server, make_server
from kuadrant.ratelimit.server import Core, best_core
from kuadrant.ratelimit.service import SERVICE

REQUEST: Any = message("envoy.service.ratelimit.v3.RateLimitRequest")
RESPONSE: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")
FIVE = Limit(
    namespace="n",
    max_value=5,
    seconds=3600,
    conditions=('descriptors[0]["a"] == "1"', 'int(descriptors[0]["b"]) > 0'),
)


def request(a: str = "1", b: str = "1", domain: str = "n") -> bytes:
    entries = [{"key": "a", "value": a}, {"key": "b", "value": b}]
    encoded: bytes = REQUEST(domain=domain, descriptors=[{"entries": entries}]).SerializeToString()
    return encoded


async def call(channel: grpc.aio.Channel, body: bytes) -> str:
    answer = await channel.unary_unary(f"/{SERVICE}/ShouldRateLimit")(body, timeout=10)
    return str(RESPONSE.Code.Name(RESPONSE.FromString(answer).overall_code))


@pytest.fixture(params=["native", "grpcio"])
def core(request: pytest.FixtureRequest) -> Core:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
async def server(core: Core) -> AsyncIterator[Server]:
    server = make_server(RateLimitService([FIVE]), "127.0.0.1", 0, core)
    await server.start()
    yield server
    await server.stop(0)


@pytest.fixture
async def channel(server: Server) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel


async def test_five_of_many_calls_are_admitted(channel: grpc.aio.Channel) -> None:
    answers = await asyncio.gather(*[call(channel, request()) for _ in range(200)])

    assert sorted(answers) == ["OK"] * 5 + ["OVER_LIMIT"] * 195


@pytest.mark.parametrize(
    ("body", "code", "details"),
    [
        (request(domain=""), "INVALID_ARGUMENT", "domain: is empty"),
        (b"\xff", "INVALID_ARGUMENT", "not a RateLimitRequest"),
        (
            REQUEST(domain="n", descriptors=[{"is_negative_hits": True}]).SerializeToString(),
            "INVALID_ARGUMENT",
            "descriptors: is_negative_hits is not supported",
        ),
        (request(b="many"), "UNAVAILABLE", "limit of 'n' (5 in 1 h): INVALID_ARGUMENT: cannot convert"),
    ],
)
async def test_what_cannot_be_decided_is_an_error_and_never_an_answer(
    server: Server, channel: grpc.aio.Channel, body: bytes, code: str, details: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, body)

    assert caught.value.code().name == code
    assert caught.value.details().startswith(details)
    assert f'kuadrant_ratelimit_errors_total{{code="{code}"}} 1.0' in server._service.metrics().decode()


async def test_a_defect_is_logged_and_its_text_not_sent(
    server: Server,
    channel: grpc.aio.Channel,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(server._service, "decide", lambda *_: 1 / 0)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, request())

    assert (caught.value.code().name, caught.value.details()) == ("INTERNAL", "internal error")
    assert "ZeroDivisionError" in caplog.text


async def test_a_request_of_more_than_a_mebibyte_is_refused(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, request("x" * (1 << 20)))

    assert caught.value.code().name == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("name", ["", SERVICE])
async def test_the_health_service_says_that_it_serves(channel: grpc.aio.Channel, name: str) -> None:
    answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=name))

    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_health_does_not_know_other_services(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="other"))

    assert caught.value.code().name == "NOT_FOUND"


async def test_who_watches_health_is_told_of_the_stop(server: Server, channel: grpc.aio.Channel) -> None:
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
    first = await watch.read()
    stopping = asyncio.create_task(server.stop(0.5))
    second = await watch.read()
    await stopping

    assert [first.status, second.status] == [
        health_pb2.HealthCheckResponse.SERVING,
        health_pb2.HealthCheckResponse.NOT_SERVING,
    ]


@pytest.mark.parametrize("attempt", range(25))
async def test_a_call_that_was_counted_just_before_a_stop_is_answered(
    attempt: int, server: Server, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = server._service.decide
    stops = []

    def decide_and_stop(body: bytes, gateway: str | None) -> bytes:
        stops.append(asyncio.create_task(server.stop(5)))
        return decide(body, gateway)

    monkeypatch.setattr(server._service, "decide", decide_and_stop)

    assert await call(channel, request()) == "OK", attempt
    await stops[0]


async def test_calls_at_the_time_of_a_stop_are_answered_or_refused(
    server: Server, channel: grpc.aio.Channel
) -> None:
    async def outcome() -> str:
        try:
            return await call(channel, request())
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)

    calls = [asyncio.create_task(outcome()) for _ in range(300)]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    await server.stop(5)

    # Each way, a caller knows at once, and its failure mode decides.
    assert {await one for one in calls} <= {"OK", "OVER_LIMIT", "UNAVAILABLE", "CANCELLED"}


async def test_a_server_on_the_same_port_again_takes_calls_of_the_same_channel(
    server: Server, channel: grpc.aio.Channel
) -> None:
    assert await call(channel, request()) == "OK"
    await server.stop(1)
    again = make_server(RateLimitService([FIVE]), "127.0.0.1", server.port, server.core)
    await again.start()

    method = channel.unary_unary(f"/{SERVICE}/ShouldRateLimit")
    answer = await method(request(), wait_for_ready=True, timeout=20)

    assert RESPONSE.FromString(answer).overall_code == RESPONSE.OK
    await again.stop(1)


async def test_a_port_in_use_is_an_error_that_names_it(core: Core) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = make_server(RateLimitService(), "127.0.0.1", port, core)

        with pytest.raises(OSError, match=rf"cannot listen on 127\.0\.0\.1:{port}: "):
            await server.start()
        await server.stop(0)


async def test_two_servers_do_not_share_a_port(server: Server, core: Core) -> None:
    second = make_server(RateLimitService(), "127.0.0.1", server.port, core)

    with pytest.raises(OSError, match="cannot listen"):
        await second.start()


async def test_an_address_of_another_machine_is_an_error(core: Core) -> None:
    with pytest.raises(OSError, match=r"cannot listen on 192\.0\.2\.1:0: "):
        await make_server(RateLimitService(), "192.0.2.1", 0, core).start()


@pytest.mark.parametrize("host", ["::1", "localhost"])
async def test_hosts_may_be_names_and_ipv6(core: Core, host: str) -> None:
    server = make_server(RateLimitService([FIVE]), host, 0, core)
    await server.start()
    target = f"[{host}]:{server.port}" if ":" in host else f"{host}:{server.port}"
    async with grpc.aio.insecure_channel(target) as channel:
        assert await call(channel, request()) == "OK"
    await server.stop(0)


async def test_the_native_core_is_the_default_where_it_is_installed() -> None:
    pytest.importorskip("pygrpc_native")

    assert best_core() == "native"
    assert make_server(RateLimitService(), "127.0.0.1", 0).core == "native"


def test_without_the_native_core_it_is_grpcio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    assert best_core() == "grpcio"
