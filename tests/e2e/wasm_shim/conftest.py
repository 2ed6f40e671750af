"""A real Envoy with the packaged module, a rate limit service that does as told, and an upstream."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import threading
import time
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import envoy as envoy_package
import grpc  # type: ignore[import-untyped]
import pytest

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MODULE = Path(__file__).parents[3] / "src" / "kuadrant" / "wasm" / "modules" / "kuadrant-wasm-shim.wasm"
READY_SECONDS = 30.0
LOOPBACK = "127.0.0.1"

Json = dict[str, Any]


class Answer:
    """One HTTP response, read whole."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = [(name.lower(), value) for name, value in response.getheaders()]
        self.body = response.read()

    def values(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for key, value in self.headers if key == name]


def send(port: int, head: str | bytes, body: bytes = b"") -> Answer:
    """Sends a request as it is written, and nothing else."""
    text = head.encode("latin-1") if isinstance(head, str) else head
    with socket.create_connection((LOOPBACK, port), timeout=20) as connection:
        connection.sendall(text + b"\r\nConnection: close\r\n\r\n" + body)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return Answer(response)


def get(
    port: int, target: str = "/toys", host: str = "api.toystore.com", method: str = "GET", **headers: str
) -> Answer:
    """A plain request; the names of ``headers`` are written with ``_`` for ``-``."""
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: {host}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return send(port, "\r\n".join(lines))


def until(condition: Callable[[], bool], what: str) -> None:
    """Waits for a condition."""
    end = time.monotonic() + READY_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)


# ---------------------------------------------------------------------- rate limit service


class Service:
    """``ShouldRateLimit`` with raw bytes: keeps what it was asked and answers what ``answer`` says."""

    def __init__(self, port: int = 0, answer: Callable[[bytes], bytes] = lambda _: b"\x08\x01") -> None:
        self.requests: list[bytes] = []
        self.metadata: list[dict[str, str]] = []
        self.answer = answer
        self._server = grpc.server(futures.ThreadPoolExecutor(16))
        handler = grpc.unary_unary_rpc_method_handler(self._handle)
        name = "envoy.service.ratelimit.v3.RateLimitService"
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(name, {"ShouldRateLimit": handler})]
        )
        self.port = self._server.add_insecure_port(f"{LOOPBACK}:{port}")
        self._server.start()

    def _handle(self, request: bytes, context: Any) -> bytes:
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        try:
            return self.answer(request)
        except GrpcError as error:
            context.abort(error.args[0], "as told")
            raise

    def stop(self) -> None:
        self._server.stop(None).wait()


class GrpcError(Exception):
    """What ``answer`` raises to end a call with a status."""


@pytest.fixture
def limiter() -> Iterator[Service]:
    """A rate limit service that says OK until it is told otherwise."""
    service = Service()
    yield service
    service.stop()


@pytest.fixture
def mute() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def nobody() -> int:
    """A port that nobody listens at."""
    return free_port()


# ---------------------------------------------------------------------- upstream


class _Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        assert isinstance(self.server, Upstream)
        self.server.seen.append(self.path)
        text = json.dumps({"length": len(body), "path": self.path}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class Upstream(ThreadingHTTPServer):
    """Counts what reaches it."""

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Upstream)
        self.seen: list[str] = []


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """An upstream that answers 200 to everything."""
    server = Upstream()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


# ---------------------------------------------------------------------- Envoy

HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def wasm(configuration: Json | str) -> Json:
    """The filter with the packaged module."""
    text = configuration if isinstance(configuration, str) else json.dumps(configuration)
    return {
        "@type": WASM,
        "config": {
            "name": "shim",
            "vm_config": {
                "vm_id": "shim",
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": str(MODULE)}},
            },
            "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text},
        },
    }


