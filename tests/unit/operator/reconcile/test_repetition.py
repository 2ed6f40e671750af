"""How long what is undone again and again waits."""

from kuadrant.operator.core.times import LONGEST_REPETITION_SECONDS
from kuadrant.operator.reconcile.repetition import AT_ONCE, Repetition


def test_the_first_times_are_at_once_and_the_others_later_and_later() -> None:
    patience = Repetition[str]()
    delays = [patience.delay("a", "wanted", 1.0) for _ in range(40)]

    assert delays[:AT_ONCE] == [0.0] * AT_ONCE
    assert delays[AT_ONCE:] == sorted(delays[AT_ONCE:])
    assert delays[AT_ONCE] > 0
    assert delays[-1] == LONGEST_REPETITION_SECONDS


def test_what_is_wanted_anew_is_at_once() -> None:
    patience = Repetition[str]()

    assert {patience.delay("a", ("wanted", number), 1.0) for number in range(40)} == {0.0}


def test_another_is_another() -> None:
    patience = Repetition[str]()

    assert {patience.delay(str(number), "wanted", 1.0) for number in range(40)} == {0.0}


def test_what_is_long_ago_does_not_count() -> None:
    patience = Repetition[str]()

    assert {patience.delay("a", "wanted", 1000.0 * number) for number in range(40)} == {0.0}


def test_what_is_not_kept_begins_anew() -> None:
    patience = Repetition[str]()
    for _ in range(40):
        patience.delay("a", "wanted", 1.0)
    patience.keep(frozenset())

    assert patience.delay("a", "wanted", 1.0) == 0.0
