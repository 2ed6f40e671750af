"""Counters in a real Redis.

The same decisions as in memory, one count for all processes, and never a guess.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from redis.asyncio import Redis

from kuadrant.api.limitador import Limit
from kuadrant.envoy_api import message
from kuadrant.ratelimit import RateLimitService, RedisStore, StoreError, make_server
from kuadrant.ratelimit.service import SERVICE

from .conftest import ESCAPED, PASSWORD, RedisServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REQUEST: Any = message("envoy.service.ratelimit.v3.RateLimitRequest")
RESPONSE: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")


def limit(max_value: int, seconds: int = 3600, **more: Any) -> Limit:
    return Limit(namespace="n", max_value=max_value, seconds=seconds, **more)


def encoded(entries: dict[str, str] | None = None, hits: int = 1) -> bytes:
    listed = [{"key": key, "value": value} for key, value in (entries or {"a": "1"}).items()]
    return bytes(REQUEST(domain="n", hits_addend=hits, descriptors=[{"entries": listed}]).SerializeToString())


class Replica:
    """One process's service, which counts in a store."""

    def __init__(
        self, url: str, limits: list[Limit], store: dict[str, Any] | None = None, **options: Any
    ) -> None:
        self.store = RedisStore(url, **(store or {}))
        self.service = RateLimitService(limits, **options)
        self.service.store = self.store

    async def ask(self, request: bytes | None = None) -> Any:
        return RESPONSE.FromString(
            await self.service.decide_by_store(encoded() if request is None else request, self.store)
        )

    async def codes(self, *requests: bytes) -> str:
        answers = [(await self.ask(request)).overall_code for request in requests]
        return "".join({RESPONSE.OK: "O", RESPONSE.OVER_LIMIT: "L"}[answer] for answer in answers)


@contextlib.asynccontextmanager
async def replica(url: str, *limits: Limit, **options: Any) -> AsyncIterator[Replica]:
    made = Replica(url, list(limits), **options)
    try:
        yield made
    finally:
        await made.store.close()


async def test_two_processes_count_together(redis: RedisServer) -> None:
    async with replica(redis.url, limit(5)) as first, replica(redis.url, limit(5)) as second:
        assert await first.codes(*[encoded()] * 3) == "OOO"
        assert await second.codes(*[encoded()] * 3) == "OOL"
        assert await first.codes(encoded()) == "L"


async def test_the_time_that_the_store_takes_is_part_of_a_decisions_and_told_under_limitadors_name(
    redis: RedisServer,
) -> None:
    async with replica(redis.url, limit(5)) as one:
        await one.codes(*[encoded()] * 3)
        value = one.service.registry.get_sample_value
        took, decided = value("datastore_latency_sum"), value("kuadrant_ratelimit_decision_seconds_sum")
        assert value("datastore_latency_count") == value("kuadrant_ratelimit_decision_seconds_count") == 3
        assert took is not None
        assert decided is not None
        assert 0 < took <= decided


@pytest.mark.parametrize("algorithm", [UNSET, "SlidingWindow", "TokenBucket"])
async def test_a_thousand_at_once_through_two_processes_are_admitted_exactly_as_often_as_the_limit_says(
    redis: RedisServer, algorithm: Any
) -> None:
    # An answer that is late would be no wrong one, only one of a busy machine.
    patient = {"timeout": 60.0}
    async with (
        replica(redis.url, limit(100, 86_400, algorithm=algorithm), store=patient) as first,
        replica(redis.url, limit(100, 86_400, algorithm=algorithm), store=patient) as second,
    ):
        answers = await asyncio.gather(*(one.ask() for _ in range(500) for one in (first, second)))
        assert [answer.overall_code for answer in answers].count(RESPONSE.OK) == 100


async def test_a_request_that_one_limit_denies_is_counted_by_none(redis: RedisServer) -> None:
    roomy = limit(10, conditions=('descriptors[0]["a"] == "1"',), name="roomy")
    async with replica(redis.url, roomy, limit(1, 60)) as one:
        assert await one.codes(*[encoded()] * 5) == "OLLLL"
        one.service.replace([roomy])
        assert await one.codes(*[encoded()] * 10) == "OOOOOOOOOL"


