"""A stranger causes one line a minute, and all strangers together only some."""

from __future__ import annotations

from kuadrant.ratelimit.log_pace import SECONDS, LogPace


def test_a_subject_is_told_once_in_a_while() -> None:
    pace = LogPace()
    times = (0.0, 1.0, SECONDS - 0.1, SECONDS, SECONDS + 1)
    assert [pace.may("a", now) for now in times] == [True, False, False, True, False]


def test_many_subjects_are_told_only_up_to_a_bound_until_some_are_old() -> None:
    pace = LogPace(most=2)
    assert [pace.may(subject, 0.0) for subject in "abc"] == [True, True, False]
    assert [pace.may(subject, SECONDS) for subject in "cde"] == [True, True, False]
