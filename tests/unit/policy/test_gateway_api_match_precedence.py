"""Which match a request belongs to, of those that it fulfils."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.policy.gateway_api_match_precedence import Place, precedence
from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch

if TYPE_CHECKING:
    import random

_FIRST = Place("2024-06-12T08:00:00Z", "default/a", "HTTPRoute", 0, 0)
_LATER = Place("2024-06-12T09:00:00Z", "default/a", "HTTPRoute", 0, 0)
_HEADER = StringMatch("x", "1")

strings = st.builds(StringMatch, name=st.sampled_from("ab"), value=st.sampled_from("ab"))
matches = st.builds(
    RequestMatch,
    path=st.none()
    | st.builds(
        PathMatch,
        value=st.sampled_from(["/", "/a", "/ab"]),
        type=st.sampled_from(["exact", "prefix", "regex"]),
    ),
    method=st.none() | st.sampled_from(["GET", "POST"]),
    headers=st.lists(strings, max_size=2).map(tuple),
    query=st.lists(strings, max_size=2).map(tuple),
)
places = st.builds(
    Place,
    created=st.sampled_from(["", "2024-06-12T08:00:00Z"]),
    route=st.sampled_from(["default/a", "default/b"]),
    kind=st.sampled_from(["HTTPRoute", "GRPCRoute"]),
    rule=st.integers(0, 2),
    match=st.integers(0, 2),
)


def _exact(value: str) -> PathMatch:
    return PathMatch(value, "exact")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            RequestMatch(_exact("/a")), RequestMatch(PathMatch("/.*", "regex")), id="exact-before-regex"
        ),
        pytest.param(
            RequestMatch(PathMatch("/.", "regex")), RequestMatch(PathMatch("/abc")), id="regex-before-prefix"
        ),
        pytest.param(RequestMatch(PathMatch("/ab")), RequestMatch(PathMatch("/a")), id="longest-prefix"),
        pytest.param(RequestMatch(PathMatch("/a")), RequestMatch(method="GET"), id="path-before-method"),
        pytest.param(
            RequestMatch(_exact("/a"), method="GET"),
            RequestMatch(_exact("/a"), headers=(_HEADER, _HEADER)),
            id="method-before-headers",
        ),
        pytest.param(
            RequestMatch(headers=(_HEADER,)),
            RequestMatch(query=(_HEADER, _HEADER)),
            id="headers-before-query",
        ),
        pytest.param(RequestMatch(query=(_HEADER,)), RequestMatch(), id="more-query-parameters"),
    ],
)
def test_the_more_specific_match_goes_first_even_in_a_younger_route(
    first: RequestMatch, second: RequestMatch
) -> None:
    assert precedence(first, _LATER) < precedence(second, _FIRST)


@pytest.mark.row(160)
def test_of_two_matches_that_differ_in_the_method_the_one_with_a_method_goes_first() -> None:
    path = PathMatch("/toys")
    assert precedence(RequestMatch(path, method="GET"), _LATER) < precedence(RequestMatch(path), _FIRST)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (_FIRST, _LATER),
        (Place("", "default/b", "HTTPRoute", 1, 1), _FIRST),
        (Place("", "default/a", "HTTPRoute", 1, 1), Place("", "default/b", "HTTPRoute", 0, 0)),
        (Place("", "a", "HTTPRoute", 0, 1), Place("", "a", "HTTPRoute", 1, 0)),
        (Place("", "a", "HTTPRoute", 0, 0), Place("", "a", "HTTPRoute", 0, 1)),
    ],
    ids=["oldest-route", "no-age-is-oldest", "name-of-the-route", "place-of-the-rule", "place-of-the-match"],
)
def test_equally_specific_matches_are_ordered_by_where_they_are_written(first: Place, second: Place) -> None:
    assert precedence(RequestMatch(), first) < precedence(RequestMatch(), second)


def test_no_path_is_as_specific_as_the_prefix_of_every_path() -> None:
    assert precedence(RequestMatch(), _FIRST) == precedence(RequestMatch(PathMatch("/")), _FIRST)


@given(
    st.lists(st.tuples(matches, places), unique_by=lambda pair: pair[1]), st.randoms(use_true_random=False)
)
def test_the_order_does_not_depend_on_the_order_given(
    pairs: list[tuple[RequestMatch, Place]], shuffler: random.Random
) -> None:
    ordered = sorted(pairs, key=lambda pair: precedence(*pair))
    shuffled = list(pairs)
    shuffler.shuffle(shuffled)
    assert sorted(shuffled, key=lambda pair: precedence(*pair)) == ordered
