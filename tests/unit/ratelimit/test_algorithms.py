"""What each algorithm promises, held by counters in memory and by the reference model, which agree."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from .sequences import (
    HOUR,
    SECOND,
    Call,
    a_limit,
    admitted_by_counter,
    calls,
    check_promise,
    check_promise_of_steps,
    cost_of,
    key,
    on_exact_moments,
    stepping,
)
from .sides import InMemory, Model, moving

if TYPE_CHECKING:
    from tests.conftest import Fuzz


def test_fuzz_memory_and_model_agree_and_keep_every_promise(fuzz: Fuzz) -> None:
    dice = random.Random(fuzz.seed)
    number = int(1000 * fuzz.scale)
    for _ in range(number):
        limits = [a_limit(dice, one) for one in range(dice.randint(1, 3))]
        memory, model = InMemory(limits), Model(limits)
        answered = []
        for call in calls(dice, limits, 40, begin=dice.randrange(10 * SECOND)):
            answer = memory.ask(call)
            assert answer == model.ask(call), f"FUZZ_SEED={fuzz.seed}: {limits}, {call}"
            answered.append((call, answer[0]))
        for limit, admitted in admitted_by_counter(limits, answered):
            check_promise(limit, admitted)
    fuzz.done("sequences", number)


def test_fuzz_a_clock_that_steps_back_and_forth_breaks_no_promise(fuzz: Fuzz) -> None:
    dice = random.Random(fuzz.seed)
    number = int(1000 * fuzz.scale)
    for _ in range(number):
        limit = replace(a_limit(dice), variables=())
        memory, model = InMemory([limit]), Model([limit])
        answered = []
        for step in stepping(dice, limit, 40):
            call = on_exact_moments(step.call)
            answer = memory.ask(call)
            assert answer == model.ask(call), f"FUZZ_SEED={fuzz.seed}: {limit}, {call}"
            answered.append((step._replace(call=call), answer[0]))
        check_promise_of_steps(limit, answered)
    fuzz.done("sequences", number)


def test_fuzz_promises_hold_where_values_share_a_counter(fuzz: Fuzz) -> None:
    dice = random.Random(fuzz.seed)
    number = int(300 * fuzz.scale)
    for _ in range(number):
        limits = [a_limit(dice, one) for one in range(dice.randint(1, 2))]
        memory = InMemory(limits, bound := dice.choice((0, 1500, 4000)))
        answered = []
        for call in calls(dice, limits, 80, users="abcdefgh"):
            answered.append((call, memory.ask(call)[0]))
            assert memory.service._counters.shares.held <= bound
        for limit, admitted in admitted_by_counter(limits, answered):
            check_promise(limit, admitted)
    fuzz.done("sequences", number)


def test_fuzz_who_waits_as_long_as_he_is_told_is_admitted_when_he_comes_again(fuzz: Fuzz) -> None:
    dice = random.Random(fuzz.seed)
    number = int(1000 * fuzz.scale)
    denials = 0
    while denials < number:
        limits = [a_limit(dice, one) for one in range(dice.randint(1, 3))]
        memory = InMemory(limits)
        for call in calls(dice, limits, 40, begin=dice.randrange(10 * SECOND)):
            denied, told = memory.ask(call)
            if not denied:
                continue
            again = dict(told).get("retry-after")
            if again is None:
                asked = [limit for place, limit in enumerate(limits) if (key(place), "1") in call.entries]
                hits = [
                    cost_of(call, place) for place in range(len(limits)) if (key(place), "1") in call.entries
                ]
                never = [limit.most < number for limit, number in zip(asked, hits, strict=True)]
                assert any(never), "only what is never admitted"
                continue
            # A microsecond is on the way: sums of seconds are no exact numbers.
            later = Call(call.now + int(again) * SECOND + 1, call.entries)
            assert not memory.ask(later)[0], f"FUZZ_SEED={fuzz.seed}: {limits}, {call}: {again}"
            denials += 1
            break
    fuzz.done("denials", denials)


@pytest.mark.parametrize("algorithm", ["SlidingWindow", "TokenBucket"])
def test_a_shared_counter_comes_to_an_end_though_it_is_used_without_a_break(algorithm: str) -> None:
    limit = moving(algorithm, 100, variables=('descriptors[0]["user"]',))
    memory = InMemory([limit], counter_bytes=4000)

    def asked_by(user: int, second: int) -> tuple[bool, str]:
        limited, told = memory.ask(Call(second * SECOND, ((key(0), "1"), ("user", str(user)))))
        return limited, dict(told)["x-ratelimit-remaining"]

    for user in range(20):
        asked_by(user, 0)
    assert asked_by(20, 1) != (False, "99")
    for second in range(1, 40):
        asked_by(21, second)
    # Those of the beginning are over: there is room, and who comes anew has a counter to himself.
    assert asked_by(22, 40) == (False, "99")


def admitted(memory: InMemory, now: int, tries: int) -> int:
    return sum(not memory.ask(Call(now, ((key(0), "1"),)))[0] for _ in range(tries))


def test_a_sliding_window_lets_no_more_through_at_the_turn_of_a_window() -> None:
    memory = InMemory([moving("SlidingWindow")])
    assert admitted(memory, 9_900_000, 20) == 10
    assert admitted(memory, 10_000_000, 20) == 0
    # The slice of the hits and ten more have to be over.
    assert admitted(memory, 19_999_999, 20) == 0
    assert admitted(memory, 20_000_000, 20) == 10


def test_a_bucket_lets_its_burst_through_and_then_the_rate() -> None:
    memory = InMemory([moving("TokenBucket", burst=3)])
    assert admitted(memory, 0, 20) == 3
    assert [admitted(memory, second * SECOND, 20) for second in range(1, 30)] == [1] * 29
    assert admitted(memory, 3600 * SECOND, 20) == 3


def test_tokens_do_not_drift() -> None:
    """Seven in ten seconds are no whole number of microseconds each."""
    memory = InMemory([moving("TokenBucket", 7, burst=2)])
    assert admitted(memory, 0, 3) == 2
    for token in range(1, 7 * 1000):
        due = -(-token * 10 * SECOND // 7)
        assert admitted(memory, due - 1, 1) == 0
        assert admitted(memory, due, 2) == 1


@pytest.mark.parametrize("algorithm", ["FixedWindow", "SlidingWindow", "TokenBucket"])
@pytest.mark.parametrize("step", [-HOUR, HOUR])
@pytest.mark.parametrize("tries", [0, 1])
def test_a_clock_that_steps_lets_nobody_through_unlimited_and_keeps_nobody_out(
    algorithm: str, step: int, tries: int
) -> None:
    memory = InMemory([moving(algorithm)])
    assert admitted(memory, 2 * HOUR, 20) == 10
    now = 2 * HOUR + step
    assert admitted(memory, now, 20) == (10 if step > 0 else 0)
    through = 0
    for second in range(1, 12):
        admitted(memory, now + second * SECOND - 1, tries)
        through += admitted(memory, now + second * SECOND, 20)
    assert 10 <= through <= 20
    # And back again.
    assert admitted(memory, 2 * HOUR + 11 * SECOND, 20) <= 10


@pytest.mark.parametrize("algorithm", ["SlidingWindow", "TokenBucket"])
def test_another_maximum_goes_on_counting_and_another_algorithm_begins_anew(algorithm: str) -> None:
    memory = InMemory([moving(algorithm, 10)])
    assert admitted(memory, 0, 20) == 10
    memory.service.replace([moving(algorithm, 5)])
    assert admitted(memory, 0, 20) == 0
    memory.service.replace([moving("FixedWindow", 5)])
    assert admitted(memory, 0, 20) == 5


def test_a_bucket_whose_burst_becomes_smaller_keeps_nobody_out_for_longer_than_a_token_takes() -> None:
    memory = InMemory([moving("TokenBucket", burst=1000)])
    assert admitted(memory, 0, 2000) == 1000
    memory.service.replace([moving("TokenBucket", burst=5)])
    assert [admitted(memory, second * SECOND, 20) for second in range(4)] == [0, 1, 1, 1]


def test_the_headers_of_a_bucket_tell_its_burst_and_the_time_in_which_as_much_comes() -> None:
    memory = InMemory([moving("TokenBucket", 100, 60, burst=7, name="a")])
    assert memory.ask(Call(0, ((key(0), "1"),))) == (
        False,
        (
            ("x-ratelimit-limit", '7, 7;w=5;name="a"'),
            ("x-ratelimit-remaining", "6"),
            ("x-ratelimit-reset", "1"),
        ),
    )
