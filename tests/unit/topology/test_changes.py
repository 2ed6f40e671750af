"""What an edit changed, by route: which limits came, went, or are others."""

from __future__ import annotations

from kuadrant.topology import RouteChanges, changes
from tests.unit.explanation.asking import policy
from tests.unit.topology.shown import LIMIT, shown

ROUTE = "HTTPRoute default/toys"
ONE = shown(policy("a: {rates: [{limit: 5, window: 10s}]}"))


def test_nothing_is_told_of_what_is_as_it_was() -> None:
    assert changes(ONE, ONE) == ()


def test_limits_that_come_and_go_are_told_with_all_that_they_say() -> None:
    two = shown(policy(LIMIT))
    came = (
        "per-user: 2 in 10 s and 100 in 1 h for each request.headers['x-user'] when "
        "'x-user' in request.headers"
    )
    assert changes(ONE, two) == (RouteChanges(route=ROUTE, added=(came,), removed=("a: 5 in 10 s",)),)


def test_a_limit_that_is_another_is_told_with_what_it_was() -> None:
    six = shown(policy("a: {rates: [{limit: 6, window: 10s}]}"))
    assert changes(ONE, six) == (RouteChanges(route=ROUTE, changed=("a: 6 in 10 s (was 5 in 10 s)",)),)


def test_a_limit_that_is_for_other_rules_is_told() -> None:
    narrowed = shown(
        policy("a: {rates: [{limit: 5, window: 10s}]}", target="HTTPRoute, name: toys, sectionName: rule-1")
    )
    assert changes(ONE, narrowed) == (
        RouteChanges(route=ROUTE, changed=("a: 5 in 10 s, for rule-1 (was 5 in 10 s)",)),
    )


def test_a_route_that_goes_takes_its_limits_along() -> None:
    assert changes(ONE, shown(world="")) == (RouteChanges(route=ROUTE, removed=("a: 5 in 10 s",)),)
