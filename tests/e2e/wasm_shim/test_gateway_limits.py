"""Limits that a gateway counts itself: exact over all of its workers, in memory of a fixed size."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.envoy_api import message
from tests.e2e.load import Result, load

from .conftest import LOOPBACK, MODULE, cluster, configuration, get, limited, listener, service, until
from .discovered import Discovered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Envoy, Json, Service

    Start = Callable[..., Envoy]

pytestmark = pytest.mark.e2e

WORKERS, CONNECTIONS = 4, 16
KEY = "limit.toys__0123abcd"
REQUEST = b"GET / HTTP/1.1\r\nhost: example.com\r\n\r\n"
DIRECT: Any = {
    "name": "all",
    "domains": ["*"],
    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
}
OVER_LIMIT = message("envoy.service.ratelimit.v3.RateLimitResponse")(
    overall_code="OVER_LIMIT"
).SerializeToString()


def here(most: int, seconds: int = 3600, *counters: Json, key: str = KEY, **more: Any) -> Json:
    """A limit that the gateway counts."""
    rates = [{"limit": most, "seconds": seconds}]
    return {
        "entries": [{"key": key, "value": "1"}, *counters],
        "here": {"name": "toys", "rates": rates},
        **more,
    }


def asking(*limits: Json, also: Json | None = None, **response: Any) -> Json:
    """A configuration with these limits, and one more that the service counts."""
    actions = [{"service": "gateway", "scope": "default/toystore", "limits": list(limits)}]
    if also is not None:
        actions.append({"service": "limiter", "scope": "default/toystore", "limits": [also]})
    rule = {"name": "rule", "actions": actions, "response": response}
    return configuration(rule, gateway={"here": True, "failureMode": "deny"}, limiter=service(timeout=20_000))


USER = {"key": "request.headers.x-user", "selector": "request.headers.x-user", "default": ""}
IN_SERVICE = {"entries": [{"key": "limit.all__0123abcd", "value": "1"}]}


def run(port: int, requests: int) -> Result:
    """So many requests by all clients."""
    numbers = itertools.count()
    more = lambda: next(numbers) < requests  # noqa: E731 - it is one
    return asyncio.run(load(port, REQUEST, connections=CONNECTIONS, more=more))


@pytest.mark.parametrize("most", [100, 1000, pytest.param(5000, marks=pytest.mark.long)])
def test_all_workers_together_admit_exactly_the_limit(start: Start, most: int) -> None:
    envoy = start([limited("limited", asking(here(most)), [DIRECT])], [], concurrency=WORKERS)
    result = run(envoy.ports["limited"], 6000)
    assert result.statuses == {200: most, 429: 6000 - most}
    counters = envoy.stats("wasmcustom.kuadrant.")
    assert counters["wasmcustom.kuadrant.limited"] == 6000 - most
    assert counters["wasmcustom.kuadrant.allowed"] == most


def test_the_very_first_hits_of_many_counters_are_counted_too(start: Start) -> None:
    """Whoever makes a counter, nobody's hit is lost."""
    rounds = 200
    values = (number // CONNECTIONS for number in itertools.count())
    envoy = start([limited("limited", asking(here(1, 3600, USER)), [DIRECT])], [], concurrency=WORKERS)
    admitted = [0] * rounds

    async def clients() -> None:
        await asyncio.gather(*(client() for _ in range(CONNECTIONS)))

    async def client() -> None:
        reader, writer = await asyncio.open_connection(LOOPBACK, envoy.ports["limited"])
        while (value := next(values)) < rounds:
            writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nx-user: %d\r\n\r\n" % value)
            head = await reader.readuntil(b"\r\n\r\n")
            admitted[value] += b" 200 " in head.split(b"\r\n")[0]
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    await reader.readexactly(int(line[15:]))
        writer.close()

    asyncio.run(clients())
    assert admitted == [1] * rounds


def test_a_window_begins_with_its_first_hit_and_ends(start: Start) -> None:
    envoy = start([limited("limited", asking(here(2, 1), headers="Both"), [DIRECT])], [])
    port = envoy.ports["limited"]
    answers = [get(port) for _ in range(3)]
    assert [one.status for one in answers] == [200, 200, 429]
    assert answers[0].values("x-ratelimit-limit") == ['2, 2;w=1;name="toys"']
    assert [one.values("x-ratelimit-remaining") for one in answers] == [["1"], ["0"], ["0"]]
    assert answers[2].values("ratelimit") == ['"toys";r=0;t=1']
    assert answers[2].values("ratelimit-policy") == ['"toys";q=2;w=1']
    assert answers[2].values("retry-after") == ["1"]
    until(lambda: get(port).status == 200, "the window to be over")


def test_what_the_service_refuses_is_not_counted(start: Start, limiter: Service) -> None:
    document = asking(here(3), also=IN_SERVICE)
    clusters = [cluster("limiter", limiter.port, http2=True)]
    envoy = start([limited("limited", document, [DIRECT])], clusters, concurrency=WORKERS)
    port = envoy.ports["limited"]
    limiter.answer = lambda _: OVER_LIMIT
    assert [get(port).status for _ in range(8)] == [429] * 8
    limiter.answer = lambda _: b"\x08\x01"
    assert [get(port).status for _ in range(5)] == [200, 200, 200, 429, 429]
    # Those that were refused here asked nobody.
    assert len(limiter.requests) == 8 + 3


def test_what_the_service_does_not_answer_is_not_counted(start: Start, nobody: int) -> None:
    document = asking(here(3), also=IN_SERVICE)
    document["services"]["limiter"]["timeoutMs"] = 60
    envoy = start(
        [limited("limited", document, [DIRECT])], [cluster("limiter", nobody, http2=True)], concurrency=2
    )
    assert [get(envoy.ports["limited"]).status for _ in range(5)] == [500] * 5


def test_a_client_that_hangs_up_before_the_answer_is_not_counted(start: Start, limiter: Service) -> None:
    document = asking(here(3), also=IN_SERVICE)
    clusters = [cluster("limiter", limiter.port, http2=True)]
    envoy = start([limited("limited", document, [DIRECT])], clusters, concurrency=WORKERS)
    port = envoy.ports["limited"]
    release = threading.Event()

    def late(_: bytes) -> bytes:
        release.wait(20)
        return b"\x08\x01"

    limiter.answer = late
    waiting = [socket.create_connection((LOOPBACK, port)) for _ in range(3)]
    for one in waiting:
        one.sendall(REQUEST)
    until(lambda: len(limiter.requests) == 3, "the service to be asked")
    # They hold what they were counted for.
    assert get(port).status == 429
    for one in waiting:
        one.close()
    until(
        lambda: envoy.stats("http.limited.downstream_rq_active")["http.limited.downstream_rq_active"] == 0,
        "the requests to be gone",
    )
    release.set()
    assert [get(port).status for _ in range(4)] == [200, 200, 200, 429]


USERS = [pytest.param(16_000, 3_000_000), pytest.param(500_000, 3_000_000, marks=pytest.mark.long)]


@pytest.mark.parametrize(("users", "bytes_more"), USERS)
def test_memory_has_an_end_whatever_clients_send(start: Start, users: int, bytes_more: int) -> None:
    """The counters of a limit fill their table, and then nothing grows."""
    envoy = start([limited("limited", asking(here(1, 3600, USER)), [DIRECT])], [], concurrency=2)
    heads = (b"GET / HTTP/1.1\r\nhost: a\r\nx-user: %d\r\n\r\n" % number for number in itertools.count())

    async def client(requests: int) -> None:
        reader, writer = await asyncio.open_connection(LOOPBACK, envoy.ports["limited"])
        for _ in range(requests):
            writer.write(next(heads))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or b"0"))
        writer.close()

    async def clients() -> None:
        await asyncio.gather(*(client(users // CONNECTIONS) for _ in range(CONNECTIONS)))

    def memory() -> int:
        return envoy.stats("server.memory_allocated")["server.memory_allocated"]

    asyncio.run(clients())
    before = memory()
    asyncio.run(clients())
    # A key for each of them would take 150 bytes and more.
    assert memory() - before < min(bytes_more, 100 * users)


class Swapped(Discovered):
    """A filter whose module and machine change, too."""

    def swap(self, document: Json, module: Path, vm_id: str) -> None:
        """Puts another configuration, module and machine in place."""
        self.module, self.vm_id = module, vm_id
        self.write(document)

    def typed_config(self, document: Json) -> Json:
        made = super().typed_config(document)
        if hasattr(self, "module"):
            machine = made["config"]["vm_config"]
            machine["vm_id"], machine["code"]["local"]["filename"] = self.vm_id, str(self.module)
        return made


def versioned(most: int, version: int) -> Json:
    """A limit, and a rule by which it can be seen that this version is there."""
    document = asking(here(most))
    document["hosts"][0]["rules"][0]["path"] = {"type": "exact", "value": "/toys"}
    probe = here(0, key="limit.probe__0123abcd")
    action = {"service": "gateway", "scope": "probe", "limits": [probe]}
    document["hosts"][0]["rules"].insert(
        0, {"name": "probe", "path": {"type": "exact", "value": f"/{version}"}, "actions": [action]}
    )
    return document


@pytest.mark.parametrize(
    ("module", "vm_id", "left"),
    [("same", "shim", 4), ("other", "shim", 4), ("other", "another", 6)],
    ids=["an edit", "another module in the same machine", "another machine"],
)
def test_what_goes_on_counting(start: Start, tmp_path: Path, module: str, vm_id: str, left: int) -> None:
    discovered = Swapped(tmp_path, versioned(5, 1))
    envoy = start([listener("l", [discovered.filter], [DIRECT])], [])
    port = envoy.ports["l"]
    assert [get(port).status for _ in range(2)] == [200, 200]
    copy = tmp_path / "copy.wasm"
    # A section without a meaning: other bytes, and so other code for Envoy.
    copy.write_bytes(MODULE.read_bytes() + (b"\x00\x05\x04note" if module == "other" else b""))
    discovered.swap(versioned(6, 2), copy if module == "other" else MODULE, vm_id)
    until(lambda: get(port, "/2").status == 429, "the new one to be there")
    assert [get(port).status for _ in range(8)] == [200] * left + [429] * (8 - left)
