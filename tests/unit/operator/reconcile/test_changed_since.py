"""Work is looked at again when a reason for it is another instance than at the former decision."""

from __future__ import annotations

from kuadrant.operator.reconcile.changed_since import ChangedSince
from kuadrant.operator.reconcile.queue_keys import LIMITS, Work

STATUS = Work("policy", ("ns", "a"))


def decided(changed: ChangedSince, work: Work, *reasons: object) -> bool:
    """Whether the work is new in another decision."""
    changed.begin()
    return changed.is_new(work, *reasons)


def test_the_same_instances_are_no_new_reason() -> None:
    changed, reason = ChangedSince(), ["a"]

    assert decided(changed, STATUS, reason)
    assert not decided(changed, STATUS, reason)
    assert decided(changed, STATUS, ["a"]), "equal, and yet another instance"


def test_work_that_a_decision_did_not_see_is_new_again() -> None:
    changed, reason = ChangedSince(), object()
    decided(changed, STATUS, reason)
    decided(changed, LIMITS, reason)

    assert decided(changed, STATUS, reason)


def test_all_of_one_sort_is_passed_over_at_once_and_remembered() -> None:
    changed, reason, own = ChangedSince(), object(), object()
    changed.begin()
    assert changed.is_group_new("policy", "", reason)
    changed.is_new(STATUS, own)

    changed.begin()
    assert not changed.is_group_new("policy", "", reason)
    assert (list(changed.works()), len(changed)) == ([STATUS], 1)

    changed.begin()
    assert changed.is_group_new("policy", "", object())
    assert not changed.is_new(STATUS, own), "its own reasons are what they were"


def test_one_that_begins_to_lead_takes_everything_for_new() -> None:
    changed, reason = ChangedSince(), object()
    decided(changed, STATUS, reason)
    changed.forget()

    assert decided(changed, STATUS, reason)