async def test_each_value_of_a_variable_is_counted_apart(redis: RedisServer) -> None:
    per_user = limit(1, variables=('descriptors[0]["u"]', 'descriptors[0]["v"]'))
    users = [
        {"u": "a", "v": "b:c"},
        {"u": "a:b", "v": "c"},
        {"u": 'a","b', "v": "c"},
        {"u": "x" * 500, "v": ""},
    ]
    async with replica(redis.url, per_user) as one:
        assert await one.codes(*[encoded(user) for user in users * 2]) == "OOOOLLLL"


async def test_a_window_is_over_when_it_is_over(redis: RedisServer) -> None:
    async with replica(redis.url, limit(1, 1)) as one:
        started = asyncio.get_running_loop().time()
        assert await one.codes(encoded(), encoded()) == "OL"
        while (await one.ask()).overall_code != RESPONSE.OK:
            assert asyncio.get_running_loop().time() < started + 30
            await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() >= started + 1


async def test_the_headers_are_those_of_counters_in_memory(redis: RedisServer) -> None:
    limits = [limit(5, 3600), limit(100, 7200, name="day")]
    in_memory = RateLimitService(limits, headers=True)
    async with replica(redis.url, *limits, headers=True) as one:
        for _ in range(7):
            answer = RESPONSE.FromString(in_memory.decide(encoded()))
            assert await one.ask() == answer


@given(
    limits=st.lists(
        st.builds(
            limit,
            max_value=st.sampled_from([0, 1, 3, 2**53, 2**63]),
            seconds=st.sampled_from([0, 3600, 2**53]),
            conditions=st.sampled_from([(), ('descriptors[0]["a"] == "1"',)]),
            variables=st.sampled_from([(), ('descriptors[0]["u"]',)]),
        )
        | st.builds(
            limit,
            max_value=st.sampled_from([0, 1, 3]),
            seconds=st.sampled_from([3600, 86_400]),
            variables=st.sampled_from([(), ('descriptors[0]["u"]',)]),
            algorithm=st.sampled_from(["SlidingWindow", "TokenBucket"]),
            burst=st.sampled_from([UNSET, 1, 5]),
        ),
        max_size=4,
    ),
    requests=st.lists(
        st.builds(
            encoded,
            st.fixed_dictionaries(
                {"a": st.sampled_from("12")}, optional={"u": st.sampled_from(["x", "\u00e9\n", ""])}
            ),
            st.sampled_from([1, 2, 2**32 - 1]),
        ),
        max_size=12,
    ),
)  # fmt: skip
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_every_decision_is_the_one_of_counters_in_memory(
    redis: RedisServer, limits: list[Limit], requests: list[bytes]
) -> None:
    in_memory = RateLimitService(limits, clock=lambda: 0.0)

    async def compare() -> None:
        async with replica(redis.url, *limits) as one:
            await one.store._redis.flushall()
            for request in requests:
                answers = (await one.ask(request), RESPONSE.FromString(in_memory.decide(request)))
                ours, theirs = map(_without_time, answers)
                assert ours == theirs

    asyncio.run(compare())


def _without_time(answer: Any) -> Any:
    """An answer without when to come again, which is by the store's clock or by the one that is handed in."""
    for header in answer.response_headers_to_add:
        if header.key == "retry-after":
            header.value = str(min(int(header.value), 1))
    return answer


async def test_without_the_store_nothing_is_admitted_and_with_it_the_count_goes_on(
    redis: RedisServer,
) -> None:
    async with replica(redis.url, limit(3)) as one:
        assert await one.codes(encoded()) == "O"
        redis.stop()
        for _ in range(5):
            with pytest.raises(StoreError, match=r"^the store of the counters: "):
                await one.ask()
        redis.start()  # nothing is kept in this one: counters begin anew
        await _until_it_answers(one)
        assert await one.codes(*[encoded()] * 3) == "OOL"


async def test_a_store_that_hangs_is_given_up_in_time_and_then_refused_at_once(redis: RedisServer) -> None:
    async with replica(redis.url, limit(1000)) as one:
        assert await one.codes(encoded()) == "O"
        with redis.frozen():
            with pytest.raises(StoreError):
                await one.ask()
            assert one.store.problem is not None
            for _ in range(1000):
                with pytest.raises(StoreError):
                    await one.ask()
        await _until_it_answers(one)


