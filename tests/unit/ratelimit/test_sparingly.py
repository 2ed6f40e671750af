"""A stranger causes one line a minute, and all strangers together only some."""

from __future__ import annotations

from kuadrant.ratelimit.sparingly import SECONDS, Sparingly


def test_a_subject_is_told_once_in_a_while() -> None:
    sparingly = Sparingly()
    times = (0.0, 1.0, SECONDS - 0.1, SECONDS, SECONDS + 1)
    assert [sparingly.may("a", now) for now in times] == [True, False, False, True, False]


def test_many_subjects_are_told_only_up_to_a_bound_until_some_are_old() -> None:
    sparingly = Sparingly(most=2)
    assert [sparingly.may(subject, 0.0) for subject in "abc"] == [True, True, False]
    assert [sparingly.may(subject, SECONDS) for subject in "cde"] == [True, True, False]
