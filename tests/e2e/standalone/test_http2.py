"""HTTP/2 on both sides: from clients without TLS, and to backends that speak it, gRPC among them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]
import httpx2
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
kind: GRPCRoute
metadata: {name: calls}
spec:
  parentRefs: [{name: gw}]
  hostnames: [grpc.example]
  rules:
  - matches: [{method: {service: toys.Toys}}]
    backendRefs: [{name: toys, port: 80}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: plain}
spec:
  parentRefs: [{name: gw}]
  hostnames: [http.example]
  rules: [{backendRefs: [{name: toys, port: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: toys}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: toys-1, labels: {kubernetes.io/service-name: toys}}
addressType: IPv4
endpoints: [{addresses: [127.0.0.1]}]
ports: [{port: %d}]
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: calls}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: GRPCRoute, name: calls}
  limits: {all: {rates: [{limit: 3, window: 1h}]}}
"""
)


class Toys(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers a call with what it said, and a stream with each of its messages."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if details.method == "/toys.Toys/Say":
            return grpc.unary_unary_rpc_method_handler(lambda said, _: said)
        if details.method == "/toys.Toys/Talk":
            return grpc.stream_stream_rpc_method_handler(lambda said, _: said)
        return None


@pytest.fixture
def backend() -> Iterator[int]:
    """The port of a gRPC server."""
    server = grpc.server(ThreadPoolExecutor(2), handlers=(Toys(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(0).wait()


def test_grpc_reaches_a_backend_and_is_limited(
    start: Callable[..., Kuadrant], tmp_path: Path, backend: int
) -> None:
    (tmp_path / "all.yaml").write_text(FOLDER % backend)
    kuadrant = start(tmp_path)
    options = [("grpc.default_authority", "grpc.example")]

    with grpc.insecure_channel(f"127.0.0.1:{kuadrant.port}", options) as channel:
        say = channel.unary_unary("/toys.Toys/Say")
        talk = channel.stream_stream("/toys.Toys/Talk")
        assert say(b"hello", timeout=10) == b"hello"
        assert [*talk(iter([b"a", b"b", b"c"]), timeout=10)] == [b"a", b"b", b"c"]
        assert say(b"again", timeout=10) == b"again"
        with pytest.raises(grpc.RpcError) as limited:
            say(b"too often", timeout=10)
    assert limited.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_port_that_says_that_it_speaks_http_2_is_spoken_to_so(
    start: Callable[..., Kuadrant], tmp_path: Path, backend: int
) -> None:
    """The route is of HTTP, so nothing else tells: what is sent there has to be what the port speaks."""
    text = FOLDER % backend
    (tmp_path / "all.yaml").write_text(text)
    kuadrant = start(tmp_path)
    options = [("grpc.default_authority", "http.example")]
    with grpc.insecure_channel(f"127.0.0.1:{kuadrant.port}", options) as channel:
        say = channel.unary_unary("/toys.Toys/Say")
        with pytest.raises(grpc.RpcError):
            say(b"hello", timeout=10)

        kuadrant.change(
            "all.yaml",
            text.replace("ports: [{port: 80}]", "ports: [{port: 80, appProtocol: kubernetes.io/h2c}]"),
        )

        assert say(b"hello", timeout=10) == b"hello"


def test_a_client_may_begin_with_http_2_and_without_tls(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    kuadrant = start(toystore, "--echo")
    with httpx2.Client(http1=False, http2=True) as client:
        url = f"http://127.0.0.1:{kuadrant.port}/toys"
        answers = [client.post(url, headers={"host": "api.toystore.com"}) for _ in range(6)]
    assert [(one.http_version, one.status_code) for one in answers] == [
        *[("HTTP/2", 200)] * 5,
        ("HTTP/2", 429),
    ]
