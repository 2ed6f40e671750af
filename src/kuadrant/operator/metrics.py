"""Counts what the operator does, for Prometheus.

Under controller-runtime's names where it means the same, so that its dashboards work, and under ours.
"""

from __future__ import annotations

from collections import Counter as Count
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from kuadrant.status import STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx2
    from prometheus_client import Metric

    from kuadrant.operator.reconcile.queue_keys import Work
    from kuadrant.operator.reconcile.reconciler import Reconciler
    from kuadrant.xds import Reason

_NAMESPACES: Final = 100
"""So many namespaces are told of: who can make namespaces is not to fill whoever reads the metrics."""
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counts into a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "rest_client_requests",
            "Number of HTTP requests, partitioned by status code, method, and host.",
            ["code", "method", "host"],
            registry=registry,
        )
        self._decisions = Histogram(
            "kuadrant_compile_seconds",
            "Time taken to decide, after a change, what every gateway has to do",
            buckets=_SECONDS,
            registry=registry,
        )
        self._refusals = Counter(
            "kuadrant_push_refusals",
            "Connections and streams that the push server closed, by why",
            ["reason"],
            registry=registry,
        )
        self._work = _WorkMetrics(registry)

    def page(self) -> bytes:
        """Return every metric, in Prometheus' text format."""
        return generate_latest(self.registry)

    def queue(self, name: str) -> QueueMeter:
        """Return a meter for a queue of that name, and the work from it."""
        return QueueMeter(name, self._work)

    def watch_client(self, client: httpx2.AsyncClient) -> None:
        """Count the answers that a client gets from now on."""

        async def count(response: httpx2.Response) -> None:
            request = response.request
            host = request.url.netloc.decode()
            self._requests.labels(str(response.status_code), request.method, host).inc()

        client.event_hooks = {"response": [count]}

    def watch_leadership(self, name: str, leads: Callable[[], bool]) -> None:
        """Show whether this replica leads."""
        Gauge(
            "leader_election_master_status",
            "Gauge of if the reporting system is master of the relevant lease, "
            "0 indicates backup, 1 indicates master.",
            ["name"],
            registry=self.registry,
        ).labels(name).set_function(leads)

    def watch_reconciler(self, reconciler: Reconciler) -> None:
        """Show what there is and how it stands, as far as this replica has decided about it."""
        self.registry.register(_Standing(reconciler))

    def refused(self, reason: Reason) -> None:
        """Count a connection or stream that the push server closed."""
        self._refusals.labels(reason).inc()

    def decided(self, seconds: float) -> None:
        """Count a decision."""
        self._decisions.observe(seconds)


class _WorkMetrics:
    """Holds the metrics of all queues."""

    def __init__(self, registry: CollectorRegistry) -> None:
        queue, controller = ["name", "controller"], ["controller"]
        self.depth = Gauge("workqueue_depth", "Current depth of workqueue", queue, registry=registry)
        self.adds = Counter(
            "workqueue_adds", "Total number of adds handled by workqueue", queue, registry=registry
        )
        self.retries = Counter(
            "workqueue_retries", "Total number of retries handled by workqueue", queue, registry=registry
        )
        self.waiting = Histogram(
            "workqueue_queue_duration_seconds",
            "How long in seconds an item stays in workqueue before being requested",
            queue,
            buckets=_SECONDS,
            registry=registry,
        )
        self.working = Histogram(
            "workqueue_work_duration_seconds",
            "How long in seconds processing an item from workqueue takes.",
            queue,
            buckets=_SECONDS,
            registry=registry,
        )
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
            buckets=_SECONDS,
            registry=registry,
        )
        self.active = Gauge(
            "controller_runtime_active_workers",
            "Number of currently used workers per controller",
            controller,
            registry=registry,
        )


