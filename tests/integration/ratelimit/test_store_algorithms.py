"""Every algorithm in a real Redis: the decisions of counters in memory, at moments that the test chooses."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from kuadrant.ratelimit import RateLimitService, RedisStore
from tests.unit.ratelimit.sequences import (
    HOUR,
    SECOND,
    Call,
    a_limit,
    admitted_by_counter,
    calls,
    check_promise,
    check_promise_of_steps,
    in_some_mode,
    key,
    on_exact_moments,
    stepping,
)
from tests.unit.ratelimit.sides import Answer, InMemory, Model, decoded, encoded, moving, term

from .timed_store import InStore, TimedStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from kuadrant.api.limitador import Limit
    from tests.conftest import Fuzz

    from .conftest import RedisServer

ALGORITHMS = ["FixedWindow", "SlidingWindow", "TokenBucket"]
MOVING = ["SlidingWindow", "TokenBucket"]
AT_ONCE = 50
"""So many sequences are carried out beside each other: the store is asked for all of them together."""


@pytest.fixture
async def timed(redis: RedisServer) -> AsyncIterator[TimedStore]:
    client = Redis.from_url(redis.url, socket_timeout=600.0)
    store = TimedStore(client)
    await store.load()
    yield store
    await client.aclose()


async def many(fuzz: Fuzz, number: int, one: Callable[[random.Random], Awaitable[None]]) -> None:
    """Carry out so many sequences."""
    seeds = random.Random(fuzz.seed)
    for begun in range(0, number, AT_ONCE):
        some = [random.Random(seeds.getrandbits(64)) for _ in range(min(AT_ONCE, number - begun))]
        await asyncio.gather(*map(one, some))
        fuzz.progress(begun + len(some), number)
    fuzz.done("sequences", number)


@pytest.mark.timeout(36_000)
async def test_fuzz_store_memory_and_model_agree_on_every_call(timed: TimedStore, fuzz: Fuzz) -> None:
    async def compare(dice: random.Random) -> None:
        limits = [in_some_mode(dice, a_limit(dice, one)) for one in range(dice.randint(1, 4))]
        is_fixed = any(limit.counts_by == "FixedWindow" for limit in limits)
        store, memory, model = InStore(timed, limits), InMemory(limits), Model(limits)
        answered = []
        for drawn in calls(dice, limits, dice.choice((5, 10, 20)), begin=dice.randrange(10 * SECOND)):
            call = on_exact_moments(drawn) if is_fixed else drawn
            answer, told, modelled = await store.ask(call), memory.ask(call), model.ask(call)
            assert told == modelled, f"FUZZ_SEED={fuzz.seed}: {limits}, {call}"
            assert _comparable(answer, limits) == _comparable(told, limits), (
                f"FUZZ_SEED={fuzz.seed}: {limits}, {call}"
            )
            answered.append((call, answer[0]))
        if any(limit.percent < 100 for limit in limits):
            said = store.without_room
            assert said == memory.without_room == model.without_room, f"FUZZ_SEED={fuzz.seed}: {limits}"
        for limit, moments in admitted_by_counter(limits, answered):
            check_promise(limit, moments)

    await many(fuzz, int(200 * fuzz.scale), compare)


@pytest.mark.timeout(36_000)
async def test_fuzz_a_denial_by_a_store_holds_for_as_long_as_it_says(timed: TimedStore, fuzz: Fuzz) -> None:
    held = 0

    async def hold(dice: random.Random) -> None:
        nonlocal held
        limits = [a_limit(dice, one) for one in range(dice.randint(1, 3))]
        store, now = InStore(timed, limits), 0
        for drawn in calls(dice, limits, 20, begin=dice.randrange(10 * SECOND)):
            call = on_exact_moments(drawn)
            call = call._replace(now=max(now, call.now))
            answer = await store.raw(call)
            now = call.now
            if decoded(answer)[0] and (milliseconds := next(iter(term(answer)), 0)):
                held += 1
                now += (milliseconds - 1) * SECOND // 1000
                later = await store.ask(call._replace(now=now))
                assert later[0], f"FUZZ_SEED={fuzz.seed}: {limits}, {call}"

    await many(fuzz, int(200 * fuzz.scale), hold)
    assert held


@pytest.mark.timeout(36_000)
async def test_fuzz_a_clock_that_steps_back_and_forth_breaks_no_promise(
    timed: TimedStore, fuzz: Fuzz
) -> None:
    async def compare(dice: random.Random) -> None:
        limit = replace(a_limit(dice), variables=())
        store, memory = InStore(timed, [limit]), InMemory([limit])
        answered = []
        for step in stepping(dice, limit, dice.choice((5, 10, 20))):
            call = on_exact_moments(step.call)
            answer = await store.ask(call)
            assert answer[0] == memory.ask(call)[0], f"FUZZ_SEED={fuzz.seed}: {limit}, {call}"
            answered.append((step._replace(call=call), answer[0]))
        check_promise_of_steps(limit, answered)

    await many(fuzz, int(200 * fuzz.scale), compare)


async def test_fuzz_who_waits_as_long_as_he_is_told_is_admitted_when_he_comes_again(
    timed: TimedStore, fuzz: Fuzz
) -> None:
    dice = random.Random(fuzz.seed)
    number, denials = int(200 * fuzz.scale), 0
    while denials < number:
        limits = [a_limit(dice, one) for one in range(dice.randint(1, 3))]
        if any(not limit.most for limit in limits):
            continue
        store = InStore(timed, limits)
        for call in calls(dice, limits, 40, begin=dice.randrange(10 * SECOND)):
            denied, told = await store.ask(call)
            if denied and "retry-after" in dict(told):
                again = int(dict(told)["retry-after"])
                later = Call(call.now + again * SECOND, call.entries)
                assert not (await store.ask(later))[0], f"FUZZ_SEED={fuzz.seed}: {limits}, {call}"
                denials += 1
                break
    fuzz.done("denials", denials)


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


def _comparable(answer: Answer, limits: Sequence[Limit]) -> Answer:
    """The answer; a store forgets a fixed window a millisecond later than it is over, which is waited for."""
    if any(limit.counts_by == "FixedWindow" for limit in limits):
        return answer[0], tuple(one for one in answer[1] if one[0] not in ("retry-after", "ratelimit"))
    return answer


@pytest.mark.parametrize("algorithm", MOVING)
async def test_promises_hold_where_values_share_a_counter(timed: TimedStore, algorithm: str) -> None:
    limit = moving(algorithm, 3, variables=('descriptors[0]["user"]',))
    store = InStore(timed, [limit], counter_bytes=3000)
    dice = random.Random(1)
    users = calls(dice, [limit], 300, users="abcdefghijklmnop")
    answered, shared = [], set[bytes | str]()
    for call in users:
        answered.append((call, (await store.ask(call))[0]))
        shared.update(await store.shared_counters())
    for of, moments in admitted_by_counter([limit], answered):
        check_promise(of, moments)
    assert shared


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("step", [-HOUR, HOUR])
@pytest.mark.parametrize("tries", [0, 1])
async def test_a_clock_that_steps_lets_nobody_through_unlimited_and_keeps_nobody_out(
    timed: TimedStore, algorithm: str, step: int, tries: int
) -> None:
    store = InStore(timed, [moving(algorithm)])
    assert await store.admitted(2 * HOUR, 20) == 10
    now = 2 * HOUR + step
    assert await store.admitted(now, 20) == (10 if step > 0 else 0)
    through = 0
    for second in range(1, 12):
        await store.admitted(now + second * SECOND - 1, tries)
        through += await store.admitted(now + second * SECOND, 20)
    assert 10 <= through <= 20
    assert await store.admitted(2 * HOUR + 11 * SECOND, 20) <= 10


@pytest.mark.parametrize("algorithm", MOVING)
async def test_what_is_kept_ends_by_itself_when_it_counts_no_more(redis: RedisServer, algorithm: str) -> None:
    store = RedisStore(redis.url, timeout=60.0)
    service = RateLimitService([moving(algorithm, 1, seconds=10)])
    await service.decide_by_store(encoded(Call(0, ((key(0), "1"),))), store)
    (name,) = await store._redis.keys("kuadrant:*")
    assert 0 < await store._redis.pttl(name) <= (11_001 if algorithm == "SlidingWindow" else 10_001)
    await store.close()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_to_look_counts_nothing_and_tells_when_there_is_room(
    redis: RedisServer, algorithm: str
) -> None:
    store = RedisStore(redis.url)
    limits = [moving(algorithm, 2, 60) if algorithm != "FixedWindow" else fixed()]
    service, memory = RateLimitService(limits), InMemory(limits)
    look, told = (((key(0), "1"), ("kuadrant:again", word)) for word in ("only", "told"))
    seen = []
    for entries in (look, look, told, look, told, look, told, look):
        answer = decoded(await service.decide_by_store(encoded(Call(0, entries)), store))
        seen.append((answer[0], int(dict(answer[1])["kuadrant-again"])))
        limited, modelled = memory.ask(Call(SECOND, entries))
        # In the store other slices have begun, of six seconds each.
        assert abs(int(dict(modelled)["kuadrant-again"]) - seen[-1][1]) <= 7
        assert limited == answer[0]
    assert [limited for limited, _ in seen] == [False] * 6 + [True, False]
    await store.close()


def fixed() -> Limit:
    return replace(moving("SlidingWindow", 2, 60), algorithm="FixedWindow")
