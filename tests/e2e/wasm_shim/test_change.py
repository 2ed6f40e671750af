"""A configuration that changes under load, and one that is refused."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import zlib
from functools import partial
from typing import TYPE_CHECKING

import pytest

from .conftest import LOOPBACK, Json, cluster, configuration, get, listener, rule, service, until
from .discovered import Discovered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Envoy, Service, Upstream

    Start = Callable[..., Envoy]

pytestmark = pytest.mark.e2e

CHANGES = 20


def scoped(number: int) -> Json:
    """A configuration that shows its number in what it asks, by an expression."""
    patient = service(timeout=20_000)
    return configuration(rule({"key": "n", "expression": f"request.method + '{number}'"}), limiter=patient)


def packed(document: Json) -> Json:
    """The packed form of a configuration."""
    text = json.dumps(document).encode()
    return {"version": 2, "size": len(text), "deflate": base64.b64encode(zlib.compress(text)).decode()}


def serves(envoy: Envoy, limiter: Service, sign: bytes) -> bool:
    """Whether a new request meets the configuration with this sign."""
    get(envoy.ports["l"])
    return sign in limiter.requests[-1]


def test_every_request_is_limited_while_the_configuration_changes(
    start: Start, limiter: Service, upstream: Upstream, tmp_path: Path
) -> None:
    discovered = Discovered(tmp_path, scoped(0))
    envoy = start(
        [listener("l", [discovered.filter])],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
        concurrency=2,
    )
    statuses: list[int] = []
    stop = threading.Event()

    def client() -> None:
        connection = http.client.HTTPConnection(LOOPBACK, envoy.ports["l"], timeout=20)
        while not stop.is_set():
            connection.request("GET", "/toys")
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
        connection.close()

    def asked(sign: bytes) -> bool:
        return any(sign in request for request in limiter.requests[-50:])

    clients = [threading.Thread(target=client) for _ in range(4)]
    for thread in clients:
        thread.start()
    try:
        for number in range(1, CHANGES + 1):
            discovered.write(packed(scoped(number)) if number % 2 else scoped(number))
            until(partial(asked, f"GET{number}".encode()), f"configuration {number}")
    finally:
        stop.set()
        for thread in clients:
            thread.join()
    assert set(statuses) == {200}
    assert len(limiter.requests) == len(statuses)
    assert envoy.stats("wasmcustom.kuadrant.requests")["wasmcustom.kuadrant.requests"] == len(statuses)


def test_a_request_that_waits_while_the_configuration_changes_gets_its_answer(
    start: Start, limiter: Service, upstream: Upstream, tmp_path: Path
) -> None:
    discovered = Discovered(tmp_path, scoped(1))
    envoy = start(
        [listener("l", [discovered.filter])],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
    )
    go_on = threading.Event()

    def answer(_: bytes) -> bytes:
        if len(limiter.requests) <= 5:
            go_on.wait(20)
        return b"\x08\x02"

    limiter.answer = answer
    statuses: list[int] = []
    waiting = [
        threading.Thread(target=lambda: statuses.append(get(envoy.ports["l"]).status)) for _ in range(5)
    ]
    for thread in waiting:
        thread.start()
    try:
        until(lambda: len(limiter.requests) == 5, "five questions")
        for number in (2, 3, 4):
            discovered.write(scoped(number))
            until(partial(serves, envoy, limiter, f"GET{number}".encode()), f"configuration {number}")
    finally:
        go_on.set()
        for thread in waiting:
            thread.join()
    assert statuses == [429] * 5


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"version": 3}, "version: 3 is not known, this module reads versions 1 and 2"),
        (
            configuration(rule({"key": "k", "expression": "1 +"})),
            "hosts[0].rules[0].actions[0].limits[0].entries[0].expression: ",
        ),
        (
            configuration(rule({"key": "k", "expression": "lowerAscii('A')"})),
            "hosts[0].rules[0].actions[0].limits[0].entries[0].expression: ",
        ),
        (configuration(rule(path={"type": "regex", "value": "a)|(b"})), "hosts[0].rules[0].path.value: "),
        (
            configuration(rule(headers=[{"name": "x", "type": "regex", "value": "["}])),
            "hosts[0].rules[0].headers[0].value: ",
        ),
    ],
)
def test_a_refused_configuration_keeps_the_old_one(  # noqa: PLR0917
    start: Start, limiter: Service, upstream: Upstream, tmp_path: Path, broken: Json, said: str
) -> None:
    discovered = Discovered(tmp_path, scoped(1))
    envoy = start(
        [listener("l", [discovered.filter])],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
    )
    assert get(envoy.ports["l"]).status == 200
    discovered.write(broken)
    until(lambda: f"configuration refused: {said}" in envoy.log, "the refusal")
    until(lambda: any(envoy.stats(r".*update_rejected").values()), "Envoy's own count of it")
    refused = "wasmcustom.kuadrant.configurations_refused"
    assert envoy.stats(refused)[refused] >= 1
    assert get(envoy.ports["l"]).status == 200
    assert b"GET1" in limiter.requests[-1]
    assert len(limiter.requests) == 2
    discovered.write(scoped(3))
    until(
        lambda: get(envoy.ports["l"]).status == 200 and b"GET3" in limiter.requests[-1], "the next good one"
    )