class QueueMeter:
    """Measures one queue, as a `kuadrant.kube.retry_queue.Meter`.

    A controller is a kind of work, such as "gateway".
    """

    def __init__(self, name: str, metrics: _WorkMetrics) -> None:
        self._labels = (name, name)
        self._metrics = metrics

    def added(self, work: Work) -> None:  # noqa: ARG002 - what it was for matters when it is done
        """Count work that came in."""
        self._metrics.adds.labels(*self._labels).inc()
        self._metrics.depth.labels(*self._labels).inc()

    def started(self, work: Work, waited: float) -> None:
        """Count work that begins, so many seconds after it could have begun."""
        self._metrics.depth.labels(*self._labels).dec()
        self._metrics.waiting.labels(*self._labels).observe(waited)
        self._metrics.active.labels(work.what).inc()

    def ended(self, work: Work, took: float, *, failed: bool) -> None:
        """Count work that is done, or has to be done again because it failed."""
        metrics = self._metrics
        metrics.active.labels(work.what).dec()
        metrics.working.labels(*self._labels).observe(took)
        metrics.seconds.labels(work.what).observe(took)
        metrics.reconciled.labels(work.what, "error" if failed else "success").inc()
        if failed:
            metrics.errors.labels(work.what).inc()
            metrics.retries.labels(*self._labels).inc()


class _Standing(Collector):
    """Reads from a reconciler what is known when Prometheus asks."""

    def __init__(self, reconciler: Reconciler) -> None:
        self._reconciler = reconciler

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, for a registry."""
        gateways = GaugeMetricFamily(
            "kuadrant_gateways", "Gateways, by the provider that serves them", labels=["provider"]
        )
        providers = (
            "" if one.provider is None else one.provider.NAME for one in self._reconciler.gateways.values()
        )
        for provider, number in sorted(Count(providers).items()):
            gateways.add_metric([provider], number)
        yield gateways
        policies = GaugeMetricFamily(
            "kuadrant_policies",
            "RateLimitPolicies, by what their conditions say",
            labels=["condition", "status", "reason"],
        )
        conditions = (
            (condition.type, condition.status, condition.reason)
            for status in self._reconciler.policies.values()
            for condition in status.conditions
        )
        for labels, number in sorted(Count(conditions).items()):
            policies.add_metric([*labels], number)
        yield policies
        yield self._findings()
        yield from self._budgets()
        report = self._reconciler.report()
        if not report.leads:
            # The others do not hear what pods say to each of them.
            return
        pods = GaugeMetricFamily(
            "kuadrant_gateway_pods",
            "Ready pods of limited gateways, by how what they run stands to what is wanted",
            labels=["gateway", "delivery", "state"],
        )
        for gateway in report.gateways:
            if gateway.limited:
                states = Count(line.state for line in gateway.pods if line.ready)
                for state in STATES:
                    pods.add_metric([gateway.gateway, gateway.delivery, state], states[state])
        yield pods

    def _findings(self) -> Metric:
        findings = GaugeMetricFamily(
            "kuadrant_policy_findings",
            "What RateLimitPolicies are hardly meant to say, by the code of the finding",
            labels=["code", "severity"],
        )
        found = (
            (one.code, one.severity)
            for status in self._reconciler.policies.values()
            for one in status.remarks
        )
        for labels, number in sorted(Count(found).items()):
            findings.add_metric([*labels], number)
        return findings

    def _budgets(self) -> Iterator[Metric]:
        accepted = self._reconciler.accepted
        budgets = {"rates": accepted.budgets.namespace_rates, "bytes": accepted.budgets.namespace_bytes}
        most = GaugeMetricFamily(
            "kuadrant_namespace_budget", "What the policies of a namespace may ask for", labels=["of"]
        )
        used = GaugeMetricFamily(
            "kuadrant_namespace_used",
            f"What the policies of a namespace ask for, "
            f"of the {_NAMESPACES} that use the most of their budgets",
            labels=["namespace", "of"],
        )
        for what, budget in budgets.items():
            most.add_metric([what], budget)

        def share(namespace: str) -> tuple[float, str]:
            usage = namespaces[namespace]
            return (-max(getattr(usage, what) / budget for what, budget in budgets.items()), namespace)

        namespaces = accepted.namespaces
        for namespace in sorted(namespaces, key=share)[:_NAMESPACES]:
            for what in budgets:
                used.add_metric([namespace, what], getattr(namespaces[namespace], what))
        yield from (most, used)
