"""Counts what the operator does, for Prometheus.

Under controller-runtime's names where it means the same, so that its dashboards work, and under ours.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from kuadrant.operator.statuses.gateway_metrics import budget_metrics, gateway_metrics
from kuadrant.operator.statuses.installation_metrics import installation_metrics
from kuadrant.operator.statuses.policy_metrics import policy_metrics
from kuadrant.operator.work_metrics import SECONDS, QueueMeter, WorkMetrics
from kuadrant.xds import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import httpx2
    from prometheus_client import Metric

    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.accepted_policies import AcceptedPolicies
    from kuadrant.operator.core.decision import GatewayDecision
    from kuadrant.operator.statuses.installation_metrics import InstallationState
    from kuadrant.policy.model import Target
    from kuadrant.status import PolicyStatus, Report


class Standing(Protocol):
    """Tells how everything stands by the last decision."""

    @property
    def installation(self) -> InstallationState:
        """How the installation stands."""

    @property
    def gateways(self) -> Mapping[Key, GatewayDecision]:
        """What was decided for each gateway."""

    @property
    def policies(self) -> Mapping[Key, PolicyStatus]:
        """The status of each policy."""

    @property
    def targets(self) -> Mapping[Key, Target]:
        """The target of each policy that is in effect."""

    @property
    def accepted(self) -> AcceptedPolicies:
        """What namespaces ask for."""

    def report(self) -> Report:
        """Return what is known of pods."""


class Metrics:
    """Counts into a registry of its own."""

    def __init__(self) -> None:
        # A series beside each counter for when it was made, which controller-runtime does not have either.
        disable_created_metrics()  # type: ignore[no-untyped-call]
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
            buckets=SECONDS,
            registry=registry,
        )
        self._refusals = Counter(
            "kuadrant_push_refusals",
            "Connections and streams that the push server closed, by why",
            ["reason"],
            registry=registry,
        )
        for reason in get_args(Reason):
            self._refusals.labels(reason)
        self._certificate_end = Gauge(
            "kuadrant_push_certificate_expiry_timestamp_seconds",
            "When the certificate of the push server ends, in seconds since 1970; 0 where it is off",
            registry=registry,
        )
        self._work = WorkMetrics(registry)

    def page(self) -> bytes:
        """Return every metric, in Prometheus' text format."""
        return generate_latest(self.registry)

    def queue(self, name: str) -> QueueMeter:
        """Return a meter for a queue of that name, and the work from it."""
        return QueueMeter(name, self._work, time.monotonic)

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

    def watch_certificate(self, end: Callable[[], float]) -> None:
        """Show when the certificate of the push server ends, in seconds since 1970."""
        self._certificate_end.set_function(end)

    def watch_reconciler(self, reconciler: Standing) -> None:
        """Show what there is and how it stands, as far as this replica has decided about it."""
        self.registry.register(_Standings(reconciler))

    def refused(self, reason: Reason) -> None:
        """Count a connection or stream that the push server closed."""
        self._refusals.labels(reason).inc()

    def decided(self, seconds: float) -> None:
        """Count a decision."""
        self._decisions.observe(seconds)


class _Standings(Collector):
    """Reads from a reconciler what is known when Prometheus asks."""

    def __init__(self, reconciler: Standing) -> None:
        self._reconciler = reconciler

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, for a registry."""
        known = self._reconciler
        yield from installation_metrics(known.installation)
        yield from gateway_metrics(known.gateways, known.report())
        yield from policy_metrics(known.policies, known.targets)
        yield from budget_metrics(known.accepted)
