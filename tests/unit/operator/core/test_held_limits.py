"""Which limits the rate limit service holds while one edit comes after the other."""

from __future__ import annotations

from msgspec.structs import replace

from kuadrant.api.limitador import Limit
from kuadrant.operator.core.held_limits import HeldLimitsTracker
from tests.unit.operator.example import limitador


def limit(name: str, maximum: int = 1) -> Limit:
    return Limit(namespace="ns", max_value=maximum, seconds=1, conditions=(name,), name=name)


A, B, C = map(limit, "abc")


def held(
    tracker: HeldLimitsTracker, *limits: Limit, generation: int, observed: int, uid: str = "1"
) -> set[Limit] | None:
    resource = limitador(limits, generation=generation, observed=observed)
    found = tracker.of(replace(resource, metadata=replace(resource.metadata, uid=uid)))
    return None if found is None else {*found.limits}


def test_what_is_in_the_generation_that_was_taken_is_held() -> None:
    assert held(HeldLimitsTracker(), A, B, generation=3, observed=3) == {A, B}


def test_of_an_older_generation_nothing_is_known_at_first() -> None:
    assert held(HeldLimitsTracker(), A, B, generation=3, observed=2) == set()


def test_a_limit_is_held_once_the_generation_is_taken_with_which_it_came() -> None:
    tracker = HeldLimitsTracker()
    assert held(tracker, A, generation=1, observed=1) == {A}
    assert held(tracker, A, B, generation=2, observed=1) == {A}
    # The service is always one edit behind.
    assert held(tracker, A, B, C, generation=3, observed=2) == {A, B}
    assert held(tracker, A, C, generation=4, observed=3) == {A, C}


def test_one_that_was_away_for_a_generation_comes_anew() -> None:
    tracker = HeldLimitsTracker()
    held(tracker, A, generation=1, observed=1)
    held(tracker, generation=2, observed=1)

    assert held(tracker, A, generation=3, observed=2) == set()


def test_of_a_resource_that_was_made_anew_generations_are_counted_anew() -> None:
    """Nobody need have seen that it was away."""
    tracker = HeldLimitsTracker()
    held(tracker, A, generation=1, observed=1)
    held(tracker, A, B, generation=7, observed=7)

    assert held(tracker, A, B, generation=2, observed=1, uid="2") == set()
    assert held(tracker, A, B, generation=2, observed=2, uid="2") == {A, B}


def test_of_a_resource_that_is_again_as_it_was_they_are_counted_anew_too() -> None:
    """The API server was restored from a backup; the service has what is there now."""
    tracker = HeldLimitsTracker()
    held(tracker, A, generation=6, observed=6)
    held(tracker, A, B, generation=7, observed=7)

    assert held(tracker, A, B, generation=3, observed=2) == set()
    assert held(tracker, A, B, generation=3, observed=3) == {A, B}


def test_another_value_is_another_limit_that_counts_the_same() -> None:
    tracker = HeldLimitsTracker()
    held(tracker, A, generation=1, observed=1)
    found = tracker.of(limitador((limit("a", 7),), generation=2, observed=1))

    assert found is not None
    assert found.limits == frozenset()
    found = tracker.of(limitador((limit("a", 7),), generation=2, observed=2))
    assert found is not None
    assert found.identities == {A.identity}


def test_a_service_that_is_not_ready_holds_nothing_that_is_known() -> None:
    tracker = HeldLimitsTracker()

    assert tracker.of(limitador((A,), ready="False")) is None
    assert tracker.of(None) is None
    assert tracker.present == ()
