"""Whose memory counters take in a real Redis: as in memory, a part of it that nobody else can use up."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kuadrant.ratelimit import RateLimitService, RedisStore
from tests.unit.ratelimit.asking import KEY, RESPONSE, asking, limit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    import pytest

    from kuadrant.api.limitador import Limit

    from .conftest import RedisServer

USER = ('descriptors[0]["user"]',)
OTHER = "limit.b__0123abcd"
BOUND = 200_000
HOSTILE = limit(3, namespace="hostile/route", variables=USER, seconds=3600)
HOSTILE_TOO = limit(3, OTHER, "hostile/route", variables=USER, seconds=3600)
VICTIM = limit(3, namespace="victim/route", variables=USER, seconds=3600)
ALL = (HOSTILE, HOSTILE_TOO, VICTIM)


class Replica:
    """One process's service, which counts in a store; it waits for the store as long as it takes."""

    def __init__(self, url: str, limits: Iterable[Limit], bound: int) -> None:
        self.store = RedisStore(url, timeout=60.0)
        self.service = RateLimitService(limits, counter_bytes=bound)

    async def codes(self, domain: str, values: Iterable[object], key: str = KEY) -> str:
        """The answers for these users: O if one is admitted, L if not."""
        requests = [asking(key, domain=domain, user=str(value)) for value in values]
        answers = [RESPONSE.FromString(await self._ask(request)).overall_code for request in requests]
        return "".join("O" if answer == RESPONSE.OK else "L" for answer in answers)

    async def _ask(self, request: bytes) -> bytes:
        return await self.service.decide_by_store(request, self.store)


@contextlib.asynccontextmanager
async def replicas(
    redis: RedisServer, number: int, *limits: Limit, bound: int = BOUND
) -> AsyncIterator[list[Replica]]:
    made = [Replica(redis.url, limits or ALL, bound) for _ in range(number)]
    try:
        for one in made:
            await one.store.check()
        yield made
    finally:
        for one in made:
            await one.store.close()


async def counters(one: Replica, domain: str) -> int:
    """How many counters with a value there are in the store."""
    pattern = f"kuadrant:{{{domain}}}:*\\["
    return len([key async for key in one.store._redis.scan_iter(match=f"{pattern}*", count=10_000)])


async def test_who_fills_his_share_hurts_himself_only(redis: RedisServer) -> None:
    async with replicas(redis, 2) as (first, second):
        hostile = await first.codes("hostile/route", range(800))
        assert hostile[:200] == "O" * 200
        assert hostile[-1] == "L"
        for number in range(20):
            assert await second.codes("victim/route", [number] * 4) == "OOOL"
            assert await second.codes("hostile/route", [number] * 4, OTHER) == "OOOL"
        # Those who had a counter before notice nothing.
        assert await second.codes("hostile/route", [7] * 3) == "OOL"


async def test_a_store_that_has_a_bound_is_never_filled(redis: RedisServer) -> None:
    """Without shares some thousands of these counters, of a kilobyte each, fill it for everybody."""
    many = tuple(f'descriptors[0]["user"] + "{number}"' for number in range(10))
    large = limit(3, namespace="hostile/route", variables=many, seconds=3600)
    async with replicas(redis, 2, large, VICTIM, bound=160 << 20) as made:
        await made[0].store._redis.config_set("maxmemory", 6 << 20)
        for one in made:
            await one.store.check()
        asked = (
            made[part % 2].codes("hostile/route", (f"{number:060}" for number in range(part, 7000, 4)))
            for part in range(4)
        )
        hostile = "".join(await asyncio.gather(*asked))
        assert 1000 < hostile.count("O") < 4000
        for number in range(30):
            assert await made[1].codes("victim/route", [number] * 4) == "OOOL"


