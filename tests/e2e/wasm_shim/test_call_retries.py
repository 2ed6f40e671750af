"""A rate limit service that can be reached a moment later: requests wait for it, and each is counted once."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.ports import free_port

from .conftest import LOOPBACK, Service, cluster, configuration, get, limited, rule, service, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Answer, Envoy, Json, Upstream

    Start = Callable[..., Envoy]

pytestmark = pytest.mark.e2e


def google(port: int, timeout: int = 2000, host: str = f"ipv4:{LOOPBACK}") -> Json:
    return {"googleGrpc": f"{host}:{port}", "timeoutMs": timeout, "failureMode": "deny"}


class Client:
    """Requests that wait."""

    def __init__(self, port: int, count: int) -> None:
        self.answers: list[Answer] = []
        self._threads = [
            threading.Thread(target=lambda: self.answers.append(get(port))) for _ in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def statuses(self) -> Counter[int]:
        for thread in self._threads:
            thread.join()
        return Counter(answer.status for answer in self.answers)


def tries(envoy: Envoy) -> int:
    """How often Envoy has looked for somebody to send a call to."""
    names = ("upstream_cx_none_healthy", "upstream_cx_connect_fail", "upstream_cx_total")
    return sum(sum(envoy.stats(f"cluster.limiter.{name}").values()) for name in names)


def waiting(envoy: Envoy) -> int:
    """How many requests have no answer yet."""
    return envoy.stats("http.l.downstream_rq_active")["http.l.downstream_rq_active"]


@pytest.fixture
def port() -> int:
    """Where the service will be."""
    return free_port()


@pytest.fixture
def later(port: int) -> Iterator[Callable[..., Service]]:
    """Starts the service."""
    started: list[Service] = []

    def begin(**options: Callable[[bytes], bytes]) -> Service:
        started.append(Service(port, **options))
        return started[-1]

    yield begin
    for one in started:
        one.stop()


@pytest.mark.parametrize("count", [1, 50])
def test_a_service_whose_port_opens_later(
    start: Start, upstream: Upstream, port: int, later: Callable[..., Service], count: int
) -> None:
    envoy = start(
        [limited("l", configuration(rule(), limiter=service(timeout=5000)))],
        [cluster("upstream", upstream.server_port), cluster("limiter", port, http2=True)],
    )
    client = Client(envoy.ports["l"], count)
    until(lambda: tries(envoy) > 5, "some tries")
    assert client.answers == []
    limiter = later()
    assert client.statuses() == {200: count}
    assert len(limiter.requests) == count
    assert envoy.stats("wasmcustom.kuadrant.errors") == {"wasmcustom.kuadrant.errors": 0}


def endpoints(path: Path, port: int | None) -> None:
    """Tells Envoy by a file, which is replaced as a whole, where the service is."""
    address = {"socket_address": {"address": LOOPBACK, "port_value": port}}
    known = [] if port is None else [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    assignment: dict[str, Any] = {
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": "limiter",
        "endpoints": known,
    }
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps({"version_info": str(port), "resources": [assignment]}))
    unfinished.replace(path)


@pytest.mark.parametrize("count", [1, 50])
def test_a_cluster_that_has_no_endpoint_yet(
    start: Start, upstream: Upstream, limiter: Service, tmp_path: Path, count: int
) -> None:
    file = tmp_path / "endpoints.json"
    endpoints(file, None)
    source = {
        "path_config_source": {"path": str(file), "watched_directory": {"path": str(tmp_path)}},
        "resource_api_version": "V3",
    }
    discovered = cluster("limiter", 1, http2=True) | {
        "type": "EDS",
        "eds_cluster_config": {"eds_config": source},
    }
    del discovered["load_assignment"]
    envoy = start(
        [limited("l", configuration(rule(), limiter=service(timeout=5000)))],
        [cluster("upstream", upstream.server_port), discovered],
    )
    client = Client(envoy.ports["l"], count)
    until(lambda: tries(envoy) > 5, "some tries")
    assert client.answers == []
    endpoints(file, limiter.port)
    assert client.statuses() == {200: count}
    assert len(limiter.requests) == count


@pytest.mark.parametrize("host", [f"ipv4:{LOOPBACK}", "dns:///localhost"])
def test_a_service_without_a_cluster_whose_port_opens_later(
    start: Start, upstream: Upstream, port: int, later: Callable[..., Service], host: str
) -> None:
    envoy = start(
        [limited("l", configuration(rule(), limiter=google(port, 5000, host)))],
        [cluster("upstream", upstream.server_port)],
    )
    client = Client(envoy.ports["l"], 20)
    until(lambda: waiting(envoy) == 20, "all requests")
    assert client.answers == []
    limiter = later()
    assert client.statuses() == {200: 20}
    assert len(limiter.requests) == 20


def test_a_service_that_stays_away_is_an_error_when_its_time_is_over(
    start: Start, upstream: Upstream, nobody: int
) -> None:
    services = {
        "cluster": service("down", timeout=400),
        "unknown": service("unknown", timeout=400),
        "google": google(nobody, 400),
    }
    envoy = start(
        [limited(name, configuration(rule(), limiter=one)) for name, one in services.items()],
        [cluster("upstream", upstream.server_port), cluster("down", nobody, http2=True)],
    )
    for name in services:
        took = []
        for _ in range(3):
            begin = time.monotonic()
            assert get(envoy.ports[name]).status == 500, name
            took.append(time.monotonic() - begin)
        # The best of three: what is slower is the machine.
        assert 0.39 < min(took) < 0.8, name
    assert upstream.seen == []


def test_a_name_that_nobody_knows_is_an_error_at_once(start: Start, upstream: Upstream) -> None:
    # Envoy tells it as it tells of some calls that were sent.
    target = {"googleGrpc": "dns:///nowhere.invalid:80", "timeoutMs": 60_000, "failureMode": "deny"}
    envoy = start(
        [limited("l", configuration(rule(), limiter=target))], [cluster("upstream", upstream.server_port)]
    )
    assert get(envoy.ports["l"]).status == 500


class Breaks:
    """Takes one call after the other, as HTTP/2 has them, and ends each in its way after it has been read."""

    SETTINGS = b"\0\0\0\4\0\0\0\0\0"

    def __init__(self, end: bytes) -> None:
        self.calls = 0
        self._end = end
        self._server = socket.create_server((LOOPBACK, 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                connection.sendall(self.SETTINGS)
                data = b""
                while b"default/toystore" not in data:
                    more = connection.recv(65536)
                    if not more:
                        break
                    data += more
                else:
                    self.calls += 1
                    connection.sendall(self._end)

    def stop(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


@pytest.fixture
def breaks() -> Iterator[Callable[[bytes], Breaks]]:
    started: list[Breaks] = []

    def begin(end: bytes) -> Breaks:
        started.append(Breaks(end))
        return started[-1]

    yield begin
    for one in started:
        one.stop()


@pytest.mark.parametrize("form", ["cluster", "google"])
@pytest.mark.parametrize(
    "end", [b"", b"\0\0\4\3\0\0\0\0\1\0\0\0\2"], ids=["the connection", "the stream, by INTERNAL_ERROR"]
)
def test_a_call_that_broke_after_it_was_sent_is_never_made_again(
    start: Start, upstream: Upstream, breaks: Callable[[bytes], Breaks], form: str, end: bytes
) -> None:
    server = breaks(end)
    target = service(timeout=500) if form == "cluster" else google(server.port, 500)
    envoy = start(
        [limited("l", configuration(rule(), limiter=target))],
        [cluster("upstream", upstream.server_port), cluster("limiter", server.port, http2=True)],
    )
    for _ in range(5):
        before = server.calls
        assert get(envoy.ports["l"]).status == 500
        # Where gRPC waits before it connects again, a call may end without having been sent.
        assert server.calls <= before + 1
    assert server.calls > 0


def test_a_call_that_the_service_says_it_has_not_looked_at_is_made_again(
    start: Start, upstream: Upstream, breaks: Callable[[bytes], Breaks]
) -> None:
    server = breaks(b"\0\0\4\3\0\0\0\0\1\0\0\0\7")  # RST_STREAM with REFUSED_STREAM
    envoy = start(
        [limited("l", configuration(rule(), limiter=service(timeout=500)))],
        [cluster("upstream", upstream.server_port), cluster("limiter", server.port, http2=True)],
    )
    assert get(envoy.ports["l"]).status == 500
    assert server.calls > 1


def test_clients_that_leave_while_the_service_is_away_do_no_harm(
    start: Start, upstream: Upstream, port: int, later: Callable[..., Service]
) -> None:
    envoy = start(
        [limited("l", configuration(rule(), limiter=service(timeout=20_000)))],
        [cluster("upstream", upstream.server_port), cluster("limiter", port, http2=True)],
    )
    clients = [socket.create_connection((LOOPBACK, envoy.ports["l"])) for _ in range(10)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    until(lambda: waiting(envoy) == 10, "all requests")
    until(lambda: tries(envoy) > 3, "some tries")
    for client in clients:
        client.close()
    until(lambda: waiting(envoy) == 0, "Envoy to notice")
    limiter = later()
    assert get(envoy.ports["l"]).status == 200
    assert len(limiter.requests) == 1
    assert len(upstream.seen) == 1


def test_the_answer_may_still_be_no(
    start: Start, upstream: Upstream, port: int, later: Callable[..., Service]
) -> None:
    envoy = start(
        [limited("l", configuration(rule(), limiter=service(timeout=5000)))],
        [cluster("upstream", upstream.server_port), cluster("limiter", port, http2=True)],
        concurrency=2,
    )
    client = Client(envoy.ports["l"], 30)
    until(lambda: tries(envoy) > 5, "some tries")
    places = iter([b"\x08\x01"] * 10)
    limiter = later(answer=lambda _: next(places, b"\x08\x02"))
    assert client.statuses() == {200: 10, 429: 20}
    assert len(limiter.requests) == 30
