"""What a request costs, in what is told of it."""

from __future__ import annotations

import pytest
from msgspec import structs

from kuadrant.explanation.short_text import short_text
from kuadrant.explanation.verbose_text import verbose_text

from .asking import asked, policy


def _by_header(limit: int) -> str:
    cost = "int(request.headers['x-cost'])"
    return policy(f'few: {{cost: "{cost}", rates: [{{limit: {limit}, window: 10s}}]}}')


def test_it_is_told_with_where_the_counter_stands() -> None:
    limit = 'few: {cost: "1 + size(request.query)", rates: [{limit: 9, window: 10s}]}'
    found = asked(policy(limit), url="http://toys.x/toys?abc", times=2)
    (one,) = found.limits
    assert one.cost is not None
    assert (one.cost.value, one.standings[0].remaining, one.cost.origin.field) == (
        "4",
        1,
        "spec.limits.few.cost",
    )
    assert "a request costs 1 + size(request.query), which is 4" in verbose_text(found)


def test_a_limit_for_which_a_request_costs_nothing_does_not_apply() -> None:
    found = asked(policy('few: {cost: "size(request.query)", rates: [{limit: 0, window: 10s}]}'))
    (one,) = found.limits
    assert (found.outcome, one.applies) == ("admitted", "no")
    assert one.because == "size(request.query) is 0: the request costs nothing"
    assert one.because in " ".join(short_text(found).split())


def test_who_costs_more_than_is_left_is_told_so() -> None:
    found = asked(_by_header(3), headers=(("x-cost", "4"),), show_values=True)
    text = short_text(found)
    assert text.startswith("429 Too Many Requests: limit few has less room than the request costs\n")
    assert "3 left, whole again in 10 s; the request costs 4" in text


def test_a_limit_that_has_nothing_left_is_reached_whatever_a_request_costs() -> None:
    text = short_text(asked(_by_header(3), headers=(("x-cost", "1"),), times=4))
    assert text.startswith("429 Too Many Requests: limit few is reached ")
    assert "costs" not in text


@pytest.mark.parametrize("cost", ["77", "-77"])
def test_what_headers_say_that_it_costs_is_masked(cost: str) -> None:
    headers = (("x-cost", cost),)
    found = asked(_by_header(1000), headers=headers)
    assert "77" not in repr(structs.replace(found, client=None))
    assert "77" in repr(asked(_by_header(1000), headers=headers, show_values=True))


def test_that_a_masked_cost_is_nothing_is_told() -> None:
    found = asked(_by_header(9), headers=(("x-cost", "0"),))
    assert (found.outcome, found.limits[0].applies) == ("admitted", "no")
    assert "is 0: the request costs nothing" in " ".join(short_text(found).split())


def test_a_cost_below_zero_is_a_failure_that_says_so() -> None:
    found = asked(policy('few: {cost: "size(request.query) - 1", rates: [{limit: 9, window: 10s}]}'))
    assert (found.outcome, found.limits[0].applies) == ("failed", "fails")
    assert found.limits[0].because.endswith(" fails: it is -1, and no request costs less than 0")
    (hidden,) = asked(_by_header(9), headers=(("x-cost", "-4"),)).limits
    assert hidden.because.endswith(" fails: it is less than 0, and no request costs less than 0")
