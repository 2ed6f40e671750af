"""What a client gets, whatever the rate limit service does."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]
import pytest

from .conftest import (
    LOOPBACK,
    GrpcError,
    cluster,
    configuration,
    get,
    limited,
    listener,
    rule,
    send,
    service,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Answer, Envoy, Service, Upstream

    Start = Callable[..., Envoy]

pytestmark = pytest.mark.e2e

ERROR = (500, b"Internal Server Error.\n")


def outcome(answer: Answer) -> tuple[int, bytes]:
    return answer.status, answer.body if answer.status != 200 else b""


def header(name: bytes, value: bytes) -> bytes:
    pair = bytes([0x0A, len(name)]) + name + bytes([0x12, len(value)]) + value
    return bytes([0x1A, len(pair)]) + pair


def first_five(limiter: Service) -> Callable[[bytes], bytes]:
    """OK for the first five requests, then OVER_LIMIT."""

    def answer(_: bytes) -> bytes:
        count = len(limiter.requests)
        return (b"\x08\x01" if count <= 5 else b"\x08\x02") + header(
            b"x-ratelimit-remaining", b"%d" % max(0, 5 - count)
        )

    return answer


def test_five_requests_then_429(start: Start, limiter: Service, upstream: Upstream) -> None:
    toys = rule(
        path={"type": "exact", "value": "/toys"},
        method="POST",
        when=[{"selector": "request.headers.x-user", "operator": "neq", "value": "admin"}],
    )
    envoy = start(
        [limited("l", configuration(toys, hostname="api.toystore.com"))],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
    )
    limiter.answer = first_five(limiter)
    answers = [get(envoy.ports["l"], method="POST") for _ in range(8)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 3
    assert [answer.values("x-ratelimit-remaining") for answer in answers] == [
        ["4"],
        ["3"],
        ["2"],
        ["1"],
        ["0"],
        ["0"],
        ["0"],
        ["0"],
    ]
    assert {answer.body for answer in answers[5:]} == {b"Too Many Requests\n"}
    assert (
        limiter.requests[0] == b"\x0a\x10default/toystore\x12\x11\x0a\x0f\x0a\x0alimit.toys\x12\x011\x18\x01"
    )
    assert len(upstream.seen) == 5

    free = [
        get(envoy.ports["l"]),
        get(envoy.ports["l"], "/other", method="POST"),
        get(envoy.ports["l"], host="other.com", method="POST"),
        get(envoy.ports["l"], method="POST", x_user="admin"),
    ]
    assert [answer.status for answer in free] == [200] * 4
    assert len(limiter.requests) == 8
    assert envoy.stats("wasmcustom.kuadrant") == {
        "wasmcustom.kuadrant.requests": 9,
        "wasmcustom.kuadrant.allowed": 6,
        "wasmcustom.kuadrant.limited": 3,
        (
            "wasmcustom.kuadrant.kuadrant_limit.=.limit.toys;.kuadrant_scope.=.default/toystore;"
            ".limited_by_limit"
        ): 3,
        "wasmcustom.kuadrant.errors": 0,
        "wasmcustom.kuadrant.configurations_refused": 0,
        "wasmcustom.kuadrant.remembered": 0,
    }


def test_nothing_reaches_the_upstream_before_the_answer(
    start: Start, limiter: Service, upstream: Upstream
) -> None:
    envoy = start(
        [limited("l", configuration(rule()))],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
    )
    asked, go_on = threading.Event(), threading.Event()

    def answer(_: bytes) -> bytes:
        asked.set()
        assert go_on.wait(10)
        return b"\x08\x01" + header(b"x-once", b"1")

    limiter.answer = answer
    body = b"x" * 100_000
    answers: list[Answer] = []
    head = f"POST /toys HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}"
    client = threading.Thread(target=lambda: answers.append(send(envoy.ports["l"], head, body)))
    client.start()
    assert asked.wait(10)
    assert upstream.seen == []
    go_on.set()
    client.join()
    assert answers[0].status == 200
    assert answers[0].body == b'{"length": 100000, "path": "/toys"}'
    assert answers[0].values("x-once") == ["1"]


class Failure:
    """Ways in which a service gives no verdict."""

    @staticmethod
    def status(_: bytes) -> bytes:
        raise GrpcError(grpc.StatusCode.RESOURCE_EXHAUSTED)

    @staticmethod
    def slow(_: bytes) -> bytes:
        time.sleep(1)
        return b"\x08\x01"


@pytest.mark.parametrize(
    "answer",
    [
        Failure.status,
        Failure.slow,
        lambda _: b"\x08\x00",
        lambda _: b"",
        lambda _: b"\xff\xff",
        lambda _: b"\x08\x07",
    ],
    ids=["status", "slow", "unknown", "empty", "garbage", "another code"],
)
def test_a_service_that_gives_no_verdict_follows_the_failure_mode(
    start: Start, limiter: Service, upstream: Upstream, answer: Callable[[bytes], bytes]
) -> None:
    limiter.answer = answer
    envoy = start(
        [
            limited(mode, configuration(rule(), limiter=service(mode=mode, timeout=200)))
            for mode in ("deny", "allow")
        ],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
    )
    took = []
    for _ in range(3):
        begin = time.monotonic()
        assert outcome(get(envoy.ports["deny"])) == ERROR
        assert outcome(get(envoy.ports["allow"])) == (200, b"")
        took.append(time.monotonic() - begin)
    # The best of three: what is slower is the machine.
    assert min(took) < 0.9, "each after its timeout, not after the service's second"
    assert len(upstream.seen) == 3
    assert envoy.stats("wasmcustom.kuadrant.errors") == {"wasmcustom.kuadrant.errors": 6}


def test_a_service_that_is_not_there_follows_the_failure_mode(
    start: Start, upstream: Upstream, nobody: int, mute: int
) -> None:
    clusters = [
        cluster("upstream", upstream.server_port),
        cluster("down", nobody, http2=True),
        cluster("mute", mute, http2=True),
        cluster("http1", upstream.server_port, http2=True),
        {"name": "empty", "type": "STATIC", "load_assignment": {"cluster_name": "empty"}},
    ]
    names = ["down", "mute", "http1", "empty", "unknown"]
    envoy = start(
        [
            limited(f"{name}-{mode}", configuration(rule(), limiter=service(name, mode, 200)))
            for name in names
            for mode in ("deny", "allow")
        ],
        clusters,
    )
    for name in names:
        assert outcome(get(envoy.ports[f"{name}-deny"])) == ERROR, name
        assert outcome(get(envoy.ports[f"{name}-allow"])) == (200, b""), name


def test_a_cluster_may_have_a_name_that_is_a_message_by_chance(
    start: Start, limiter: Service, upstream: Upstream
) -> None:
    # Passed as bare names, these end the Envoy process.
    names = ["x1", "pa"]
    envoy = start(
        [limited(name, configuration(rule(), limiter=service(name))) for name in [*names, "z1"]],
        [
            cluster("upstream", upstream.server_port),
            *(cluster(name, limiter.port, http2=True) for name in names),
        ],
    )
    assert [get(envoy.ports[name]).status for name in names] == [200, 200]
    assert get(envoy.ports["z1"]).status == 500
    assert envoy.process.poll() is None


def test_a_service_without_a_cluster(start: Start, limiter: Service, upstream: Upstream) -> None:
    target = {"googleGrpc": f"ipv4:{LOOPBACK}:{limiter.port}", "timeoutMs": 2000, "failureMode": "deny"}
    envoy = start(
        [limited("l", configuration(rule(), limiter=target))], [cluster("upstream", upstream.server_port)]
    )
    limiter.answer = first_five(limiter)
    assert Counter(get(envoy.ports["l"]).status for _ in range(8)) == {200: 5, 429: 3}


def test_clients_that_leave_while_they_wait_do_no_harm(
    start: Start, limiter: Service, upstream: Upstream
) -> None:
    envoy = start(
        [limited("l", configuration(rule(), limiter=service(timeout=20_000)))],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
    )
    go_on = threading.Event()

    def answer(_: bytes) -> bytes:
        go_on.wait(20)
        return b"\x08\x01"

    limiter.answer = answer
    clients = [socket.create_connection((LOOPBACK, envoy.ports["l"])) for _ in range(10)]
    try:
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        until(lambda: len(limiter.requests) == 10, "the questions of all clients")
        for client in clients:
            client.close()
        active = "cluster.limiter.upstream_rq_active"
        until(
            lambda: envoy.stats(active)[active] == 0, "the calls to end, though the service has not answered"
        )
    finally:
        go_on.set()
    assert get(envoy.ports["l"]).status == 200
    assert len(upstream.seen) == 1


def test_a_request_that_envoy_gives_up_while_it_waits_does_no_harm(
    start: Start, upstream: Upstream, mute: int
) -> None:
    envoy = start(
        [
            limited(
                "l",
                configuration(rule(), limiter=service("mute", timeout=20_000)),
                request_timeout="0.2s",
                stream_idle_timeout="0.2s",
            )
        ],
        [cluster("upstream", upstream.server_port), cluster("mute", mute, http2=True)],
    )
    # A body that never comes keeps the request open.
    assert send(envoy.ports["l"], "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5").status in {408, 504}
    assert envoy.process.poll() is None
    assert upstream.seen == []


def grpc_request(port: int) -> tuple[grpc.StatusCode, str]:
    with grpc.insecure_channel(f"{LOOPBACK}:{port}") as channel:
        call = channel.unary_unary("/toys.Toys/Get")
        try:
            call(b"", timeout=10)
        except grpc.RpcError as error:
            return error.code(), error.details()
    raise AssertionError("the upstream is no gRPC service")


def test_a_grpc_request_gets_the_status_that_envoys_own_filter_gives(
    start: Start, limiter: Service, upstream: Upstream
) -> None:
    native = {
        "name": "native",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit",
            "domain": "d",
            "timeout": "2s",
            "failure_mode_deny": True,
            "rate_limited_as_resource_exhausted": True,
            "rate_limit_service": {
                "transport_api_version": "V3",
                "grpc_service": {"envoy_grpc": {"cluster_name": "limiter"}},
            },
        },
    }
    everything = {
        "name": "all",
        "domains": ["*"],
        "routes": [
            {
                "match": {"prefix": "/"},
                "route": {
                    "cluster": "upstream",
                    "rate_limits": [{"actions": [{"generic_key": {"descriptor_value": "1"}}]}],
                },
            }
        ],
    }
    envoy = start(
        [limited("shim", configuration(rule())), listener("native", [native], [everything])],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
    )
    limiter.answer = lambda _: b"\x08\x02"
    assert grpc_request(envoy.ports["shim"]) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "Too Many Requests")
    assert grpc_request(envoy.ports["native"])[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
    limiter.answer = Failure.status
    assert grpc_request(envoy.ports["shim"]) == (grpc.StatusCode.UNKNOWN, "Internal Server Error.\n")
    assert grpc_request(envoy.ports["native"])[0] == grpc.StatusCode.UNKNOWN


def test_tracing_headers_reach_the_service(start: Start, limiter: Service, upstream: Upstream) -> None:
    envoy = start(
        [limited("l", configuration(rule()))],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
    )
    head = "GET / HTTP/1.1\r\nHost: h\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    send(envoy.ports["l"], head + "\r\ntracestate: a=1\r\ntracestate: b=2\r\nbaggage: k=v")
    sent = limiter.metadata[-1]
    assert sent["traceparent"] == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert (sent["tracestate"], sent["baggage"]) == ("a=1,b=2", "k=v")


@pytest.mark.parametrize("mode", ["deny", "allow"])
def test_a_request_that_is_too_large_for_its_expressions_is_an_error(
    start: Start, limiter: Service, upstream: Upstream, mode: str
) -> None:
    costly = rule(when=[{"expression": "request.path.contains('a')"}], path={"type": "prefix", "value": "/a"})
    envoy = start(
        [limited("l", configuration(costly, rule(), limiter=service(mode=mode)), max_request_headers_kb=256)],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
    )
    large = "a" * 60_000
    assert get(envoy.ports["l"], f"/a/{large}").status == 200
    assert outcome(get(envoy.ports["l"], f"/a/{large}", x=large)) == ERROR
    assert get(envoy.ports["l"], f"/b/{large}", x=large).status == 200, "nothing is evaluated for it"
    assert len(limiter.requests) == 2


def test_the_worst_pattern_is_no_work_for_envoy(start: Start, limiter: Service, upstream: Upstream) -> None:
    when = [{"selector": "request.path", "operator": "matches", "value": "*a?" * 511 + "b"}]
    envoy = start(
        [limited("l", configuration(rule(when=when)))],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
    )
    begin = time.monotonic()
    assert [get(envoy.ports["l"], "/" + "a" * 50_000).status for _ in range(5)] == [200] * 5
    assert time.monotonic() - begin < 2, "a worker needs a few milliseconds for each"
    assert limiter.requests == []