async def test_processes_that_fill_it_at_once_hold_no_more_than_one(redis: RedisServer) -> None:
    async with replicas(redis, 4) as made:
        asked = (
            one.codes("hostile/route", range(number * 1000, number * 1000 + 200))
            for number, one in enumerate(made)
        )
        await asyncio.gather(*asked)
        assert 200 < await counters(made[0], "hostile/route") < BOUND // 250


async def test_no_counter_takes_more_than_is_counted_for_it(redis: RedisServer) -> None:
    async with replicas(redis, 1, VICTIM, bound=1 << 20) as (one,):
        await one.codes("victim/route", ["x"])
        before = (await one.store._redis.info("memory"))["used_memory"]
        await one.codes("victim/route", (f"{number:05}{'x' * (number % 60)}" for number in range(5000)))
        held = await counters(one, "victim/route")
        taken = (await one.store._redis.info("memory"))["used_memory"] - before
        assert held > 2000
        assert taken < 1 << 20


async def test_room_that_was_taken_is_there_again_when_its_counters_are_over(redis: RedisServer) -> None:
    short = limit(1, namespace="hostile/route", variables=USER, seconds=2)
    async with replicas(redis, 1, short, bound=5_000) as (one,):
        assert "L" in await one.codes("hostile/route", range(40))
        async with asyncio.timeout(60):
            number = 100
            while "L" in await one.codes("hostile/route", range(number, number + 5)):
                number += 5
                await asyncio.sleep(0.1)


async def test_a_store_that_begins_anew_has_all_of_its_room(redis: RedisServer) -> None:
    async with replicas(redis, 1) as (one,):
        assert (await one.codes("hostile/route", range(800)))[-1] == "L"
        await one.store._redis.flushall()
        assert await one.codes("hostile/route", range(2000, 2200)) == "O" * 200


async def test_it_leaves_nothing_in_the_store_that_stays(redis: RedisServer) -> None:
    async with replicas(redis, 1) as (one,):
        await one.codes("hostile/route", range(800))
        keys = [key async for key in one.store._redis.scan_iter(count=10_000)]
        assert min([await one.store._redis.pttl(key) for key in keys]) > 0
        kinds = Counter(key.partition(b"[")[0] for key in keys)
        assert len(kinds) < 8


@given(
    asked=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12)), max_size=60),
    bound=st.sampled_from([0, 500, 1500, 5000]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
def test_no_value_is_ever_admitted_more_often_than_its_limit_says(
    redis: RedisServer, asked: list[tuple[int, int]], bound: int
) -> None:
    async def ask() -> None:
        async with replicas(redis, 2, bound=bound) as made:
            await made[0].store._redis.flushall()
            admitted: Counter[int] = Counter()
            for replica, value in asked:
                admitted[value] += await made[replica].codes("hostile/route", [value]) == "O"
            assert max(admitted.values(), default=0) <= 3

    asyncio.run(ask())


async def test_a_share_that_is_used_is_told(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async with replicas(redis, 1) as (one,):
        await one.codes("hostile/route", range(50))
        assert not caplog.records
        await one.codes("hostile/route", range(50, 800))
        await one.codes("victim/route", ["a"])
        said = [record.getMessage() for record in caplog.records]
        assert len(said) == 1
        assert "counters of 'hostile' take, in the store, more than 80 %" in said[0]
        metrics = one.service.metrics().decode()
        assert 'kuadrant_ratelimit_store_share_used_ratio{tenant="hostile"} 1.0' in metrics
        assert 'kuadrant_ratelimit_store_share_used_ratio{tenant="victim"} 0.0' in metrics
        assert "kuadrant_ratelimit_store_shares_nearly_used 1.0" in metrics
        assert "kuadrant_ratelimit_store_counters_shared_total 1.0" in metrics


async def test_a_user_of_the_store_who_may_not_ask_for_its_memory_counts(redis: RedisServer) -> None:
    async with replicas(redis, 1) as (one,):
        await one.store._redis.acl_setuser("default", enabled=True, commands=["-info"])
        await one.store.check()
        assert await one.codes("victim/route", ["a"] * 4) == "OOOL"
