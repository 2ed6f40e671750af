"""Route selectors of v1beta2 pick rules of a route by what is written in them."""

from __future__ import annotations

import pytest

from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch
from kuadrant.policy.model import RouteSelector
from kuadrant.policy.route import RouteRule
from kuadrant.policy.route_selectors import selects

TOYS = PathMatch("/toys")
GET_TOYS = RequestMatch(TOYS, method="GET")
POST_TOYS = RequestMatch(
    TOYS, method="POST", headers=(StringMatch("x", "1"),), query=(StringMatch("q", "1"),)
)
ASSETS = RequestMatch(PathMatch("/assets"))
RULES = (RouteRule("rule-1", (GET_TOYS, POST_TOYS)), RouteRule("rule-2", (ASSETS,)))
HOSTNAMES = frozenset({"*.toystore.com"})


def _selected(*selectors: RouteSelector, hostnames: frozenset[str] = HOSTNAMES) -> list[str]:
    return [rule.name for rule in RULES if selects(selectors, rule, hostnames)]


@pytest.mark.row(61)
def test_no_selector_and_an_empty_one_select_all_rules() -> None:
    assert _selected() == _selected(RouteSelector()) == ["rule-1", "rule-2"]


@pytest.mark.row(62)
def test_a_match_that_is_identical_to_the_one_of_a_rule_selects_it() -> None:
    assert _selected(RouteSelector(matches=(ASSETS,))) == ["rule-2"]


@pytest.mark.row(63)
def test_a_match_that_is_identical_to_one_of_several_of_a_rule_selects_it() -> None:
    assert _selected(RouteSelector(matches=(POST_TOYS,))) == ["rule-1"]


@pytest.mark.row(64)
@pytest.mark.row(53)
@pytest.mark.parametrize(
    "match",
    [
        RequestMatch(TOYS),
        RequestMatch(TOYS, method="POST"),
        RequestMatch(TOYS, headers=(StringMatch("x", "1"),)),
        RequestMatch(TOYS, query=(StringMatch("q", "1"),)),
    ],
)
def test_a_match_with_some_of_the_statements_of_a_rule_selects_it(match: RequestMatch) -> None:
    assert _selected(RouteSelector(matches=(match,))) == ["rule-1"]


@pytest.mark.row(65)
@pytest.mark.row(54)
@pytest.mark.parametrize(
    "match",
    [
        RequestMatch(PathMatch("/"), method="POST"),
        RequestMatch(PathMatch("/toys", "exact")),
        RequestMatch(TOYS, method="PUT"),
        RequestMatch(TOYS, headers=(StringMatch("x", "2"),)),
        RequestMatch(TOYS, method="GET", headers=(StringMatch("x", "1"),)),
        RequestMatch(TOYS, query=(StringMatch("q", "1", "regex"),)),
    ],
)
def test_a_match_that_no_rule_has_selects_nothing(match: RequestMatch) -> None:
    assert _selected(RouteSelector(matches=(match,))) == []


@pytest.mark.row(66)
@pytest.mark.row(69)
def test_a_host_name_of_the_route_selects_all_rules() -> None:
    assert _selected(RouteSelector(hostnames=("*.toystore.com",))) == ["rule-1", "rule-2"]


@pytest.mark.row(67)
def test_a_host_name_of_the_route_and_a_match_select_the_rules_with_the_match() -> None:
    assert _selected(RouteSelector(hostnames=("*.toystore.com",), matches=(ASSETS,))) == ["rule-2"]


@pytest.mark.row(68)
@pytest.mark.row(71)
@pytest.mark.parametrize("matches", [(), (ASSETS,)])
def test_a_host_name_that_is_not_of_the_route_selects_nothing(matches: tuple[RequestMatch, ...]) -> None:
    assert _selected(RouteSelector(hostnames=("api.toystore.com",), matches=matches)) == []


@pytest.mark.row(70)
def test_a_selector_is_for_those_of_its_host_names_that_the_route_has() -> None:
    selector = RouteSelector(hostnames=("api.toystore.com", "other.io"))
    assert _selected(selector, hostnames=frozenset({"api.toystore.com"})) == ["rule-1", "rule-2"]
    assert _selected(selector, hostnames=frozenset({"www.toystore.com"})) == []


@pytest.mark.row(72)
def test_a_selector_without_host_names_is_for_all_of_the_route() -> None:
    assert _selected(RouteSelector(matches=(ASSETS,)), hostnames=frozenset({"any.other.name"})) == ["rule-2"]


def test_several_selectors_and_several_matches_select_what_any_of_them_selects() -> None:
    nothing = RequestMatch(PathMatch("/nothing"))
    assert _selected(RouteSelector(matches=(nothing, ASSETS))) == ["rule-2"]
    assert _selected(RouteSelector(matches=(nothing,)), RouteSelector(matches=(GET_TOYS,))) == ["rule-1"]
