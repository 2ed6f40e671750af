"""Counts the work of queues under controller-runtime's names, from the first moment on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from prometheus_client import Counter, Gauge, Histogram

from kuadrant.operator.reconcile.queue_keys import Sort

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from kuadrant.operator.reconcile.queue_keys import Work

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""The buckets of what the operator does, from what one write takes."""
_RESULTS: Final = ("error", "requeue", "requeue_after", "success")


class _OfQueues:
    """Holds the metrics of queues."""

    def __init__(self, registry: CollectorRegistry) -> None:
        queue = ["name", "controller"]
        self.depth = Gauge("workqueue_depth", "Current depth of workqueue", queue, registry=registry)
        self.adds = Counter(
            "workqueue_adds", "Total number of adds handled by workqueue", queue, registry=registry
        )
        self.retries = Counter(
            "workqueue_retries", "Total number of retries handled by workqueue", queue, registry=registry
        )
        self.unfinished = Gauge(
            "workqueue_unfinished_work_seconds",
            "How many seconds of work has been done that is in progress and hasn't been observed by "
            "work_duration.",
            queue,
            registry=registry,
        )
        self.longest = Gauge(
            "workqueue_longest_running_processor_seconds",
            "How many seconds has the longest running processor for workqueue been running.",
            queue,
            registry=registry,
        )
        self.waiting = Histogram(
            "workqueue_queue_duration_seconds",
            "How long in seconds an item stays in workqueue before being requested",
            queue,
            buckets=SECONDS,
            registry=registry,
        )
        self.working = Histogram(
            "workqueue_work_duration_seconds",
            "How long in seconds processing an item from workqueue takes.",
            queue,
            buckets=SECONDS,
            registry=registry,
        )


class _OfControllers:
    """Holds the metrics of sorts of work, each of which is a controller, such as "gateway".

    They are there before anything happened, so that the first error is a change that can be seen.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        controller = ["controller"]
        self.reconciled = Counter(
            "controller_runtime_reconcile",
            "Total number of reconciliations per controller",
            ["controller", "result"],
            registry=registry,
        )
        self.errors = Counter(
            "controller_runtime_reconcile_errors",
            "Total number of reconciliation errors per controller",
            controller,
            registry=registry,
        )
        self.seconds = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Length of time per reconciliation per controller",
            controller,
            buckets=SECONDS,
            registry=registry,
        )
        self.active = Gauge(
            "controller_runtime_active_workers",
            "Number of currently used workers per controller",
            controller,
            registry=registry,
        )
        for name in get_args(Sort):
            for result in _RESULTS:
                self.reconciled.labels(name, result)
            for metric in (self.errors, self.seconds, self.active):
                metric.labels(name)


class WorkMetrics:
    """Holds the metrics of all work."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.queues = _OfQueues(registry)
        self.controllers = _OfControllers(registry)


class QueueMeter:
    """Measures one queue, as a `kuadrant.kube.retry_queue.Meter`; ``clock`` gives seconds that only grow."""

    def __init__(self, name: str, metrics: WorkMetrics, clock: Callable[[], float]) -> None:
        self._labels = labels = (name, name)
        self._queues = queues = metrics.queues
        self._controllers = metrics.controllers
        self._clock = clock
        self._began: dict[Work, float] = {}
        for metric in (queues.depth, queues.adds, queues.retries, queues.waiting, queues.working):
            metric.labels(*labels)
        queues.unfinished.labels(*labels).set_function(lambda: sum(self._running()))
        queues.longest.labels(*labels).set_function(lambda: max(self._running(), default=0.0))

    def added(self, work: Work) -> None:  # noqa: ARG002 - what it was for matters when it is done
        """Count work that came in."""
        self._queues.adds.labels(*self._labels).inc()
        self._queues.depth.labels(*self._labels).inc()

    def started(self, work: Work, waited: float) -> None:
        """Count work that begins, so many seconds after it could have begun."""
        self._began[work] = self._clock()
        self._queues.depth.labels(*self._labels).dec()
        self._queues.waiting.labels(*self._labels).observe(waited)
        self._controllers.active.labels(work.what).inc()

    def ended(self, work: Work, took: float, *, failed: bool) -> None:
        """Count work that is done, or has to be done again because it failed."""
        queues, controllers = self._queues, self._controllers
        self._began.pop(work, None)
        controllers.active.labels(work.what).dec()
        queues.working.labels(*self._labels).observe(took)
        controllers.seconds.labels(work.what).observe(took)
        controllers.reconciled.labels(work.what, "error" if failed else "success").inc()
        if failed:
            controllers.errors.labels(work.what).inc()
            queues.retries.labels(*self._labels).inc()

    def _running(self) -> list[float]:
        now = self._clock()
        return [now - began for began in self._began.values()]
