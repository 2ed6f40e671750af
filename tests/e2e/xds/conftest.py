"""A real Envoy that is fed by our server, an upstream, and a client that keeps its connection."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import pytest

from kuadrant.gateways.envoy.secret_resources import SECRET
from kuadrant.xds import CLUSTER, ENDPOINT, EXTENSION, LISTENER, ROUTE, Refusal, Server, Snapshot
from tests.envoy_under_test import envoy_path
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

T = "type.googleapis.com/"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
MANAGER = T + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = T + "envoy.extensions.filters.http.router.v3.Router"
TYPES = (CLUSTER, ENDPOINT, EXTENSION, LISTENER, ROUTE, SECRET)
ADS = {"ads": {}, "resource_api_version": "V3"}


async def until(holds: Callable[[], Any], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.01)


class Gateway:
    """An Envoy process and its administration address."""

    def __init__(self, folder: Path, xds_port: int, node: str = "gateway-1") -> None:
        self.admin_port = free_port()
        self._log = folder / "envoy.log"
        self._process: asyncio.subprocess.Process | None = None
        self.bootstrap: dict[str, Any] = {
            "node": {"id": node, "cluster": "kuadrant"},
            "admin": {"address": address(self.admin_port)},
            "dynamic_resources": {
                "ads_config": {
                    "api_type": "GRPC",
                    "transport_api_version": "V3",
                    "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
                },
                "cds_config": ADS,
                "lds_config": ADS,
            },
            "static_resources": {
                "clusters": [
                    {
                        "name": "xds",
                        "connect_timeout": "1s",
                        "load_assignment": {
                            "cluster_name": "xds",
                            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(xds_port)}}]}],
                        },
                        "typed_extension_protocol_options": {
                            HTTP_OPTIONS: {
                                "@type": T + HTTP_OPTIONS,
                                "explicit_http_config": {"http2_protocol_options": {}},
                            }
                        },
                    }
                ]
            },
        }

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                envoy_path(),
                "--config-yaml",
                json.dumps(self.bootstrap),
                "--concurrency",
                "1",
                "--disable-hot-restart",
                "--reject-unknown-dynamic-fields",
                "--drain-time-s",
                "1",
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None

    async def config_dump(self) -> dict[str, Any]:
        status, body = await get(self.admin_port, "/config_dump?include_eds")
        assert status == 200
        dump: dict[str, Any] = json.loads(body)
        return dump

    @property
    def log(self) -> str:
        return self._log.read_text()


async def get(port: int, path: str = "/", host: str = "any") -> tuple[int, str]:
    """One request on one connection; the status is 0 if nobody answers."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return 0, ""
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        body = await reader.readexactly(int(length)) if length else await chunks(reader)
    except (ConnectionError, asyncio.IncompleteReadError):
        return 0, ""
    finally:
        writer.close()
    return int(head.split(b" ", 2)[1]), body.decode()


async def chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    return body


async def answers(port: int, body: str, *, path: str = "/", seconds: float = 20) -> None:
    """Wait until the gateway answers 200 with ``body``."""
    seen = (0, "")
    try:
        async with asyncio.timeout(seconds):
            while (seen := await get(port, path)) != (200, body):  # noqa: ASYNC110 - it is in another process
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"{body!r} was never answered, but {seen}")


class Load:
    """Sends one request after the other on one connection, and keeps what came back."""

    def __init__(self, port: int) -> None:
        self.answers: Counter[tuple[int, str]] = Counter()
        self.closed = 0
        self._port = port
        self._stopping = False

    async def _run(self) -> None:
        while not self._stopping:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            open_ = True
            while open_ and not self._stopping:
                writer.write(b"GET / HTTP/1.1\r\nhost: any\r\n\r\n")
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
                body = (await reader.readexactly(length)).decode()
                self.answers[int(head.split(" ", 2)[1]), body] += 1
                open_ = "connection: close" not in head
            self.closed += not open_
            writer.close()

    async def more(self, count: int = 20) -> None:
        """Wait until ``count`` more requests were answered."""
        goal = self.answers.total() + count
        await until(lambda: self.answers.total() >= goal or self._task.done())
        if self._task.done():
            self._task.result()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        await self.more()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        await self._task


@pytest.fixture
async def upstream() -> AsyncIterator[Callable[[str], Any]]:
    """Start a server that answers every request with the given text, and give its port."""
    servers = []

    async def start(text: str) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode())
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    yield start
    for server in servers:
        server.close()


class Rig:
    """Our server, one Envoy, and one listener's port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.refusals: list[Refusal] = []
        self._folder = folder
        self._snapshot: Snapshot | None = None
        self.xds_port = 0
        self.server = Server()

    async def start(self) -> None:
        await self.start_server()
        self.gateway = Gateway(self._folder, self.xds_port)
        await self.gateway.start()

    async def start_server(self) -> None:
        """The same port each time; what was set before is not known to the new server."""
        self.server = Server(port=self.xds_port, on_refusal=self.refusals.append)
        self.xds_port = await self.server.start()

    async def stop(self) -> None:
        await self.gateway.kill()
        await self.server.stop()

    async def set(self, *resources: dict[str, Any]) -> None:
        types: dict[str, dict[str, Any]] = {url: {} for url in TYPES}
        for resource in resources:
            types[resource["@type"]][resource.get("cluster_name") or resource["name"]] = resource
        self._snapshot = Snapshot.of(types, self._snapshot)
        await self.server.set(self._snapshot)

    async def settled(self, *types: str) -> tuple[Refusal, ...]:
        async with asyncio.timeout(20):
            return await self.server.settled(*(types or TYPES))


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    await rig.start()
    try:
        yield rig
    finally:
        await rig.stop()


# Resources


def address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def cluster(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "@type": CLUSTER,
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": ADS},
        "connect_timeout": "1s",
        **changes,
    }


def endpoints(name: str, *ports: int) -> dict[str, Any]:
    hosts = [{"endpoint": {"address": address(port)}} for port in ports]
    return {"@type": ENDPOINT, "cluster_name": name, "endpoints": [{"lb_endpoints": hosts}]}


def listener(
    port: int, *http_filters: dict[str, Any], routes: str = "routes", **changes: Any
) -> dict[str, Any]:
    manager = {
        "@type": MANAGER,
        "stat_prefix": "http",
        "rds": {"config_source": ADS, "route_config_name": routes},
        "http_filters": [*http_filters, {"name": "router", "typed_config": {"@type": ROUTER}}],
        **changes,
    }
    return {
        "@type": LISTENER,
        "name": "main",
        "address": address(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def routes(to: str, name: str = "routes") -> dict[str, Any]:
    return {
        "@type": ROUTE,
        "name": name,
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "routes": [{"match": {"prefix": "/"}, "route": {"cluster": to}}],
            }
        ],
    }
