"""Several questions for one request: who is refused by any of them is told when all of them have room."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kuadrant.api.limit_keys import hits_key
from kuadrant.ratelimit import RateLimitService
from kuadrant.reference_model import Counters

from .sequences import SECOND, a_limit, costs, key
from .sides import REQUEST, decoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.api.limitador import Limit
    from tests.conftest import Fuzz

Entries = tuple[tuple[str, str], ...]


class Gateway:
    """Asks as the module does, one question after the other, and the model the same."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self.now = 0
        self.scopes = sorted({limit.namespace for limit in limits})
        self.keys = {key(number): limit.namespace for number, limit in enumerate(limits)}
        self.service = RateLimitService(limits, clock=lambda: self.now / SECOND)
        self.model = Counters(tuple(limits))

    def decide(self, scope: str, entries: Entries, word: str) -> tuple[bool, dict[str, str]]:
        listed = [{"key": name, "value": value} for name, value in (*entries, ("kuadrant:again", word))]
        question = REQUEST(domain=scope, descriptors=[{"entries": listed}])
        limited, told = decoded(self.service.decide(question.SerializeToString()))
        if word == "only":
            modelled = self.model.look(scope, entries, self.now / SECOND)
        else:
            modelled, self.model = self.model.ask(scope, entries, self.now / SECOND)
        assert modelled.limited == limited
        assert dict(told)["kuadrant-again"] == ("never" if modelled.again is None else str(modelled.again))
        return limited, dict(told)

    def ask(self, entries: Entries) -> tuple[bool, int | None]:
        """Whether a request is refused, and when it is to come again; None if never."""
        refused, again = False, []
        for scope in self.scopes:
            of_scope = tuple(one for one in entries if self.keys.get(one[0], scope) == scope)
            limited, told = self.decide(scope, of_scope, "only" if refused else "told")
            again.append(told["kuadrant-again"])
            refused = refused or limited
        return refused, None if "never" in again else max(1, *map(int, again))


def limits_of(dice: random.Random) -> list[Limit]:
    return [
        replace(a_limit(dice, number), namespace=f"ns/{dice.choice('abc')}")
        for number in range(dice.randint(2, 5))
    ]


def test_fuzz_who_waits_as_long_as_all_questions_say_is_admitted(fuzz: Fuzz) -> None:
    dice = random.Random(fuzz.seed)
    number, denials, later = int(1000 * fuzz.scale), 0, 0
    while denials < number:
        limits = limits_of(dice)
        gateway = Gateway(limits)
        for _ in range(40):
            gateway.now += dice.choice((0, 0, 1, SECOND, 7 * SECOND))
            asked = [(key(one), "1") for one in range(len(limits)) if dice.random() < 0.8]
            entries = (*asked, ("user", dice.choice("ab")), *costs(dice, limits))
            refused, again = gateway.ask(entries)
            if refused and again is not None:
                gateway.now += again * SECOND + 1
                assert not gateway.ask(entries)[0], f"FUZZ_SEED={fuzz.seed}: {limits}, {entries}: {again}"
                denials += 1
                later += len(gateway.scopes) > 1
                break
    assert later > number / 2
    fuzz.done("denials", denials)


def at_most(most: int, seconds: int, scope: str, number: int = 0) -> Limit:
    limit = a_limit(random.Random(0), number)
    return replace(
        limit, max_value=most, seconds=seconds, namespace=scope, variables=(), algorithm="FixedWindow"
    )


def test_it_is_the_longest_of_those_before_it_and_behind_it() -> None:
    entries = ((key(0), "1"), (key(1), "1"), (key(2), "1"))
    gateway = Gateway([at_most(1, 60, "a"), at_most(0, 10, "b", 1), at_most(1, 3600, "c", 2)])
    gateway.decide("c", entries[2:], "told")
    assert gateway.ask(entries) == (True, None)
    gateway = Gateway([at_most(1, 60, "a"), at_most(1, 10, "b", 1), at_most(1, 3600, "c", 2)])
    gateway.decide("c", entries[2:], "told")
    gateway.decide("b", entries[1:2], "told")
    assert gateway.ask(entries) == (True, 3600)


def test_it_is_when_there_is_room_for_as_many_hits_as_the_request_is() -> None:
    bucket = replace(at_most(10, 10, "b", 1), algorithm="TokenBucket", burst=10)
    gateway = Gateway([at_most(5, 60, "a"), bucket])
    first, other = (key(0), "1"), (key(1), "1")
    gateway.decide("a", (first, (hits_key(key(0)), "3")), "told")
    gateway.decide("b", (other, (hits_key(key(1)), "10")), "told")
    # A token comes each second; what is over the first is asked of the other for what it costs there.
    for cost, seconds in (("4", 4), ("7", 7)):
        look = gateway.decide("b", (other, (hits_key(key(1)), cost)), "only")
        assert look == (False, {"kuadrant-again": str(seconds)})
    assert gateway.decide("b", (other, (hits_key(key(1)), "11")), "only")[1] == {"kuadrant-again": "never"}
    entries = (first, other, (hits_key(key(0)), "3"), (hits_key(key(1)), "4"))
    assert gateway.ask(entries) == (True, 60)
    gateway.now += 60 * SECOND
    assert gateway.ask(entries)[0] is False


@pytest.mark.parametrize("times", [1, 5])
def test_to_look_counts_nothing(times: int) -> None:
    entries = ((key(0), "1"),)
    gateway = Gateway([at_most(1, 60, "a")])
    for _ in range(times):
        assert gateway.decide("a", entries, "only") == (False, {"kuadrant-again": "0"})
    assert not gateway.decide("a", entries, "told")[0]
    for _ in range(times):
        assert gateway.decide("a", entries, "only") == (False, {"kuadrant-again": "60"})
    assert 'authorized_calls{limitador_namespace="a"} 1.0' in gateway.service.metrics().decode()


def test_who_does_not_ask_is_not_told() -> None:
    gateway = Gateway([at_most(1, 60, "a")])
    question = REQUEST(domain="a", descriptors=[{"entries": [{"key": key(0), "value": "1"}]}])
    assert decoded(gateway.service.decide(question.SerializeToString())) == (False, ())
