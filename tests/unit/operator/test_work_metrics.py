"""Work is counted under controller-runtime's names, also before there is any."""

from __future__ import annotations

from typing import get_args

from prometheus_client import CollectorRegistry

from kuadrant.operator.reconcile.queue_keys import LIMITS, Sort
from kuadrant.operator.work_metrics import QueueMeter, WorkMetrics

OBJECTS = {"name": "objects", "controller": "objects"}


def test_everything_is_there_before_the_first_error() -> None:
    registry = CollectorRegistry()
    QueueMeter("objects", WorkMetrics(registry), lambda: 0.0)
    for controller in get_args(Sort):
        of = {"controller": controller}
        assert registry.get_sample_value("controller_runtime_reconcile_errors_total", of) == 0
        assert registry.get_sample_value("controller_runtime_reconcile_time_seconds_count", of) == 0
        assert registry.get_sample_value("controller_runtime_active_workers", of) == 0
        for result in ("error", "requeue", "requeue_after", "success"):
            found = registry.get_sample_value("controller_runtime_reconcile_total", {**of, "result": result})
            assert found == 0
    for name in ("depth", "adds_total", "retries_total", "queue_duration_seconds_count"):
        assert registry.get_sample_value(f"workqueue_{name}", OBJECTS) == 0


def test_work_under_way_is_told_by_how_long_it_has_taken() -> None:
    registry, now = CollectorRegistry(), [10.0]
    meter = QueueMeter("objects", WorkMetrics(registry), lambda: now[0])
    meter.added(LIMITS)
    meter.started(LIMITS, 0.5)
    now[0] = 14.0
    assert registry.get_sample_value("workqueue_unfinished_work_seconds", OBJECTS) == 4
    assert registry.get_sample_value("workqueue_longest_running_processor_seconds", OBJECTS) == 4
    meter.ended(LIMITS, 4.0, failed=True)
    assert registry.get_sample_value("workqueue_unfinished_work_seconds", OBJECTS) == 0
    assert registry.get_sample_value("workqueue_retries_total", OBJECTS) == 1
    errors = registry.get_sample_value("controller_runtime_reconcile_errors_total", {"controller": "limits"})
    assert errors == 1
