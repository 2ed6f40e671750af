"""Where counters stand: the nearest to their limit first, within bounds, and nobody's values by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kuadrant.compiler import Compilation, LimitRevisions
from kuadrant.ratelimit import CounterAnswers, RateLimitService, TooOftenError, standing_counters
from kuadrant.ratelimit.counters import Ask, Counters, counter_values
from kuadrant.ratelimit.standing_counters import standing_counters as look
from tests.unit.ratelimit.standing import ALL, EACH, USER, limit

if TYPE_CHECKING:
    from kuadrant.api.limitador import Limit


class World:
    """Some limits and their counters, at a time."""

    def __init__(self, *limits: Limit, bound: int = 1 << 20) -> None:
        self.counters = Counters(bound)
        held = self.counters.keep(one.identity for one in limits)
        self.held = [(one, held[one.identity]) for one in limits]

    def hit(self, of: Limit, *values: str, hits: int = 1, now: float = 0.0) -> None:
        (counters,) = (counters for one, counters in self.held if one is of)
        ask = Ask(counters, counter_values(values), of.most, hits, of.name, of.max_value)
        assert self.counters.check_and_add((ask,), now) is None


def test_the_nearest_to_its_limit_is_first() -> None:
    world = World(ALL, EACH)
    world.hit(ALL, hits=6)
    world.hit(EACH, "alice", hits=4)
    world.hit(EACH, "bob", now=2.0)

    page = look(world.held, 3.0, most=10)

    assert [(one.limit, one.value, one.remaining, one.resets_in, one.key) for one in page.lines] == [
        ("each", 4, 0, 7.0, (("request.headers['x-user']", "alice"),)),
        ("all", 6, 4, 7.0, ()),
        ("each", 1, 3, 9.0, (("request.headers['x-user']", "bob"),)),
    ]
    assert (page.counted, page.unseen) == (3, 0)


def test_counters_of_a_bucket_are_found_by_its_name() -> None:
    bucket = replace(ALL, namespace="ns/bucket:b", name="b", by_cost=True, mode="Soft")
    world = World(bucket, EACH)
    world.hit(bucket, hits=3)
    world.hit(EACH, "alice")
    (line,) = look(world.held, 0.0, policy="ns/bucket:b", most=10).lines
    assert (line.limit, line.value, line.by_cost, line.mode) == ("b", 3, True, "Soft")
    assert look(world.held, 0.0, policy="ns/bucket:c", most=10).lines == ()


def test_how_much_of_a_limit_is_enforced_is_told() -> None:
    world = World(replace(ALL, mode="Shadow"))
    world.hit(world.held[0][0], hits=6)
    assert [one.enforce_percent for one in look(world.held, 3.0, most=10).lines] == [0]


def test_a_window_that_is_over_is_none() -> None:
    world = World(ALL, EACH)
    world.hit(ALL)
    world.hit(EACH, "alice")
    assert look(world.held, 10.0, most=10).lines == ()


def test_limits_of_another_policy_are_left_out_if_one_is_named() -> None:
    other = limit("all", 10, policy="ns/other")
    world = World(ALL, other)
    world.hit(ALL)
    world.hit(other, hits=2)
    assert [one.value for one in look(world.held, 0.0, policy="ns/other", most=10).lines] == [2]
    assert look(world.held, 0.0, policy="ns/none", most=10).lines == ()


def test_no_more_are_told_than_were_asked_for() -> None:
    world = World(EACH)
    for number in range(50):
        world.hit(EACH, f"user-{number}")
    page = look(world.held, 0.0, most=3)
    assert (len(page.lines), page.counted) == (3, 50)


def test_no_more_are_looked_at_than_the_bound_and_the_rest_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing_counters, "MOST_LOOKED_AT", 20)
    world = World(ALL, EACH)
    world.hit(ALL)
    for number in range(50):
        world.hit(EACH, f"user-{number}")
    page = look(world.held, 0.0, most=100)
    assert (page.counted, page.unseen) == (11, 40)
    assert (("request.headers['x-user']", "user-49"),) in [one.key for one in page.lines]


def test_long_values_are_named_as_that_and_a_shared_counter_as_that() -> None:
    two = limit("two", 9, variables=(USER, 'descriptors[0]["b"]', 'descriptors[0]["c"]'))
    world = World(two, bound=1000)
    world.hit(two, "a" * 60, "b" * 60, "c" * 60)
    for number in range(9):
        world.hit(two, "x", "y", str(number))
    lines = look(world.held, 0.0, most=100).lines
    assert ("b", "(long)") in [part for one in lines for part in one.key]
    assert [one.key for one in lines if one.shared] == [()]


def _service() -> RateLimitService:
    return RateLimitService((ALL, EACH), clock=lambda: 0.0)


def test_the_same_value_has_the_same_mask_in_a_process_and_another_one_in_the_next() -> None:
    first, second = (CounterAnswers(_service(), lambda: 0.0) for _ in range(2))
    assert first._mask("alice") == first._mask("alice")
    assert len({first._mask("alice"), first._mask("bob"), second._mask("alice")}) == 3


def test_pages_come_at_a_pace_whoever_asks() -> None:
    now = 0.0
    answers = CounterAnswers(_service(), lambda: now)
    answers.page("", 10, show_values=False)
    with pytest.raises(TooOftenError):
        answers.page("", 10, show_values=True)
    now = 1.0
    answers.page("", 10, show_values=True)


def test_a_limit_whose_window_was_edited_is_its_policys_as_before() -> None:
    former, edited, other = (
        limit("each", 4),
        replace(limit("each", 4), seconds=60),
        limit("each", 4, policy="ns/q"),
    )
    revised = LimitRevisions()(Compilation(limits=(edited, other)), (former,)).limits
    assert revised[0].conditions != former.conditions
    world = World(*revised)
    for one in revised:
        world.hit(one)

    page = look(world.held, 0.0, policy="ns/p", most=10)

    assert [(one.limit, one.value, one.resets_in) for one in page.lines] == [("each", 1, 60.0)]


def test_a_bucket_stands_where_its_tokens_are_now() -> None:
    bucket = replace(limit("bucket", 10), algorithm="TokenBucket", burst=5)
    world = World(bucket)
    world.hit(bucket, hits=4)
    (line,) = look(world.held, 2.0, most=10).lines
    assert (line.max_value, line.seconds, line.value, line.remaining, line.resets_in) == (5, 5, 2, 3, 2.0)
