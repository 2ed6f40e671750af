"""The filter RequestMirror: a copy of what was admitted, to another backend, whose answer nobody sees."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from typing import TYPE_CHECKING

import pytest

from .documents import GATEWAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e

FOLDER = (
    GATEWAY
    + """---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: gw}]
  hostnames: [a.example]
  rules:
  - filters: [{type: RequestMirror, requestMirror: {backendRef: {name: copies, port: 80}}}]
    backendRefs: [{name: toys, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: copies}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: copies-1, labels: {kubernetes.io/service-name: copies}}
addressType: IPv4
endpoints: [{addresses: [127.0.0.1]}]
ports: [{port: %d}]
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: p}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}
  limits: {all: {rates: [{limit: 2, window: 1h}]}}
"""
)


class Copies:
    """A backend that notes the host and path of each request, and answers 500."""

    def __init__(self) -> None:
        self.seen: Queue[str] = Queue()
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                seen.put(f"{self.headers['host']}{self.path}")
                self.send_error(500)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def copies() -> Iterator[Copies]:
    one = Copies()
    yield one
    one.close()


def test_what_is_admitted_is_copied_and_what_is_limited_is_not(
    start: Callable[..., Kuadrant], tmp_path: Path, copies: Copies
) -> None:
    (tmp_path / "all.yaml").write_text(FOLDER % copies.port)
    kuadrant = start(tmp_path, "--echo")

    answers = [kuadrant.request(path=f"/{number}", host="a.example").status for number in range(4)]

    assert answers == [200, 200, 429, 429]
    assert {copies.seen.get(timeout=10) for _ in range(2)} == {"a.example/0", "a.example/1"}
    with pytest.raises(Empty):
        copies.seen.get_nowait()
