"""A real Envoy with its own rate limit filter in front of our service."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING

import httpx2
import pytest

from kuadrant.ratelimit import RateLimitService, Server, make_server
from tests.e2e.ratelimit.envoy_with_filter import ENVOY, configuration, limit, listening
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from kuadrant.ratelimit.server import Core


pytestmark = pytest.mark.e2e


@pytest.fixture(params=["native", "grpcio"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    core: Core = request.param
    server = make_server(RateLimitService([limit(5)], headers=True), "127.0.0.1", 0, core)
    await server.start()
    yield server
    await server.stop(1)


@pytest.fixture
async def gateway(server: Server, tmp_path: Path) -> AsyncIterator[tuple[httpx2.AsyncClient, str]]:
    """A client of an Envoy that listens, and the address of Envoy's admin interface."""
    port = free_port()
    admin = tmp_path / "admin"
    arguments = ["--config-yaml", json.dumps(configuration(port, free_port(), server.port))]
    arguments += ["--admin-address-path", str(admin), "--use-dynamic-base-id", "--concurrency", "2"]
    with (tmp_path / "log").open("w") as log:
        process = await asyncio.create_subprocess_exec(ENVOY, *arguments, stdout=log, stderr=log)
    try:
        limits = httpx2.Limits(max_connections=32)
        url = f"http://127.0.0.1:{port}"
        async with httpx2.AsyncClient(base_url=url, limits=limits, timeout=30, trust_env=False) as client:
            await listening(port, process)
            yield client, admin.read_text()
    finally:
        process.terminate()
        await process.wait()


async def decided(client: httpx2.AsyncClient) -> None:
    """Ask until the rate limit service has decided about a request."""
    async with asyncio.timeout(20):
        while True:
            if (await client.get("/", headers={"x-user": "bob"})).status_code != 500:
                return
            await asyncio.sleep(0.05)


async def statuses(client: httpx2.AsyncClient, requests: int, user: str = "bob") -> Counter[int]:
    """The answers to so many requests, at most 32 at a time."""
    left = iter(range(requests))

    async def one_connection() -> list[int]:
        return [(await client.get("/toys", headers={"x-user": user})).status_code for _ in left]

    return Counter(
        status for found in await asyncio.gather(*[one_connection() for _ in range(32)]) for status in found
    )


async def statistic(client: httpx2.AsyncClient, admin: str, name: str) -> int:
    """One of Envoy's numbers about its connections to the rate limit service."""
    stats = await client.get(f"http://{admin}/stats?filter=^cluster.ratelimit.{name}$")
    return int(stats.text.rpartition(":")[2])


async def test_five_requests_of_each_user_pass_and_all_others_are_429(
    gateway: tuple[httpx2.AsyncClient, str],
) -> None:
    client, _ = gateway

    assert await statuses(client, 50, "alice") == {200: 5, 429: 45}
    assert await statuses(client, 50, "bob") == {200: 5, 429: 45}


async def test_the_answers_carry_exact_headers(gateway: tuple[httpx2.AsyncClient, str]) -> None:
    client, _ = gateway
    seen = []
    for _ in range(6):
        answer = await client.get("/", headers={"x-user": "bob"})
        seen.append(
            (
                answer.status_code,
                answer.headers["x-ratelimit-limit"],
                answer.headers["x-ratelimit-remaining"],
                answer.headers["x-ratelimit-reset"],
            )
        )

    assert [(status, limit, left) for status, limit, left, _ in seen] == [
        (status, '5, 5;w=3600;name="toys"', left)
        for status, left in [(200, "4"), (200, "3"), (200, "2"), (200, "1"), (200, "0"), (429, "0")]
    ]
    assert all(3500 < int(reset) <= 3600 for *_, reset in seen)


async def test_exactly_a_thousand_pass_at_32_connections(
    server: Server, gateway: tuple[httpx2.AsyncClient, str]
) -> None:
    client, admin = gateway
    server._service.replace([limit(1000)])

    assert await statuses(client, 3000) == {200: 1000, 429: 2000}
    # One connection for each of Envoy's workers carried them all.
    assert await statistic(client, admin, "upstream_cx_total") <= 2


async def test_a_connection_that_is_idle_but_for_pings_stays_open(
    gateway: tuple[httpx2.AsyncClient, str],
) -> None:
    client, admin = gateway
    await client.get("/", headers={"x-user": "bob"})
    received = await statistic(client, admin, "upstream_cx_rx_bytes_total")
    answers_to_pings = 20 * 17

    async with asyncio.timeout(20):
        while True:
            if await statistic(client, admin, "upstream_cx_rx_bytes_total") >= received + answers_to_pings:
                break
            await asyncio.sleep(0.05)

    assert await statistic(client, admin, "upstream_cx_total") == 1


async def test_limits_are_replaced_under_traffic_without_an_error(
    server: Server, gateway: tuple[httpx2.AsyncClient, str]
) -> None:
    client, _ = gateway
    traffic = asyncio.create_task(statuses(client, 2000))
    for number in range(100):
        server._service.replace([limit(5 if number % 2 else 50)])
        await asyncio.sleep(0.005)

    found = await traffic

    assert found.keys() == {200, 429}
    assert 5 <= found[200] <= 50
    calls = {
        line.split("{")[0]: float(line.split()[-1])
        for line in server._service.metrics().decode().splitlines()
        if line.startswith(("authorized_calls{", "limited_calls{"))
    }
    assert calls == {"authorized_calls": found[200], "limited_calls": found[429]}


async def test_without_the_service_requests_are_refused_and_with_it_again_decided(
    server: Server, gateway: tuple[httpx2.AsyncClient, str]
) -> None:
    client, _ = gateway
    assert await statuses(client, 10) == {200: 5, 429: 5}
    await server.stop(1)

    assert await statuses(client, 10) == {500: 10}

    again = make_server(server._service, "127.0.0.1", server.port, server.core)
    await again.start()
    await decided(client)
    assert await statuses(client, 10) == {429: 10}
    assert await statuses(client, 10, "carol") == {200: 5, 429: 5}
    await again.stop(1)
