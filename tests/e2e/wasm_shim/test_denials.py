"""Denials that gateways remember: nobody is admitted otherwise, and the service is left in peace."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

import pytest

from kuadrant.api.limit_keys import AGAIN_KEY
from kuadrant.api.limitador import Limit
from kuadrant.envoy_api import message
from kuadrant.policy.identifiers import limit_condition
from kuadrant.ratelimit import RateLimitService, make_server
from tests.e2e.load import Result, load

from .conftest import LOOPBACK, cluster, configuration, limited, rule, service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import Any

    from kuadrant.api.algorithm import Algorithm

    from .conftest import Envoy

    Start = Callable[..., Envoy]

pytestmark = pytest.mark.e2e

SCOPE, KEY = "default/toystore", "limit.toys__0123abcd"
WORKERS, CONNECTIONS = 4, 16
LONGEST_WAY = 0.2
"""How many seconds an answer of the service takes to a gateway on a busy machine."""
REQUEST = b"GET / HTTP/1.1\r\nhost: example.com\r\n\r\n"
QUESTION: Any = message("envoy.service.ratelimit.v3.RateLimitRequest")
ANSWER: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")
LOOK = bytes(
    QUESTION(
        domain=SCOPE,
        hits_addend=1,
        descriptors=[{"entries": [{"key": KEY, "value": "1"}, {"key": AGAIN_KEY, "value": "only"}]}],
    ).SerializeToString()
)


class Limited:
    """Our service with one limit, and an Envoy of four workers that asks it."""

    def __init__(self, limiter: RateLimitService, envoy: Envoy) -> None:
        self.limiter = limiter
        self.port = envoy.ports["limited"]
        self.envoy = envoy

    def seconds_until_room(self) -> int:
        """What the service says at this moment, which counts nothing."""
        (told,) = ANSWER.FromString(self.limiter.decide(LOOK)).response_headers_to_add
        return int(told.value)

    @property
    def asked(self) -> int:
        """The questions of the gateway so far that were decided."""
        total = self.limiter.calls()
        return sum(one.admitted + sum(each.limited for each in one.limits) for one in total.scopes)


@pytest.fixture
async def limits(start: Start) -> AsyncIterator[Callable[..., Any]]:
    """Starts a service and its gateway."""
    servers = []

    async def begin(algorithm: Algorithm, most: int, seconds: int, **options: Any) -> Limited:
        limit = Limit(
            namespace=SCOPE,
            max_value=most,
            seconds=seconds,
            conditions=(limit_condition(KEY),),
            algorithm=algorithm,
            name="toys",
        )
        limiter = RateLimitService([limit], headers=True)
        server = make_server(limiter, LOOPBACK, 0)
        await server.start()
        servers.append(server)
        document = configuration(
            rule({"key": KEY, "value": "1"}), limiter={**service(timeout=20_000), **options}
        )
        everything = {
            "name": "all",
            "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
        }
        envoy = await asyncio.to_thread(
            lambda: start(
                [limited("limited", document, [everything])],
                [cluster("limiter", server.port, http2=True)],
                concurrency=WORKERS,
            )
        )
        return Limited(limiter, envoy)

    yield begin
    for server in servers:
        await server.stop(1)


class Connection:
    """One that stays open, and so stays with one worker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def get(self) -> tuple[int, dict[str, str]]:
        """Status and headers of an answer, which is read whole."""
        self._writer.write(REQUEST)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.rstrip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        await self._reader.readexactly(int(headers.get("content-length", "0")))
        return int(status.split()[1]), headers

    def close(self) -> None:
        self._writer.close()


@pytest.mark.parametrize("requests", [4_000, pytest.param(34_000, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("algorithm", "most"), [("FixedWindow", 40), ("SlidingWindow", 40), ("TokenBucket", 3)]
)
async def test_each_request_is_answered_as_the_service_would_at_that_moment(
    limits: Callable[..., Any], algorithm: str, most: int, requests: int
) -> None:
    limited: Limited = await limits(algorithm, most, 1)
    connections = [
        Connection(*await asyncio.open_connection(LOOPBACK, limited.port)) for _ in range(CONNECTIONS)
    ]
    refused = 0
    said: deque[tuple[float, int]] = deque()
    try:
        for number in range(requests):
            before = limited.seconds_until_room()
            said.append((time.monotonic(), before))
            status, headers = await connections[number % CONNECTIONS].get()
            if status == 429:
                refused += 1
                after = limited.seconds_until_room()
                # Where it had room before it was asked, nobody is refused.
                assert before
                # A gateway counts down from when an answer came, which is later than it was made.
                while len(said) > 1 and said[0][0] < time.monotonic() - LONGEST_WAY:
                    said.popleft()
                lately = max(seconds for _, seconds in said)
                assert max(1, after) <= int(headers["retry-after"]) <= max(1, lately)
            else:
                assert status == 200
    finally:
        for one in connections:
            one.close()
    assert refused > requests / 2
    assert limited.asked < requests / 4
    counters = limited.envoy.stats("wasmcustom.kuadrant.")
    assert counters["wasmcustom.kuadrant.limited"] == refused
    assert counters["wasmcustom.kuadrant.remembered"] >= requests - limited.asked


async def test_who_waits_as_long_as_he_is_told_is_admitted_by_every_worker(
    limits: Callable[..., Any],
) -> None:
    limited: Limited = await limits("FixedWindow", CONNECTIONS, 2)
    connections = [
        Connection(*await asyncio.open_connection(LOOPBACK, limited.port)) for _ in range(CONNECTIONS)
    ]
    for one in connections:
        assert (await one.get())[0] == 200
    told = [await one.get() for one in connections]
    longest = max(int(headers["retry-after"]) for _, headers in told)
    await asyncio.sleep(longest)
    assert [(await one.get())[0] for one in connections] == [200] * CONNECTIONS
    for one in connections:
        one.close()


async def test_an_attack_on_a_limit_that_is_used_up_is_none_on_the_service(
    limits: Callable[..., Any],
) -> None:
    limited: Limited = await limits("FixedWindow", 5, 3600)
    seconds = 4.0
    end = time.monotonic() + seconds

    def attack() -> Result:
        more = lambda: time.monotonic() < end  # noqa: E731 - it is one
        return asyncio.run(load(limited.port, REQUEST, connections=CONNECTIONS, more=more))

    # In a thread of its own: the service has this one.
    result = await asyncio.to_thread(attack)
    assert result.statuses[200] == 5
    # Those that were on their way when the first answer came are asked for, too.
    assert limited.asked <= CONNECTIONS + 2 * WORKERS * seconds
    assert result.total > 20 * limited.asked


async def test_turned_off_each_request_is_asked_for(limits: Callable[..., Any]) -> None:
    limited: Limited = await limits("FixedWindow", 5, 3600, rememberDenials=False)
    one = Connection(*await asyncio.open_connection(LOOPBACK, limited.port))
    assert [(await one.get())[0] for _ in range(20)] == [200] * 5 + [429] * 15
    assert limited.asked == 20
    one.close()
