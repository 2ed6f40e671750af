"""That one rate always refuses before another: held to the counters themselves."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kuadrant.api.limitador import Limit
from kuadrant.findings.reach_findings import never_more
from kuadrant.policy.model import Rate
from kuadrant.reference_model.counters import Counters

RATES = st.builds(Rate, max_value=st.integers(0, 6), seconds=st.integers(1, 6))


def counters(other: Rate, one: Rate) -> Counters:
    """Both rates; requests with the entry ``both`` are counted by both, the rest by the other one alone."""
    return Counters(
        (
            Limit(namespace="s", max_value=other.max_value, seconds=other.seconds, name="other"),
            Limit(
                namespace="s",
                max_value=one.max_value,
                seconds=one.seconds,
                conditions=('descriptors[0]["both"] == "1"',),
                name="one",
            ),
        )
    )


def refused_alone(other: Rate, one: Rate, requests: list[tuple[float, bool]]) -> bool:
    """Whether the second rate refuses a request that the first one would have let through."""
    held, now = counters(other, one), 0.0
    for wait, both in requests:
        now += wait
        entries = (("both", "1"),) if both else (("only", "1"),)
        answer, held = held.ask("s", entries, now)
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
