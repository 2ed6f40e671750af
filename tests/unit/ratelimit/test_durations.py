"""Durations are counted in buckets, as Prometheus reads them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from kuadrant.ratelimit.durations import BOUNDS, Durations


@given(st.lists(st.floats(0, 1) | st.sampled_from(BOUNDS), max_size=30))
def test_buckets_are_those_of_prometheus_own_histogram(seconds: list[float]) -> None:
    registry = CollectorRegistry()
    theirs, ours = Histogram("some", "Words", buckets=BOUNDS, registry=registry), Durations()
    for one in seconds:
        theirs.observe(one)
        ours.add(one)
    (expected,) = registry.collect()
    told = {(one.name, one.labels.get("le")): one.value for one in ours.family("some", "Words").samples}
    assert told == {
        (one.name, one.labels.get("le")): one.value
        for one in expected.samples
        if not one.name.endswith("_created")
    }
