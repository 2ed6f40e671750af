"""Another rate limit service takes the place of one that ends, behind one name, and no call is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from typing import TYPE_CHECKING

import httpx2
import pytest

from kuadrant.gateways.envoy import Address, named_http2_cluster
from kuadrant.ratelimit import RateLimitService, Server, make_server
from tests.e2e.ratelimit.envoy_with_filter import ENVOY, configuration, limit, listening
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

pytestmark = pytest.mark.e2e


class Name:
    """What the name of a Service is.

    Each new connection is led to one pod, and those that are there stay where they are.
    """

    def __init__(self, pod: Server) -> None:
        self.pod = pod
        self.open: Counter[int] = Counter()

    async def lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = self.pod.port
        self.open[port] += 1
        pod_reader, pod_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_copy(reader, pod_writer), _copy(pod_reader, writer))
        self.open[port] -= 1


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while True:
            if what():
                return
            await asyncio.sleep(0.01)


@pytest.fixture
async def pods() -> AsyncIterator[tuple[Server, Server]]:
    pair = [make_server(RateLimitService([limit(1_000_000)]), "127.0.0.1", 0) for _ in range(2)]
    for one in pair:
        await one.start()
    yield pair[0], pair[1]
    for one in pair:
        await one.stop(0)


async def test_a_gateway_leaves_a_pod_that_ends_before_it_is_gone(
    pods: tuple[Server, Server], tmp_path: Path
) -> None:
    old, new = pods
    name = Name(old)
    port = free_port()
    statuses: Counter[int] = Counter()
    async with contextlib.AsyncExitStack() as stack:
        service = await stack.enter_async_context(await asyncio.start_server(name.lead, "127.0.0.1", 0))
        content = configuration(port, free_port(), 1)
        address = Address("127.0.0.1", service.sockets[0].getsockname()[1])
        content["static_resources"]["clusters"][0] = named_http2_cluster("ratelimit", address)
        log = stack.enter_context((tmp_path / "log").open("w"))
        arguments = ["--config-yaml", json.dumps(content), "--use-dynamic-base-id", "--concurrency", "2"]
        process = await asyncio.create_subprocess_exec(ENVOY, *arguments, stdout=log, stderr=log)
        stack.push_async_callback(process.wait)
        stack.callback(process.kill)
        client = await stack.enter_async_context(
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False)
        )
        await listening(port, process)

        async def ask() -> None:
            while True:
                statuses[(await client.get("/", headers={"x-user": "a"})).status_code] += 1

        asking = [asyncio.create_task(ask()) for _ in range(4)]
        await until(lambda: statuses[200] >= 100)
        assert name.open[old.port] > 0
        name.pod = new
        await until(lambda: not name.open[old.port])
        await old.stop(1)
        answered = statuses[200]
        await until(lambda: statuses[200] >= answered + 100)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    assert set(statuses) == {200}
