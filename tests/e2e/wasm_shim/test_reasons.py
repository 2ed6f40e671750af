"""Every 429 and every 500 leaves a reason: in the access log, in the log, and in a counter of its limit."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
import pytest

from kuadrant.gateways.envoy.bootstrap import LIMIT_TAGS
from tests.ports import free_port

from .conftest import LOOPBACK, GrpcError, cluster, configuration, get, limited, rule, service, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Envoy, Json, Service, Upstream

    Start = Callable[..., Envoy]

pytestmark = pytest.mark.e2e

TOYS, CARS = "limit.toys__0a1b2c3d", "limit.cars__4e5f6a7b"
SECRET = "a-secret-of-the-client"


def reached(key: str) -> bytes:
    """``OVER_LIMIT`` with the status of the limit that is reached."""
    current_limit = b"\x1a" + bytes([len(key)]) + key.encode()
    status = b"\x08\x02\x12" + bytes([len(current_limit)]) + current_limit
    return b"\x08\x02\x12" + bytes([len(status)]) + status


def of_limits(*keys: str, **more: Any) -> Json:
    """A rule with these limits in one question."""
    one = rule(**more)
    one["actions"][0]["limits"] = [{"entries": [{"key": key, "value": "1"}]} for key in keys]
    return one


class AccessLog:
    """What an access log of the response code details says."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "access.log"
        self.options: Json = {
            "access_log": [
                {
                    "name": "file",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                        "path": str(self._path),
                        "log_format": {
                            "text_format_source": {
                                "inline_string": "%RESPONSE_CODE% %RESPONSE_CODE_DETAILS%\n"
                            }
                        },
                    },
                }
            ]
        }

    def lines(self, count: int) -> list[str]:
        """The first ``count`` lines, when they are written."""

        def read() -> list[str]:
            return self._path.read_text().splitlines() if self._path.exists() else []

        until(lambda: len(read()) >= count, f"{count} lines of the access log")
        return read()


@pytest.fixture
def access(tmp_path: Path) -> AccessLog:
    return AccessLog(tmp_path)


def warnings(envoy: Envoy) -> list[str]:
    """What the module has warned of."""
    lines = envoy.log.splitlines()
    return [line.partition(": ")[2] for line in lines if "[warning][wasm]" in line and "wasm log" in line]


def test_a_429_names_the_limit_that_the_service_names(
    start: Start, limiter: Service, upstream: Upstream, access: AccessLog
) -> None:
    envoy = start(
        [limited("l", configuration(of_limits(TOYS, CARS)), **access.options)],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
    )
    for answer in (reached(CARS), reached(TOYS), b"\x08\x02", reached("somebody's own name")):
        limiter.answer = lambda _, answer=answer: answer  # type: ignore[misc]
        assert get(envoy.ports["l"]).status == 429
    assert access.lines(4) == [
        f"429 kuadrant_limited{{{CARS},default/toystore}}",
        f"429 kuadrant_limited{{{TOYS},default/toystore}}",
        "429 kuadrant_limited{default/toystore}",
        "429 kuadrant_limited{default/toystore}",
    ]


def test_where_one_limit_was_asked_for_it_is_the_one(
    start: Start, limiter: Service, upstream: Upstream, access: AccessLog
) -> None:
    envoy = start(
        [limited("l", configuration(of_limits(TOYS)), **access.options)],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
    )
    limiter.answer = lambda _: b"\x08\x02"
    assert get(envoy.ports["l"]).status == 429
    assert access.lines(1) == [f"429 kuadrant_limited{{{TOYS},default/toystore}}"]


ISTIOS_TAGS = [
    {"tag_name": name, "regex": rf"({name}\.=\.(.*?);\.)"} for name in ("kuadrant_limit", "kuadrant_scope")
]


@pytest.mark.parametrize("tags", [ISTIOS_TAGS, LIMIT_TAGS], ids=["istio", "standalone"])
def test_refusals_are_counted_by_limit_and_scope(
    start: Start, limiter: Service, upstream: Upstream, tags: list[Json]
) -> None:
    envoy = start(
        [limited("l", configuration(of_limits(TOYS, CARS)))],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
        stats_config={"stats_tags": tags},
    )
    for answer in (reached(CARS), reached(TOYS), reached(TOYS), b"\x08\x02"):
        limiter.answer = lambda _, answer=answer: answer  # type: ignore[misc]
        assert get(envoy.ports["l"]).status == 429
    found = [
        line for line in envoy.admin("/stats/prometheus").splitlines() if line.startswith("kuadrant_limited")
    ]
    assert sorted(found) == [
        f'kuadrant_limited_by_limit{{kuadrant_limit="{CARS}",kuadrant_scope="default/toystore"}} 1',
        f'kuadrant_limited_by_limit{{kuadrant_limit="{TOYS}",kuadrant_scope="default/toystore"}} 2',
        'kuadrant_limited_by_limit{kuadrant_limit="unknown",kuadrant_scope="default/toystore"} 1',
        "kuadrant_limited{} 4",
    ]


