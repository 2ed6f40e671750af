"""How the requests of two matches relate."""

from __future__ import annotations

import pytest

from kuadrant.dialects.official.match_overlap import may_meet, method_covers, path_covers
from kuadrant.policy.match import PathMatch, RequestMatch

EXACT, PREFIX, PATTERN = (
    PathMatch(type="exact", value="/a"),
    PathMatch(type="prefix", value="/a"),
    PathMatch(type="regex", value="/a.*"),
)
BELOW, BESIDE = PathMatch(type="exact", value="/a/b"), PathMatch(type="exact", value="/ab")


@pytest.mark.parametrize(
    ("one", "other", "met"),
    [
        (EXACT, EXACT, True),
        (EXACT, BELOW, False),
        (PREFIX, BELOW, True),
        (PREFIX, BESIDE, False),
        (PATTERN, BESIDE, True),
        (None, EXACT, True),
    ],
)
def test_whether_some_request_has_both_paths(
    one: PathMatch | None, other: PathMatch | None, met: bool
) -> None:
    assert may_meet(RequestMatch(path=one), RequestMatch(path=other)) is met
    assert may_meet(RequestMatch(path=other), RequestMatch(path=one)) is met


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        (None, EXACT, True),
        (EXACT, EXACT, True),
        (PREFIX, BELOW, True),
        (PREFIX, BESIDE, False),
        (EXACT, PREFIX, False),
        (PREFIX, PATTERN, False),
        (PREFIX, None, False),
        (PATTERN, PATTERN, True),
    ],
)
def test_whether_every_path_of_one_is_one_of_the_other(
    wide: PathMatch | None, narrow: PathMatch | None, covered: bool
) -> None:
    assert path_covers(wide, narrow) is covered


def test_two_methods_never_meet_and_no_method_is_every_one() -> None:
    get, post, any_ = RequestMatch(method="GET"), RequestMatch(method="POST"), RequestMatch()
    assert not may_meet(get, post)
    assert may_meet(get, any_)
    assert [method_covers(any_, get), method_covers(get, any_), method_covers(get, post)] == [
        True,
        False,
        False,
    ]
