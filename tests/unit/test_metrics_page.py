"""docs/metrics.md has every metric that there is, and nothing else."""

from __future__ import annotations

import re

import pytest

from scripts.generate_metrics import PAGE, Told, page, sections


def test_what_is_checked_in_is_what_the_source_says() -> None:
    assert PAGE.read_text() == page(), "run `make generate`"


METRICS = [one for all_ in sections().values() for one in all_]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_has_a_meaning_and_a_name_as_prometheus_wants_it(metric: Told) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]+", metric.name)
    assert metric.meaning
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", label) for label in metric.labels)


def test_no_metric_is_told_twice() -> None:
    names = [one.name for one in METRICS]
    assert sorted(names) == sorted(set(names))