@pytest.fixture
def hanging_up() -> Iterator[int]:
    """A port that takes connections, waits for a call and closes them."""
    with socket.create_server((LOOPBACK, 0)) as server:

        def serve() -> None:
            try:
                while True:
                    connection, _ = server.accept()
                    with connection:
                        # An empty SETTINGS frame of HTTP/2, so that the call is sent.
                        connection.sendall(b"\0\0\0\4\0\0\0\0\0")
                        data = b""
                        while b"ShouldRateLimit" not in data and b"toystore" not in data:
                            data += connection.recv(65536)
            except OSError:
                pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def slow(_: bytes) -> bytes:
    time.sleep(1)
    return b"\x08\x01"


def no(_: bytes) -> bytes:
    raise GrpcError(grpc.StatusCode.FAILED_PRECONDITION)


def test_a_500_says_what_became_of_the_call(
    start: Start, limiter: Service, upstream: Upstream, hanging_up: int, access: AccessLog
) -> None:
    envoy = start(
        [
            limited(
                name, configuration(of_limits(TOYS, CARS), limiter=service(to, timeout=200)), **access.options
            )
            for name, to in (("answers", "limiter"), ("nobody", "nobody"), ("hangs-up", "hangs-up"))
        ],
        [
            cluster("upstream", upstream.server_port),
            cluster("limiter", limiter.port, http2=True),
            cluster("nobody", free_port(), http2=True),
            cluster("hangs-up", hanging_up, http2=True),
        ],
    )
    for answer in (slow, no, lambda _: b"\x08\x00"):
        limiter.answer = answer
        assert get(envoy.ports["answers"], x_user=SECRET).status == 500
    assert get(envoy.ports["nobody"], x_user=SECRET).status == 500
    assert get(envoy.ports["hangs-up"], x_user=SECRET).status == 500
    assert access.lines(5) == [
        "500 kuadrant_failed{timeout,default/toystore}",
        "500 kuadrant_failed{refused,grpc_status_9,default/toystore}",
        "500 kuadrant_failed{bad_answer,default/toystore}",
        "500 kuadrant_failed{unreachable,default/toystore}",
        "500 kuadrant_failed{no_answer,default/toystore}",
    ]
    where = '; scope "default/toystore"; its failure mode is deny; more of this within a minute is not logged'
    assert warnings(envoy) == [
        f'service "limiter": {words}{where}'
        for words in (
            "it did not answer in time",
            "the call ended with gRPC status 9",
            "its answer says neither OK nor OVER_LIMIT",
            "it could not be reached",
            "the connection ended before its answer",
        )
    ]
    assert SECRET not in "\n".join(warnings(envoy))


def test_a_500_names_what_could_not_be_evaluated(
    start: Start, limiter: Service, upstream: Upstream, access: AccessLog
) -> None:
    key = {"key": TOYS, "value": "1"}
    user = {"key": "request.headers['x-user']", "expression": "request.headers['x-user']"}
    when = [
        {"selector": "request.method", "operator": "eq", "value": "GET"},
        {"expression": "request.headers['x-plan'] == 'free'"},
    ]
    envoy = start(
        [
            limited(
                "l",
                configuration(
                    rule(key, user, path={"type": "exact", "value": "/counter"}),
                    rule(key, when=when, path={"type": "exact", "value": "/condition"}),
                ),
                max_request_headers_kb=256,
                **access.options,
            )
        ],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
    )
    port = envoy.ports["l"]
    for _ in range(2):
        assert get(port, "/counter", x_other=SECRET).status == 500
        assert get(port, "/condition", x_other=SECRET).status == 500
    large = {"x_plan": SECRET, "x_a": "a" * 60_000, "x_b": "b" * 60_000}
    assert get(port, "/condition", **large).status == 500
    expression = f"500 kuadrant_failed{{expression,{TOYS},default/toystore}}"
    assert access.lines(5) == [
        *[expression] * 4,
        f"500 kuadrant_failed{{too_large,{TOYS},default/toystore}}",
    ]
    end = "; the request is answered with 500; more of this within a minute is not logged"
    assert warnings(envoy) == [
        (
            f'an expression could not be evaluated; scope "default/toystore", limit "{TOYS}", '
            f"counter 1 {json.dumps(user['key'])}{end}"
        ),
        (f'an expression could not be evaluated; scope "default/toystore", limit "{TOYS}", condition 2{end}'),
        (
            "the request is too large for what has to be evaluated, or what would be asked for it is; scope "
            f'"default/toystore", limit "{TOYS}", condition 2{end}'
        ),
    ]
    assert SECRET not in "\n".join(warnings(envoy))
