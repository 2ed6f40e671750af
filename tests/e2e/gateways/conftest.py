"""A real Envoy with the resources that we render, and backends that say what reached them.

Files stand in for the xDS server: every ``ConfigSource`` names a file, and a file that is moved into place is
read again.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import wasmtime

from kuadrant.compiler.program import (
    Action,
    Forwarding,
    GatewayProgram,
    HostProgram,
    LimitAction,
    ListenerProgram,
    Redirect,
    RuleProgram,
)
from kuadrant.dialects import Service
from kuadrant.dialects.own.configuration import render
from kuadrant.gateways import envoy
from kuadrant.policy.match import RequestMatch
from tests.envoy_under_test import envoy_path
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

GATEWAY = "default/gateway"
NAME = "default/gateway/80"
LOOPBACK = "127.0.0.1"
TIMEOUT_MS = 20
READY_SECONDS = 30.0

# The least that Envoy takes for a proxy-wasm module: it does nothing.
IDLE_MODULE = bytes(
    wasmtime.wat2wasm(
        """(module
             (memory (export "memory") 1)
             (func (export "proxy_abi_version_0_2_1"))
             (func (export "malloc") (param i32) (result i32) i32.const 1024))"""
    )
)


class Answer:
    """One HTTP response, read whole."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def seen(self) -> dict[str, Any]:
        """What the backend saw."""
        return dict(json.loads(self.body))


class Backend(BaseHTTPRequestHandler):
    """Answers with its own port, and method, target and headers of the request.

    After an upgrade, with the next line.
    """

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet

    def answer(self) -> None:
        if self.headers.get("upgrade") == "websocket":
            self.wfile.write(
                b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
            )
            self.wfile.flush()
            self.wfile.write(self.rfile.readline())
            self.close_connection = True
            return
        body = json.dumps(
            {
                "port": self.connection.getsockname()[1],
                "method": self.command,
                "target": self.path,
                "headers": [[name.lower(), value] for name, value in self.headers.items()],
            }
        ).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-from-backend", "1")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="session")
def backends() -> Iterator[tuple[envoy.Address, envoy.Address]]:
    """Two backends."""
    servers = [ThreadingHTTPServer((LOOPBACK, 0), Backend) for _ in range(2)]
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in servers]
    for thread in threads:
        thread.start()
    first, second = (envoy.Address(LOOPBACK, server.server_address[1]) for server in servers)
    yield first, second
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


