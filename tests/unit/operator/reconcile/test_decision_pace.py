"""Deciding again: at once after an edit, seldom while thousands of objects come."""

from __future__ import annotations

from kuadrant.operator.core.times import STANDBY_PACE_SECONDS
from kuadrant.operator.reconcile.decision_pace import DecisionPace


def test_a_few_decisions_follow_each_other_at_once() -> None:
    pace = DecisionPace()
    for number in range(6):
        assert pace.delay(number * 0.05) == 0.0
        pace.note(number * 0.05 + 0.02, 0.02)


def test_what_decides_all_the_time_leaves_most_of_it_to_others() -> None:
    pace, now, spent = DecisionPace(), 100.0, 0.0
    while now < 110.0:
        now += pace.delay(now)
        now, spent = now + 0.04, spent + 0.04
        pace.note(now, 0.04)
    assert 0.15 * 10 < spent < 0.3 * 10


def test_no_decision_waits_for_longer_than_half_a_second() -> None:
    pace = DecisionPace()
    pace.note(30.0, 30.0)
    assert pace.delay(30.0) == 0.5
    assert pace.delay(31.0) == 0.0


def test_after_a_while_at_rest_nothing_waits() -> None:
    pace = DecisionPace()
    pace.note(1.0, 1.0)
    pace.note(11.02, 0.02)
    assert pace.delay(11.02) == 0.0


def test_a_replica_that_nobody_waits_for_decides_once_a_second() -> None:
    pace = DecisionPace()
    assert pace.delay(0.0, is_awaited=False) == 0.0, "the first decision is made at once"

    pace.note(10.0, 0.01)

    assert pace.delay(10.25, is_awaited=False) == STANDBY_PACE_SECONDS - 0.25
    assert pace.delay(10.25, is_awaited=True) == 0.0, "as soon as it leads or is asked"
