"""Every algorithm in a real Redis: the decisions of counters in memory, at moments that the test chooses."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kuadrant.ratelimit import RateLimitService, RedisStore
from kuadrant.ratelimit.store_script import SCRIPT
from tests.unit.ratelimit.sequences import (
    SECOND,
    Call,
    a_limit,
    admitted_by_counter,
    calls,
    check_promise,
    in_some_mode,
    key,
)
from tests.unit.ratelimit.sides import Answer, InMemory, Model, decoded, encoded, moving, without_room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.api.limitador import Limit
    from tests.conftest import Fuzz

    from .conftest import RedisServer

HOUR = 3600 * SECOND
# The store's clock is a list in it, and what is kept lives on while the test's time stands still.
_TIMED = SCRIPT.replace("redis.call('TIME')", "redis.call('LRANGE', 'clock', 0, -1)").replace(
    "text(math.floor(left / 1000) + 1)", "'3600000'"
)


class InStore:
    """The service that counts in a store, at the moments of calls."""

    def __init__(self, url: str, limits: Sequence[Limit], counter_bytes: int = 1 << 20) -> None:
        self.store = RedisStore(url, timeout=60.0)
        self.store._script = self.store._redis.register_script(_TIMED)
        self.service = RateLimitService(limits, headers=True, counter_bytes=counter_bytes)

    async def ask(self, call: Call) -> Answer:
        async with self.store._redis.pipeline(transaction=False) as pipe:
            pipe.delete("clock")
            pipe.rpush("clock", call.now // SECOND, call.now % SECOND)
            await pipe.execute()
        return decoded(await self.service.decide_by_store(encoded(call), self.store))

    async def admitted(self, now: int, tries: int) -> int:
        answers = [await self.ask(Call(now, ((key(0), "1"),))) for _ in range(tries)]
        return sum(not limited for limited, _ in answers)


def test_fuzz_store_memory_and_model_agree_on_every_call(redis: RedisServer, fuzz: Fuzz) -> None:
    dice = random.Random(fuzz.seed)
    number = int(60 * fuzz.scale)

    async def compare() -> None:
        for _ in range(number):
            drawn = [in_some_mode(dice, a_limit(dice, one)) for one in range(dice.randint(1, 4))]
            limits = [_without_end(one) for one in drawn]
            store, memory, model = InStore(redis.url, limits), InMemory(limits), Model(limits)
            await store.store._redis.flushall()
            answered = []
            for call in calls(dice, drawn, 30, begin=dice.randrange(10 * SECOND)):
                answer = await store.ask(call)
                assert answer[0] == memory.ask(call)[0], f"FUZZ_SEED={fuzz.seed}: {limits}, {call}"
                told = model.ask(call)
                assert _of_clock(answer, limits) == _of_clock(told, limits), (
                    f"FUZZ_SEED={fuzz.seed}: {limits}"
                )
                answered.append((call, answer[0]))
            said = without_room(store.service)
            assert said == memory.without_room == model.without_room, f"FUZZ_SEED={fuzz.seed}: {limits}"
            for limit, moments in admitted_by_counter(limits, answered):
                check_promise(limit, moments)
            await store.store.close()

    asyncio.run(compare())
    fuzz.done("sequences", number)


def test_fuzz_who_waits_as_long_as_he_is_told_is_admitted_when_he_comes_again(
    redis: RedisServer, fuzz: Fuzz
) -> None:
    dice = random.Random(fuzz.seed)
    number = int(200 * fuzz.scale)

    async def obey() -> None:
        denials = 0
        while denials < number:
            limits = [a_limit(dice, one) for one in range(dice.randint(1, 3))]
            if any(limit.counts_by == "FixedWindow" or not limit.most for limit in limits):
                continue
            store = InStore(redis.url, limits)
            await store.store._redis.flushall()
            for call in calls(dice, limits, 40, begin=dice.randrange(10 * SECOND)):
                denied, told = await store.ask(call)
                if denied:
                    again = int(dict(told)["retry-after"])
                    later = Call(call.now + again * SECOND, call.entries)
                    assert not (await store.ask(later))[0], f"FUZZ_SEED={fuzz.seed}: {limits}, {call}"
                    denials += 1
                    break
            await store.store.close()

    asyncio.run(obey())
    fuzz.done("denials", number)


async def test_a_window_of_the_store_is_over_when_it_was_told(redis: RedisServer) -> None:
    store = RedisStore(redis.url, timeout=60.0)
    service = RateLimitService([moving("FixedWindow", 1, seconds=1)])
    asked = encoded(Call(0, ((key(0), "1"),)))
    assert decoded(await service.decide_by_store(asked, store)) == (False, ())
    denied, told = decoded(await service.decide_by_store(asked, store))
    assert (denied, dict(told)["retry-after"]) in {(True, "1"), (True, "2")}
    await asyncio.sleep(int(dict(told)["retry-after"]))
    assert decoded(await service.decide_by_store(asked, store)) == (False, ())
    await store.close()


def _without_end(limit: Limit) -> Limit:
    """Fixed windows end by the real clock of the store: these do not end before the test."""
    return replace(limit, seconds=10**8) if limit.counts_by == "FixedWindow" else limit


_OF_CLOCK = {"retry-after", "x-ratelimit-reset"}


def _of_clock(answer: Answer, limits: Sequence[Limit]) -> Answer:
    """The answer, without what the real clock decides."""
    if any(limit.counts_by == "FixedWindow" for limit in limits):
        return answer[0], tuple(one for one in answer[1] if one[0] not in _OF_CLOCK)
    return answer


@pytest.mark.parametrize("algorithm", ["SlidingWindow", "TokenBucket"])
async def test_promises_hold_where_values_share_a_counter(redis: RedisServer, algorithm: str) -> None:
    limit = moving(algorithm, 3, variables=('descriptors[0]["user"]',))
    store = InStore(redis.url, [limit], counter_bytes=3000)
    dice = random.Random(1)
    users = calls(dice, [limit], 300, users="abcdefghijklmnop")
    answered = [(call, (await store.ask(call))[0]) for call in users]
    for of, moments in admitted_by_counter([limit], answered):
        check_promise(of, moments)
    assert await store.store._redis.keys("*+")
    await store.store.close()


@pytest.mark.parametrize("algorithm", ["SlidingWindow", "TokenBucket"])
@pytest.mark.parametrize("step", [-HOUR, HOUR])
@pytest.mark.parametrize("tries", [0, 1])
async def test_a_clock_that_steps_lets_nobody_through_unlimited_and_keeps_nobody_out(
    redis: RedisServer, algorithm: str, step: int, tries: int
) -> None:
    store = InStore(redis.url, [moving(algorithm)])
    assert await store.admitted(2 * HOUR, 20) == 10
    now = 2 * HOUR + step
    assert await store.admitted(now, 20) == (10 if step > 0 else 0)
    through = 0
    for second in range(1, 12):
        await store.admitted(now + second * SECOND - 1, tries)
        through += await store.admitted(now + second * SECOND, 20)
    assert 10 <= through <= 20
    assert await store.admitted(2 * HOUR + 11 * SECOND, 20) <= 10
    await store.store.close()


@pytest.mark.parametrize("algorithm", ["SlidingWindow", "TokenBucket"])
async def test_what_is_kept_ends_by_itself_when_it_counts_no_more(redis: RedisServer, algorithm: str) -> None:
    store = RedisStore(redis.url, timeout=60.0)
    service = RateLimitService([moving(algorithm, 1, seconds=10)])
    await service.decide_by_store(encoded(Call(0, ((key(0), "1"),))), store)
    (name,) = await store._redis.keys("kuadrant:*")
    assert 0 < await store._redis.pttl(name) <= (11_001 if algorithm == "SlidingWindow" else 10_001)
    await store.close()