def cluster(name: str, port: int, *, http2: bool = False) -> Json:
    """An Envoy cluster of one address."""
    endpoint = {"address": {"socket_address": {"address": LOOPBACK, "port_value": port}}}
    result: Json = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.25s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
    }
    if http2:
        options = {
            "@type": f"type.googleapis.com/{HTTP}",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
        result["typed_extension_protocol_options"] = {HTTP: options}
    return result


def listener(
    name: str, filters: Sequence[Json], virtual_hosts: Sequence[Json] | None = None, **options: Any
) -> Json:
    """A listener at a free port; without ``virtual_hosts`` everything goes to the cluster ``upstream``."""
    everything = {
        "name": "all",
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}],
    }
    manager = {
        "@type": HCM,
        "stat_prefix": name,
        "use_remote_address": True,
        "route_config": {
            "name": name,
            "ignore_port_in_host_matching": True,
            "virtual_hosts": virtual_hosts or [everything],
        },
        "http_filters": [*filters, {"name": "router", "typed_config": {"@type": ROUTER}}],
        **options,
    }
    return {
        "name": name,
        "address": {"socket_address": {"address": LOOPBACK, "port_value": 0}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def limited(
    name: str, configuration: Json | str, virtual_hosts: Sequence[Json] | None = None, **options: Any
) -> Json:
    """A listener with the shim."""
    return listener(name, [{"name": "shim", "typed_config": wasm(configuration)}], virtual_hosts, **options)


class Envoy:
    """One Envoy with a bootstrap that does not change."""

    def __init__(
        self,
        folder: Path,
        listeners: Sequence[Json],
        clusters: Sequence[Json],
        concurrency: int = 1,
        **bootstrap: Json,
    ) -> None:
        folder.mkdir(exist_ok=True)
        admin_address = folder / "admin"
        document = {
            **bootstrap,
            "node": {"id": "test", "cluster": "test"},
            "admin": {"address": {"socket_address": {"address": LOOPBACK, "port_value": 0}}},
            "static_resources": {"listeners": list(listeners), "clusters": list(clusters)},
        }
        (folder / "bootstrap.json").write_text(json.dumps(document))
        self._log = folder / "log"
        binary = Path(envoy_package.__file__).parent / "_bin" / "envoy"
        command = [str(binary), "-c", str(folder / "bootstrap.json"), "--concurrency", str(concurrency)]
        command += [
            "--admin-address-path",
            str(admin_address),
            "--use-dynamic-base-id",
            "--file-flush-interval-msec",
            "50",
            "--disable-hot-restart",
        ]
        command += ["--log-level", "warning", "--component-log-level", "wasm:debug"]
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, env={**os.environ, "HOME": str(folder)}
            )
        try:
            until(
                lambda: admin_address.exists() and b":" in admin_address.read_bytes(), "Envoy's admin address"
            )
            self._admin = int(admin_address.read_text().rpartition(":")[2])
            until(lambda: self.admin("/ready").strip() == "LIVE", "Envoy to be live")
            status = json.loads(self.admin("/listeners?format=json"))["listener_statuses"]
            self.ports = {
                one["name"]: int(one["local_address"]["socket_address"]["port_value"]) for one in status
            }
        except BaseException:
            self.stop()
            raise

    def admin(self, path: str) -> str:
        """What the admin interface answers."""
        if self.process.poll() is not None:
            raise RuntimeError(f"Envoy ended: {self.log[-2000:]}")
        connection = http.client.HTTPConnection(LOOPBACK, self._admin, timeout=READY_SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def stats(self, prefix: str) -> Mapping[str, int]:
        """The counters and gauges whose names begin so."""
        lines = self.admin(f"/stats?filter=^{prefix}").splitlines()
        return {
            name: int(value) for name, _, value in (line.partition(": ") for line in lines) if value.isdigit()
        }

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def log_size(self) -> int:
        """How many bytes the log has."""
        return self._log.stat().st_size

    def log_from(self, start: int) -> str:
        """The log without its first ``start`` bytes."""
        with self._log.open("rb") as file:
            file.seek(start)
            return file.read().decode(errors="replace")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Envoy]]:
    """Starts Envoys and ends them after the test."""
    started: list[Envoy] = []

    def begin(listeners: Sequence[Json], clusters: Sequence[Json], **options: Any) -> Envoy:
        envoy = Envoy(tmp_path / f"envoy{len(started)}", listeners, clusters, **options)
        started.append(envoy)
        return envoy

    yield begin
    for envoy in started:
        envoy.stop()


# ---------------------------------------------------------------------- configurations


def service(name: str = "limiter", mode: str = "deny", timeout: int = 2000) -> Json:
    return {"cluster": name, "timeoutMs": timeout, "failureMode": mode}


def configuration(*rules: Json, hostname: str = "*", **services: Json) -> Json:
    """Rules of one host."""
    return {
        "version": 1,
        "services": services or {"limiter": service()},
        "hosts": [{"hostname": hostname, "rules": list(rules)}],
    }


def rule(
    *entries: Json, name: str = "rule", when: Sequence[Json] = (), service: str = "limiter", **match: Any
) -> Json:
    """A rule with one limit."""
    limit = {"entries": list(entries or [{"key": "limit.toys", "value": "1"}]), "when": list(when)}
    return {
        "name": name,
        "actions": [{"service": service, "scope": "default/toystore", "limits": [limit]}],
        **match,
    }
