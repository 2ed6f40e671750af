"""Limits that are not enforced, in memory and by the reference model, which agree."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kuadrant.api.limit_mode import counter_text, is_enforced
from kuadrant.api.limitador import Limit
from kuadrant.ratelimit import RateLimitService

from .sequences import (
    SCOPE,
    SECOND,
    Call,
    a_limit,
    admitted_by_counter,
    calls,
    check_promise,
    in_some_mode,
    key,
)
from .sides import InMemory, Model, moving

if TYPE_CHECKING:
    from tests.conftest import Fuzz

ALGORITHMS = ["FixedWindow", "SlidingWindow", "TokenBucket"]
ONE = Call(0, ((key(0), "1"),))


def test_fuzz_memory_and_model_agree_in_every_mode(fuzz: Fuzz) -> None:
    dice = random.Random(fuzz.seed)
    number = int(1000 * fuzz.scale)
    for _ in range(number):
        limits = [in_some_mode(dice, a_limit(dice, one)) for one in range(dice.randint(1, 4))]
        memory, model = InMemory(limits), Model(limits)
        answered = []
        for call in calls(dice, limits, 40, begin=dice.randrange(10 * SECOND)):
            answer = memory.ask(call)
            assert answer == model.ask(call), f"FUZZ_SEED={fuzz.seed}: {limits}, {call}"
            answered.append((call, answer[0]))
        assert memory.without_room == model.without_room, f"FUZZ_SEED={fuzz.seed}: {limits}"
        for limit, admitted in admitted_by_counter(limits, answered):
            check_promise(limit, admitted)
    fuzz.done("sequences", number)


def test_fuzz_a_shadow_limit_changes_no_answer_and_no_other_counter(fuzz: Fuzz) -> None:
    dice = random.Random(fuzz.seed)
    number = int(500 * fuzz.scale)
    for _ in range(number):
        limits = [a_limit(dice, one) for one in range(dice.randint(1, 3))]
        shadow = replace(a_limit(dice, len(limits)), mode="Shadow")
        without, beside = InMemory(limits), InMemory([*limits, shadow])
        for call in calls(dice, [*limits, shadow], 40, begin=dice.randrange(10 * SECOND)):
            # Gateways do not ask for a limit that there is not.
            plain = Call(call.now, tuple(one for one in call.entries if one != (key(len(limits)), "1")))
            # Every answer has the headers, which tell where all other counters stand.
            assert beside.ask(call) == without.ask(plain), f"FUZZ_SEED={fuzz.seed}: {limits}, {shadow}"
    fuzz.done("sequences", number)


def test_fuzz_a_shadow_limit_reports_as_many_as_it_refuses_when_it_is_enforced(fuzz: Fuzz) -> None:
    dice = random.Random(fuzz.seed)
    number = int(1000 * fuzz.scale)
    for _ in range(number):
        limit = a_limit(dice)
        sequence = [*calls(dice, [limit], 60, begin=dice.randrange(10 * SECOND))]
        enforced, shadow = InMemory([limit]), InMemory([replace(limit, mode="Shadow")])
        refused = sum(enforced.ask(call)[0] for call in sequence)
        assert sum(shadow.ask(call)[0] for call in sequence) == 0
        assert shadow.without_room.get(limit.name, 0) == refused, f"FUZZ_SEED={fuzz.seed}: {limit}"
    fuzz.done("sequences", number)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_shadow_limit_is_in_no_header(algorithm: str) -> None:
    memory = InMemory([moving(algorithm, 1, mode="Shadow")])
    assert [memory.ask(ONE) for _ in range(3)] == [(False, ())] * 3
    assert memory.without_room == {"": 2}


def test_where_another_limit_refuses_a_shadow_limit_counts_nothing_and_still_says_what_it_would_do() -> None:
    other = Limit(
        namespace=SCOPE, max_value=2, seconds=10, name="b", conditions=(f'descriptors[0]["{key(1)}"] == "1"',)
    )
    memory = InMemory([moving("FixedWindow", 3, name="a", mode="Shadow"), other])
    both = Call(0, ((key(0), "1"), (key(1), "1")))
    assert [memory.ask(both)[0] for _ in range(4)] == [False, False, True, True]
    # The two that were refused were not counted: there is room for one more.
    assert not memory.ask(ONE)[0]
    assert memory.without_room == {}
    assert memory.ask(both)[0]
    assert memory.without_room == {"a": 1}


SOFT = ("kuadrant:soft", "told")


def asking(*more: tuple[str, str], now: int = 0) -> Call:
    return Call(now, ((key(0), "1"), SOFT, *more))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_soft_limit_refuses_nobody_and_is_named_to_who_asks_from_where_it_is_exceeded(
    algorithm: str,
) -> None:
    memory = InMemory([moving(algorithm, 2, name="a", mode="Soft")])
    named = (False, (("kuadrant-soft", key(0)),))
    assert [memory.ask(asking()) for _ in range(4)] == [(False, ()), (False, ()), named, named]
    # Nobody else is told, who could not know what it is.
    assert memory.ask(ONE) == (False, ())
    assert memory.without_room == {"a": 3}


def test_a_soft_limit_counts_on_and_a_shadow_does_not() -> None:
    soft, shadow = (moving("FixedWindow", 2, mode=mode) for mode in ("Soft", "Shadow"))
    for limit, counted in ((soft, 7), (shadow, 2)):
        memory = InMemory([limit])
        for _ in range(7):
            memory.ask(ONE)
        (line,) = memory.service.standing_counters("", 1).lines
        assert (line.value, line.remaining) == (counted, 0)


def test_a_bucket_of_a_soft_limit_is_never_emptier_than_empty() -> None:
    memory = InMemory([moving("TokenBucket", 10, mode="Soft")])
    assert [len(memory.ask(asking())[1]) for _ in range(30)] == [0] * 10 + [1] * 20
    # A token a second.
    assert [len(memory.ask(asking(now=SECOND))[1]) for _ in range(2)] == [0, 1]


def test_where_another_limit_refuses_a_soft_one_counts_nothing_and_says_nothing() -> None:
    other = Limit(
        namespace=SCOPE, max_value=2, seconds=10, name="b", conditions=(f'descriptors[0]["{key(1)}"] == "1"',)
    )
    memory = InMemory([moving("FixedWindow", 3, name="a", mode="Soft"), other])
    answers = [memory.ask(asking((key(1), "1"))) for _ in range(4)]
    assert [limited for limited, _ in answers] == [False, False, True, True]
    assert all(name != "kuadrant-soft" for _, headers in answers for name, _ in headers)
    assert memory.ask(asking()) == (False, ())
    assert memory.ask(asking()) == (False, (("kuadrant-soft", key(0)),))


def test_a_soft_limit_is_in_no_header_of_a_client() -> None:
    memory = InMemory([moving("FixedWindow", 1, mode="Soft")])
    assert [memory.ask(ONE) for _ in range(3)] == [(False, ())] * 3


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_limit_goes_on_counting_when_its_mode_is_changed(algorithm: str) -> None:
    enforced, shadow = moving(algorithm, 5), moving(algorithm, 5, mode="Shadow")
    memory = InMemory([shadow])
    assert [memory.ask(ONE)[0] for _ in range(7)] == [False] * 7
    memory.service.replace([enforced])
    assert memory.ask(ONE)[0]
    memory.service.replace([shadow])
    assert not memory.ask(ONE)[0]


def test_a_call_that_several_rates_of_a_shadow_limit_have_no_room_for_is_one() -> None:
    rates = [moving("FixedWindow", 0, seconds=seconds, name="a", mode="Shadow") for seconds in (1, 60)]
    memory = InMemory(rates)
    memory.ask(ONE)
    assert memory.without_room == {"a": 1}


@pytest.mark.parametrize("percent", [0, 1, 50, 99, 100])
def test_a_limit_refuses_for_so_many_of_its_values_and_always_for_the_same(percent: int) -> None:
    limit = moving("FixedWindow", 0, variables=('descriptors[0]["user"]',), enforce_percent=percent)
    memory, replica = InMemory([limit]), InMemory([limit])
    number = 10_000
    refused = set()
    for user in range(number):
        call = Call(0, ((key(0), "1"), ("user", f"user-{user}")))
        is_refused = memory.ask(call)[0]
        assert replica.ask(call)[0] == is_refused
        if is_refused:
            refused.add(user)
    expected = number * percent / 100
    # Four times the deviation of as many throws of a coin.
    assert abs(len(refused) - expected) <= 4 * (expected * (100 - percent) / 100) ** 0.5
    assert memory.without_room == ({"": number - len(refused)} if percent < 100 else {})
    again = {
        user for user in refused if memory.ask(Call(SECOND, ((key(0), "1"), ("user", f"user-{user}"))))[0]
    }
    assert again == refused


def test_who_is_refused_at_some_percentage_is_refused_at_every_greater_one() -> None:
    for user in range(1000):
        told = [is_enforced(percent, ("a",), counter_text([f"user-{user}"])) for percent in range(101)]
        assert told == sorted(told)
        assert (told[0], told[-1]) == (False, True)


def test_of_two_limits_other_values_come_first() -> None:
    users = [counter_text([f"user-{user}"]) for user in range(10_000)]
    both = sum(is_enforced(10, ("a",), one) and is_enforced(10, ("b",), one) for one in users)
    assert 60 <= both <= 140


def test_a_percentage_needs_values_to_tell_apart() -> None:
    with pytest.raises(ValueError, match="enforce_percent: is by the values of variables, and it has none"):
        InMemory([moving("FixedWindow", enforce_percent=50)])
    with pytest.raises(ValueError, match="enforce_percent: is not between 0 and 100"):
        InMemory([moving("FixedWindow", enforce_percent=101)])


def test_it_is_told_which_limits_refuse_nobody() -> None:
    a, b, c = (
        Limit(namespace="ns/route", max_value=1, seconds=second, name="abc"[second]) for second in range(3)
    )
    limits = [replace(a, mode="Shadow"), replace(b, enforce_percent=0), c]
    service = RateLimitService(limits)

    def told() -> list[str]:
        lines = service.metrics().decode().splitlines()
        return [line for line in lines if line.startswith("kuadrant_ratelimit_shadow_limit{")]

    assert told() == [
        f'kuadrant_ratelimit_shadow_limit{{limit_name="{name}",limitador_namespace="ns/route"}} 1.0'
        for name in "ab"
    ]
    service.replace(limits[2:])
    assert told() == []
