"""What the rate limit service counts, under Limitador's names where Limitador has one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    SummaryMetricFamily,
    UntypedMetricFamily,
)
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from kuadrant.ratelimit.counters import Counters


class Calls:
    """The calls for one namespace; ``limited`` by the name of the limit that denied them."""

    __slots__ = ("authorized", "hits", "limited")

    def __init__(self) -> None:
        self.authorized = 0
        self.hits = 0
        self.limited: Counter[str] = Counter()


class Metrics(Collector):
    """Plain numbers that a call adds to, read when they are asked for.

    Namespaces without limits are counted together in ``unlimited``, so that a caller cannot make up series.
    Limitador's names lack the suffix that Prometheus wants of a counter, so those are exposed without a type.
    """

    def __init__(self, counters: Counters, *, limit_names: bool) -> None:
        self.namespaces: dict[str, Calls] = {}
        self.unlimited = Calls()
        self.errors: Counter[str] = Counter()
        self.calls = 0
        self.seconds = 0.0
        self._counters = counters
        self._limit_names = limit_names
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def keep(self, namespaces: set[str]) -> None:
        """Have these namespaces; what was counted for those that were there before goes on."""
        self.namespaces = {name: self.namespaces.get(name) or Calls() for name in sorted(namespaces)}

    def collect(self) -> Iterator[Metric]:
        """Everything, for a registry."""
        label = ["limitador_namespace"]
        authorized = UntypedMetricFamily("authorized_calls", "Authorized calls", labels=label)
        hits = UntypedMetricFamily("authorized_hits", "Hits of authorized calls", labels=label)
        limited = UntypedMetricFamily(
            "limited_calls", "Limited calls", labels=[*label, "limit_name"] if self._limit_names else label
        )
        for namespace, calls in self.namespaces.items():
            authorized.add_metric([namespace], calls.authorized)
            hits.add_metric([namespace], calls.hits)
            if not self._limit_names:
                limited.add_metric([namespace], calls.limited.total())
                continue
            for name, number in sorted(calls.limited.items()):
                limited.add_metric([namespace, name], number)
        yield authorized
        yield hits
        yield limited
        yield GaugeMetricFamily("limitador_up", "Limitador is running", value=1)
        yield CounterMetricFamily(
            "kuadrant_ratelimit_unlimited_calls",
            "Authorized calls for namespaces without limits",
            value=self.unlimited.authorized,
        )
        errors = CounterMetricFamily(
            "kuadrant_ratelimit_errors", "Calls answered with an error", labels=["code"]
        )
        for code, number in sorted(self.errors.items()):
            errors.add_metric([code], number)
        yield errors
        yield SummaryMetricFamily(
            "kuadrant_ratelimit_decision_seconds",
            "Time taken by decisions",
            count_value=self.calls,
            sum_value=self.seconds,
        )
        yield GaugeMetricFamily(
            "kuadrant_ratelimit_counters", "Counters with values held", value=self._counters.held
        )
        yield GaugeMetricFamily(
            "kuadrant_ratelimit_counters_bound",
            "The most counters with values held",
            value=self._counters.bound,
        )
        yield CounterMetricFamily(
            "kuadrant_ratelimit_counters_expired",
            "Counters removed after their window was over",
            value=self._counters.expired,
        )
        yield CounterMetricFamily(
            "kuadrant_ratelimit_counters_shared",
            "Counters that new values had to share because the bound was reached",
            value=self._counters.shared,
        )
