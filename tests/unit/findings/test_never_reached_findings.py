"""That one rate always refuses before another: held to the counters themselves."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kuadrant.api.limitador import Limit
from kuadrant.findings.never_reached_findings import Counting, never_more, refuses_before
from kuadrant.policy.model import Rate
from kuadrant.reference_model.counters import Counters

RATES = st.builds(Rate, max_value=st.integers(0, 6), seconds=st.integers(1, 6))


COUNTINGS = st.builds(
    Counting,
    RATES,
    st.sampled_from(["FixedWindow", "SlidingWindow", "TokenBucket"]),
    burst=st.integers(1, 6),
)


def counters(other: Counting, one: Counting) -> Counters:
    """Both rates; requests with the entry ``both`` are counted by both, the rest by the other one alone."""
    return Counters((held(other, "other"), held(one, "one", ('descriptors[0]["both"] == "1"',))))


def held(counting: Counting, name: str, conditions: tuple[str, ...] = ()) -> Limit:
    limit = Limit(
        namespace="s",
        max_value=counting.rate.max_value,
        seconds=counting.rate.seconds,
        conditions=conditions,
        name=name,
    )
    is_fixed = counting.algorithm == "FixedWindow"
    return limit if is_fixed else replace(limit, algorithm=counting.algorithm, burst=counting.burst)


def refused_alone(other: Rate | Counting, one: Rate | Counting, requests: list[tuple[float, bool]]) -> bool:
    """Whether the second rate refuses a request that the first one would have let through."""
    countings = [part if isinstance(part, Counting) else Counting(part) for part in (other, one)]
    counted, now = counters(*countings), 0.0
    for wait, both in requests:
        now += wait
        entries = (("both", "1"),) if both else (("only", "1"),)
        answer, counted = counted.ask("s", entries, now)
        if answer.limited:
            by_name = {standing.limit.name: standing for standing in answer.standings}
            if "one" in by_name and by_name["one"].remaining == 0 and by_name["other"].remaining > 0:
                return True
    return False


@settings(max_examples=400)
@given(RATES, RATES, st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.5]), st.booleans())))
def test_what_is_never_reached_never_refuses(
    other: Rate, one: Rate, requests: list[tuple[float, bool]]
) -> None:
    if never_more(other, one, together=False):
        assert not refused_alone(other, one, requests)
    if never_more(other, one, together=True):
        assert not refused_alone(other, one, [(wait, True) for wait, _ in requests])


@given(RATES, RATES)
def test_what_may_be_reached_is_reached_by_some_requests(other: Rate, one: Rate) -> None:
    """The most that the other rate lets through: the end of one window of it, and all of the next ones."""
    if never_more(other, one, together=False):
        return
    begin = [(0.0, False), *[(other.seconds - 0.5, True)] * min(other.max_value - 1, 1)]
    begin += [(0.0, True)] * (other.max_value - 2)
    burst = [(0.5, True), *[(0.0, True)] * other.max_value]
    following = [(float(other.seconds), True), *[(0.0, True)] * other.max_value]
    windows = [*burst, *following * (one.seconds // other.seconds + 1)]
    later = [(float(10 * one.seconds), False), *windows]
    assert refused_alone(other, one, [*begin, *windows]) or refused_alone(other, one, later)


@settings(max_examples=500)
@given(
    COUNTINGS, COUNTINGS, st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0, 3.0]), st.booleans()))
)
def test_whichever_way_they_count_what_is_never_reached_never_refuses(
    other: Counting, one: Counting, requests: list[tuple[float, bool]]
) -> None:
    if refuses_before(other, one, together=False):
        assert not refused_alone(other, one, requests)
    if refuses_before(other, one, together=True):
        both = [(wait, True) for wait, _ in requests]
        assert not refused_alone(other, one, both)
