"""For how long a denial holds: what a gateway may answer by itself meanwhile."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kuadrant.api.limit_keys import AGAIN_KEY, hits_key
from kuadrant.api.response import HEADERS_KEY
from kuadrant.ratelimit.denial_term import LONGEST_SECONDS

from .sequences import SECOND, Call, a_limit, calls, in_some_mode, key
from .sides import InMemory, decoded, moving, term

if TYPE_CHECKING:
    from tests.conftest import Fuzz

    from .sides import Answer

MILLISECOND = SECOND // 1000
LIMITED = Call(0, ((key(0), "1"), (HEADERS_KEY, "Both")))
AGAIN = Call(0, ((key(0), "1"), (AGAIN_KEY, "told")))


def denied(limit_at: InMemory, call: Call) -> list[int]:
    """The term of the first denial of a call that is made again and again."""
    for _ in range(200):
        answer = limit_at.raw(call)
        if decoded(answer)[0]:
            return term(answer)
    raise AssertionError("it is never denied")


def counted_down(answer: Answer, numbers: list[int], passed: float) -> Answer:
    """The answer as a gateway gives it that has had it for so many milliseconds."""
    _, retry, reset, *members = numbers
    limited, headers = answer
    falls = iter(members)

    def later(text: str, after: int) -> str:
        return str(int(text) - (0 < after <= passed)) if text.isdigit() else text

    def told(name: str, value: str) -> str:
        match name.lower():
            case "retry-after" | "kuadrant-again":
                return later(value, retry)
            case "x-ratelimit-reset":
                return later(value, reset)
            case "ratelimit":
                return re.sub(
                    r"(;r=\d+)(;t=(\d+))?",
                    lambda found: _member(found[1], found[3], next(falls)),
                    value,
                )
            case _:
                return value

    def _member(left: str, seconds: str | None, after: int) -> str:
        return left if seconds is None else f"{left};t={later(seconds, after)}"

    return limited, tuple((name, told(name, value)) for name, value in headers)


@pytest.mark.parametrize(
    ("algorithm", "most", "seconds", "numbers"),
    [
        pytest.param("FixedWindow", 1, 10, [999, 1000, 1000, 1000], id="a second at most"),
        pytest.param("FixedWindow", 0, 10, [999, 0, 1000, 0], id="what never has room"),
        pytest.param("TokenBucket", 2, 1, [499, 500, 1000, 500], id="until the next token"),
        pytest.param("SlidingWindow", 1, 10, [999, 1000, 1000, 1000], id="until a slice is over"),
    ],
)
def test_a_denial_says_for_how_long_it_holds(
    algorithm: str, most: int, seconds: int, numbers: list[int]
) -> None:
    assert denied(InMemory([moving(algorithm, most, seconds)]), LIMITED) == numbers


def test_the_term_ends_when_the_limit_has_room() -> None:
    memory = InMemory([moving("FixedWindow", 1, 10)])
    memory.raw(LIMITED)
    answer = memory.raw(Call(9_700 * MILLISECOND, LIMITED.entries))
    assert decoded(answer)[0]
    # Rounded down: nobody is denied for longer.
    assert term(answer)[0] == 299


def test_an_answer_that_denies_nothing_has_none() -> None:
    assert term(InMemory([moving("FixedWindow", 1)]).raw(LIMITED)) == []


@pytest.mark.parametrize(
    "mode", [{"mode": "Shadow"}, {"enforce_percent": 1, "variables": ('descriptors[0]["user"]',)}]
)
def test_a_question_that_a_limit_watches_is_asked_each_time(mode: dict[str, Any]) -> None:
    watching = moving("FixedWindow", 100, name="watching", **mode)
    enforced = replace(moving("FixedWindow", 1), conditions=(f'descriptors[0]["{key(1)}"] == "1"',))
    # For this user the percentage does not hold.
    call = Call(0, ((key(0), "1"), (key(1), "1"), ("user", "a"), (HEADERS_KEY, "Both")))
    assert denied(InMemory([watching, enforced]), call) == []


def test_where_more_may_be_left_before_there_is_room_the_number_is_asked_for() -> None:
    costly = (*LIMITED.entries, (hits_key(key(0)), "3"))
    silent = (costly[0], costly[2])
    for algorithm in ("TokenBucket", "SlidingWindow"):
        assert denied(InMemory([moving(algorithm, 10, 60)]), Call(0, costly)) == []
    assert denied(InMemory([moving("FixedWindow", 10, 60)]), Call(0, costly))[0] == 999
    unseen = InMemory([moving("TokenBucket", 10, 60)])
    unseen.service.headers = False
    assert denied(unseen, Call(0, silent))[0] == 999


def test_who_asks_only_when_to_come_again_may_keep_the_answer_as_long() -> None:
    memory = InMemory([moving("FixedWindow", 1, 10)])
    memory.service.headers = False
    assert denied(memory, AGAIN) == [999, 1000, 0]
    only = (AGAIN.entries[0], (AGAIN_KEY, "only"))
    assert term(memory.raw(Call(9_700 * MILLISECOND, only))) == [299, 300, 0]


def test_fuzz_a_question_within_the_term_of_its_denial_gets_the_same_answer(fuzz: Fuzz) -> None:
    dice = random.Random(fuzz.seed)
    number, within = int(300 * fuzz.scale), 0
    for _ in range(number):
        limits = [in_some_mode(dice, a_limit(dice, one)) for one in range(dice.randint(1, 3))]
        memory = InMemory(limits)
        form = dice.choice((("none", "none"), (HEADERS_KEY, "Both"), (HEADERS_KEY, "Draft03")))
        known: dict[tuple[tuple[str, str], ...], tuple[int, Answer, list[int]]] = {}
        for asked in calls(dice, limits, 60, begin=dice.randrange(10 * SECOND)):
            call = Call(asked.now, (*asked.entries, form))
            sent, said, numbers = known.get(call.entries, (0, (False, ()), []))
            found = memory.raw(call)
            passed = (call.now - sent) / MILLISECOND
            if numbers and passed < numbers[0]:
                within += 1
                told = decoded(found)
                assert told[0], f"FUZZ_SEED={fuzz.seed}: {limits} {call} {numbers}"
                # What is said of limits that have room is as old as the denial.
                if len(limits) == 1 and not any(0 <= passed - one < 1 for one in numbers):
                    assert told == counted_down(said, numbers, passed), (
                        f"FUZZ_SEED={fuzz.seed}: {limits} {call}"
                    )
            elif decoded(found)[0]:
                known[call.entries] = (call.now, decoded(found), term(found))
                assert not numbers or term(found) == [] or term(found)[0] <= LONGEST_SECONDS * 1000
    assert within > number
    fuzz.done("sequences", number)
