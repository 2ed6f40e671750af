"""Statuses as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.policy_tests.status_run import read_status, spelled


@pytest.mark.parametrize(
    ("written", "requests", "statuses"),
    [
        (429, 3, [429] * 3),
        ([200, 429], 2, [200, 429]),
        ("200x5 then 429", 8, [200] * 5 + [429] * 3),
        ("200x5 then 429", 6, [200] * 5 + [429]),
        ("200 x 2 then 429 x 1", 3, [200, 200, 429]),
        ("200×2, 429*2", 4, [200, 200, 429, 429]),  # noqa: RUF001 - people write that
        ("200 then 429 then 200", 4, [200, 429, 200, 200]),
        ("404", 1, [404]),
    ],
)
def test_a_status_is_one_a_list_or_a_run(written: object, requests: int, statuses: list[int]) -> None:
    run = read_status(written)
    assert run.fits(requests)
    assert run.of(requests) == statuses


@pytest.mark.parametrize(
    ("written", "least", "does_not_fit"),
    [(429, 1, [0]), ([200, 429], 2, [1, 3]), ("200x5 then 429", 6, [5]), ("200x2 then 429x2", 4, [3, 5])],
)
def test_a_run_tells_of_how_many_requests_it_is(written: object, least: int, does_not_fit: list[int]) -> None:
    run = read_status(written)
    assert run.least == least
    assert not any(map(run.fits, does_not_fit))


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (True, "must be a status such as 429"),
        (4.5, "must be a status such as 429"),
        ([], "must be a status such as 429"),
        ({}, "must be a status such as 429"),
        (99, "has 99, which is no status of a response"),
        (600, "has 600, which is no status of a response"),
        ([200, "429"], "write each as 200, without quotes"),
        ("", "is no status at ''"),
        ("200x5 than 429", "is no status at '200x5 than 429'"),
        ("200x0", "has 200x0: a status comes at least once"),
        ("200x5 then", "is no status at '200x5 then'"),
        ("2000", "is no status at '2000'"),
        ("x" * 1000, "must be a status such as 429"),
    ],
)
def test_what_is_none_says_what_one_is(written: object, says: str) -> None:
    with pytest.raises(ValueError, match=r"status|whole number") as raised:
        read_status(written)
    assert says in str(raised.value)


@given(st.lists(st.sampled_from([200, 429, 500]), min_size=1, max_size=30))
def test_what_is_spelled_is_read_as_the_same(statuses: list[int]) -> None:
    assert read_status(spelled(statuses)).of(len(statuses)) == statuses


def test_a_request_without_an_answer_is_spelled_as_such() -> None:
    assert spelled([200, 200, None]) == "200x2 then no answer"
