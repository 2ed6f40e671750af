"""What is told of sliding windows by one who does not know the clock of the rate limit service."""

from __future__ import annotations

import pytest

from kuadrant.explanation import ClientRequest
from kuadrant.explanation.record import Run
from kuadrant.explanation.words import verdict

from .asking import asked, configuration, policy

SLIDING = "a: {algorithm: SlidingWindow, rates: [{limit: 1, window: 1m}]}"


@pytest.mark.parametrize(
    ("after", "outcome"), [(0.0, "limited"), (60.0, "limited"), (63.0, "unknown"), (66.0, "admitted")]
)
def test_a_verdict_that_depends_on_where_a_sliding_window_is_cut_is_not_known(
    after: float, outcome: str
) -> None:
    record = asked(policy(SLIDING), times=2, after=after)
    assert record.outcome == outcome
    assert record.before == (Run(count=1, outcome="admitted", status=None),)
    assert [fact.name for fact in record.unknown] == (
        ["when the rate limit service begins a tenth of a sliding window"] if outcome == "unknown" else []
    )


def test_what_follows_a_request_that_was_perhaps_counted_is_not_known_as_long_as_it_may_count() -> None:
    world, request = configuration(policy(SLIDING)), ClientRequest(url="http://toys.x/toys")
    outcomes, counters = [], None
    for now in (0.0, 63.0, 66.0, 130.0):
        explained = world.explain(request, now=now, counters=counters)
        outcomes.append(explained.explanation.outcome)
        counters = explained.counters
    assert outcomes == ["admitted", "unknown", "unknown", "unknown"]
    assert world.explain(request, now=200.0, counters=counters).explanation.outcome == "admitted"


def test_a_time_that_depends_on_where_a_sliding_window_is_cut_is_told_from_and_to() -> None:
    record = asked(policy(SLIDING), times=2)
    assert record.client is not None
    assert "retry-after" not in dict(record.client.headers)
    assert record.client.not_known == ("retry-after", "x-ratelimit-reset")
    ((standing,),) = (limit.standings for limit in record.limits)
    assert (standing.resets_in_at_least, standing.resets_in) == (60.0, 66.0)


SHADOW = "a: {algorithm: SlidingWindow, mode: Shadow, rates: [{limit: 1, window: 1m}]}"


@pytest.mark.parametrize(
    ("after", "would_deny", "words"),
    [
        (0.0, True, "limit a in shadow would refuse it"),
        (60.0, True, "limit a in shadow would refuse it"),
        (63.0, None, "limit a in shadow would perhaps refuse it"),
        (66.0, False, "no limit is enforced"),
    ],
)
def test_what_a_limit_in_shadow_would_have_done_is_not_known_where_that_decides(
    after: float, would_deny: bool | None, words: str
) -> None:
    record = asked(policy(SHADOW), times=2, after=after)
    assert (record.outcome, record.unknown) == ("admitted", ())
    ((standing,),) = (limit.standings for limit in record.limits)
    assert standing.would_deny is would_deny
    assert f"{words} (1 x admitted before)" in verdict(record)


def test_a_request_that_was_perhaps_counted_in_shadow_leaves_the_next_one_unknown() -> None:
    world, request = configuration(policy(SHADOW)), ClientRequest(url="http://toys.x/toys")
    told, counters = [], None
    for now in (0.0, 63.0, 66.0, 200.0):
        explained = world.explain(request, now=now, counters=counters)
        ((standing,),) = (limit.standings for limit in explained.explanation.limits)
        told.append(standing.would_deny)
        counters = explained.counters
    assert told == [False, None, None, False]


def test_a_request_after_one_that_perhaps_exceeded_a_soft_limit_perhaps_says_so_of_itself() -> None:
    soft = SHADOW.replace("Shadow", "Soft")
    world, request = configuration(policy(soft)), ClientRequest(url="http://toys.x/toys")
    told, counters = [], None
    for now in (0.0, 63.0, 66.0, 200.0):
        explained = world.explain(request, now=now, counters=counters)
        assert explained.explanation.client is not None
        told.append("signals" in explained.explanation.client.not_known)
        counters = explained.counters
    assert told == [False, True, True, False]