class Gateway:
    """One Envoy that serves the hosts of one listener."""

    def __init__(
        self,
        folder: Path,
        hosts: Sequence[HostProgram],
        endpoints: Mapping[envoy.BackendKey, tuple[envoy.Address, ...]],
        *,
        module: bytes = IDLE_MODULE,
        port: int | None = None,
    ) -> None:
        self._folder = folder
        self._endpoints = endpoints
        self._module = module
        self._version = 0
        self.port = port or free_port()
        self._write(hosts)
        self._log = (folder / "envoy.log").open("wb")
        self._process = subprocess.Popen(
            [
                *(envoy_path(), "--disable-hot-restart", "--concurrency", "1"),
                *("--config-yaml", json.dumps(self._bootstrap())),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def _bootstrap(self) -> dict[str, Any]:
        nowhere = envoy.Address(LOOPBACK, 0)
        bootstrap = envoy.bootstrap("test", admin=nowhere, xds=nowhere)
        bootstrap["dynamic_resources"] = {
            "cds_config": self._file("clusters"),
            "lds_config": self._file("listeners"),
        }
        return bootstrap

    def resources(self, hosts: Sequence[HostProgram]) -> dict[str, dict[str, dict[str, Any]]]:
        """Return what the renderer says, nothing changed."""
        program = GatewayProgram(
            "default", "gateway", (ListenerProgram(("http",), 80, "HTTP", tuple(hosts)),), ()
        )
        settings = envoy.ListenerSettings(
            module=self._module,
            # Nobody answers there: the module waits for somebody as long as this.
            configure=partial(render, service=Service(envoy.RATE_LIMIT_CLUSTER, timeout_ms=TIMEOUT_MS)),
            addresses={(GATEWAY, 80): envoy.Address(LOOPBACK, self.port)},
            rate_limit=envoy.Address(LOOPBACK, 1),
            endpoints=self._endpoints,
        )
        return envoy.resources([program], settings)

    def _write(self, hosts: Sequence[HostProgram]) -> None:
        self._version += 1
        rendered = self.resources([*hosts, *_version_hosts(self._version)])
        self._move("clusters", list(rendered[envoy.CLUSTER].values()))
        self._move("listeners", list(rendered[envoy.LISTENER].values()))
        for kind in (envoy.ENDPOINTS, envoy.EXTENSION, envoy.ROUTES):
            for name, resource in rendered[kind].items():
                self._move(_file_name(kind, name), [resource])

    def _move(self, name: str, resources: list[dict[str, Any]]) -> None:
        path = self._folder / f"{name}.json"
        response = {
            "version_info": str(self._version),
            "resources": [self._from_files(one) for one in resources],
        }
        path.with_suffix(".new").write_text(json.dumps(response))
        path.with_suffix(".new").replace(path)

    def _from_files(self, resource: dict[str, Any]) -> dict[str, Any]:
        """Put the name of a file where the resource names the ADS stream."""
        if cluster := resource.get("eds_cluster_config"):
            return {
                **resource,
                "eds_cluster_config": {
                    **cluster,
                    "eds_config": self._file(_file_name(envoy.ENDPOINTS, resource["name"])),
                },
            }
        text = json.dumps(resource)
        for field, kind in (("route_config_name", envoy.ROUTES), ("config_discovery", envoy.EXTENSION)):
            if field in text:
                resource = json.loads(text, object_hook=partial(self._source, field, _file_name(kind, NAME)))
                text = json.dumps(resource)
        return resource

    def _source(self, field: str, file: str, value: dict[str, Any]) -> dict[str, Any]:
        if field == "route_config_name" and field in value:
            return {**value, "config_source": self._file(file)}
        if field in value:
            return {**value, field: {**value[field], "config_source": self._file(file)}}
        return value

    def _file(self, name: str) -> dict[str, Any]:
        return {
            "path_config_source": {"path": str(self._folder / f"{name}.json")},
            "resource_api_version": "V3",
        }

    def wait_ready(self) -> None:
        self._wait_for_version()

    def change(self, hosts: Sequence[HostProgram]) -> None:
        """Serve other hosts; they are live when this returns."""
        self._write(hosts)
        self._wait_for_version()

    def _wait_for_version(self) -> None:
        """Ask until the routes and the module's configuration that were written last answer.

        The redirect tells of the routes. A shim of before lets the limited host pass, or limits the free one,
        too.
        """
        deadline = time.monotonic() + READY_SECONDS
        free, limited = (f"{kind}-v{self._version}.test" for kind in ("free", "limited"))
        wanted = [f"http://{free}/", None if self._module is not IDLE_MODULE else f"http://{limited}/"]
        answer: object = None
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                answer = [
                    self.request("GET", "/", host=host).headers.get("location") for host in (free, limited)
                ]
            except OSError as error:
                answer = error
            if answer == wanted:
                return
            time.sleep(0.002)
        raise AssertionError(f"{answer!r} instead of {wanted}:\n{self.log()}")

    def wait_for_log(self, text: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while text not in self.log():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.01)

    def log(self) -> str:
        return (self._folder / "envoy.log").read_text()

    def request(
        self, method: str = "GET", target: str = "/", *, host: str, headers: Sequence[tuple[str, str]] = ()
    ) -> Answer:
        """Send one request as it is given: no header is added, the target is not touched."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=10)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in (("Host", host), *headers):
                connection.putheader(name, value)
            connection.endheaders()
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def _file_name(kind: str, name: str) -> str:
    return f"{kind.rpartition('.')[2]}-{name.replace(os.sep, '-')}"


def _version_hosts(version: int) -> Iterator[HostProgram]:
    limits = (Action("version", (LimitAction("limit.version"),)),)
    for hostname, actions in ((f"free-v{version}.test", ()), (f"limited-v{version}.test", limits)):
        forwarding = Forwarding(redirect=Redirect(hostname=hostname, port=80))
        yield HostProgram(hostname, (RuleProgram(hostname, "version", RequestMatch(), actions, forwarding),))
