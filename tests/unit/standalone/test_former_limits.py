"""A former limit goes by its own time, however many edits follow."""

from __future__ import annotations

from kuadrant.api.limitador import Limit
from kuadrant.standalone.former_limits import FormerLimits


def limit(name: str) -> Limit:
    return Limit(namespace="ns", max_value=1, seconds=1, conditions=(name,), name=name)


A, B, C = limit("a"), limit("b"), limit("c")


def after(former: FormerLimits, held: tuple[Limit, ...], wanted: tuple[Limit, ...], now: float) -> set[str]:
    """The names of the limits that stay when an edit at that time wants these."""
    former.note(held, wanted, now)
    return {one.name for one in former.staying(held, now)}


def test_a_limit_that_nothing_asks_for_goes_after_its_time() -> None:
    former = FormerLimits(2.0)
    assert after(former, (A, B), (B,), 10.0) == {"a", "b"}
    assert former.next_time == 12.0
    assert [one.name for one in former.staying((A, B), 12.0)] == ["b"]
    former.note((B,), (B,), 12.0)
    assert former.next_time is None


def test_an_edit_that_follows_does_not_keep_what_came_before_it() -> None:
    former = FormerLimits(2.0)
    former.note((A, B), (B,), 10.0)
    assert after(former, (A, B, C), (C,), 11.0) == {"a", "b", "c"}
    assert after(former, (A, B, C), (C,), 12.0) == {"b", "c"}
    assert after(former, (B, C), (C,), 12.5) == {"b", "c"}
    assert former.next_time == 13.0


def test_one_that_is_asked_for_again_stays() -> None:
    former = FormerLimits(2.0)
    former.note((A, B), (B,), 10.0)
    assert after(former, (A, B), (A, B), 11.0) == {"a", "b"}
    assert after(former, (A, B), (B,), 12.5) == {"a", "b"}
    assert former.next_time == 14.5


def test_however_long_somebody_edits_there_are_no_more_of_them_than_of_the_last_moments() -> None:
    former = FormerLimits(2.0)
    held: tuple[Limit, ...] = ()
    for edit in range(1000):
        wanted = (limit(f"l{edit}"),)
        held = former.staying((*held, *wanted), edit * 0.1)
        former.note(held, wanted, edit * 0.1)
        assert len(held) <= 22