async def test_a_store_that_answers_and_does_not_count_admits_nothing_and_tells_what_it_can(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Its memory is full. It is not told to be away and back for each request."""
    async with replica(redis.url, limit(1, variables=("descriptors[0].a",))) as one:
        assert await one.codes(encoded()) == "O"
        await one.store._redis.config_set("maxmemory", "1")
        for _ in range(5):
            assert await one.codes(encoded()) == "L"
            with pytest.raises(StoreError, match="maxmemory"):
                await one.ask(encoded({"a": "2"}))
        await one.store._redis.config_set("maxmemory", "0")
        assert await one.codes(encoded({"a": "2"})) == "O"
    assert len(caplog.records) == 1


@pytest.mark.parametrize("ends", ["never", "in a year"])
async def test_a_counter_ends_a_window_from_now_at_the_latest(redis: RedisServer, ends: str) -> None:
    """When the store's clock goes back, its counters would otherwise deny for as long as it went."""
    async with replica(redis.url, limit(1, 60)) as one:
        assert await one.codes(encoded()) == "O"
        (key,) = await one.store._redis.keys("*")
        if ends == "never":
            await one.store._redis.persist(key)
        else:
            await one.store._redis.pexpire(key, 366 * 24 * 3600 * 1000)

        assert await one.codes(encoded()) == "L"

        assert 0 < await one.store._redis.pttl(key) <= 60_000


async def _until_it_answers(one: Replica) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(StoreError):
                assert (await one.ask()).overall_code == RESPONSE.OK
                return
            await asyncio.sleep(0.01)


async def test_a_script_that_the_store_forgot_is_given_to_it_again(redis: RedisServer) -> None:
    async with replica(redis.url, limit(2)) as one:
        assert await one.codes(encoded()) == "O"
        await one.store._redis.script_flush()
        assert await one.codes(encoded(), encoded()) == "OL"


async def test_what_waits_at_the_same_time_is_asked_together(redis: RedisServer) -> None:
    async with replica(redis.url, limit(1000), store={"timeout": 60.0}) as one, connected(redis) as told:
        await one.ask()
        before = (await told.info("stats"))["total_reads_processed"]
        await asyncio.gather(*(one.ask() for _ in range(500)))
        assert (await told.info("stats"))["total_reads_processed"] - before < 50


async def test_a_question_that_the_store_cannot_answer_is_an_error_for_nobody_else(
    redis: RedisServer,
) -> None:
    users = [encoded({"u": name}) for name in "abc"]
    per_user = limit(5, variables=('descriptors[0]["u"]',))
    async with replica(redis.url, per_user) as one, connected(redis) as told:
        await one.ask(users[0])
        (key,) = [key for key in await told.keys() if str(key).endswith('["a"]' + "'")]
        await told.delete(key)
        await told.lpush(key, "of another kind")
        answers = await asyncio.gather(*map(one.ask, users), return_exceptions=True)
        assert [isinstance(answer, StoreError) for answer in answers] == [True, False, False]


@contextlib.asynccontextmanager
async def connected(redis: RedisServer) -> AsyncIterator[Redis]:
    """A client of the store itself."""
    client = Redis.from_url(redis.url)
    try:
        yield client
    finally:
        await client.aclose()


async def test_the_password_is_used_and_never_told(guarded_redis: RedisServer) -> None:
    address = f"127.0.0.1:{guarded_redis.port}"
    async with replica(f"redis://:{ESCAPED}@{address}", limit(1)) as one:
        await one.store.check()
        assert await one.codes(encoded(), encoded()) == "OL"
    async with replica(f"redis://:wr0ng@{address}", limit(1)) as one:
        with pytest.raises(StoreError) as refused:
            await one.ask()
        assert "wr0ng" not in str(refused.value)
        assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize("url", ["http://:s3cret@x", "redis://:s3cret@x:port", "s3cret", ""])
def test_an_address_that_is_none_is_refused_without_being_told(url: str) -> None:
    with pytest.raises(StoreError, match="is not one like redis://") as refused:
        RedisStore(url)
    assert "s3cret" not in str(refused.value)


async def test_a_call_without_the_store_is_an_error_for_the_gateway_to_judge(redis: RedisServer) -> None:
    """Envoy takes UNKNOWN for OK; UNAVAILABLE is what its failure mode is for."""
    async with replica(redis.url, limit(1)) as one:
        server = make_server(one.service, "127.0.0.1", 0)
        await server.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
                call = channel.unary_unary(f"/{SERVICE}/ShouldRateLimit")
                assert RESPONSE.FromString(await call(encoded())).overall_code == RESPONSE.OK
                assert RESPONSE.FromString(await call(encoded())).overall_code == RESPONSE.OVER_LIMIT
                redis.stop()
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await call(encoded())
                assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        finally:
            await server.stop(0)
