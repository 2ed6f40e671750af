"""Counts for Prometheus, under Limitador's names where Limitador has one."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    UntypedMetricFamily,
)
from prometheus_client.registry import Collector

from kuadrant.api.limit_calls import CallTotals, LimitCalls, ScopeCalls
from kuadrant.api.limit_mode import SOFT
from kuadrant.ratelimit.counter_shares import NEARLY
from kuadrant.ratelimit.durations import Durations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client import Metric

    from kuadrant.ratelimit.call_turns import Turns
    from kuadrant.ratelimit.caller_tokens import Callers
    from kuadrant.ratelimit.compiled_limits import CompiledLimits
    from kuadrant.ratelimit.counters import Counters
    from kuadrant.ratelimit.store_room import StoreRoom


class Calls:
    """The calls for one namespace.

    ``limited`` by the name of the limit that denied them, ``shadow_limited`` by those that would have,
    ``soft_exceeded`` by those that said so, and ``unknown`` for limits that are not held.
    """

    __slots__ = ("authorized", "hits", "limited", "shadow_limited", "soft_exceeded", "unknown")

    def __init__(self) -> None:
        self.authorized = 0
        self.hits = 0
        self.limited: Counter[str] = Counter()
        self.shadow_limited: Counter[str] = Counter()
        self.soft_exceeded: Counter[str] = Counter()
        self.unknown = 0


class Metrics(Collector):
    """Plain numbers that a call adds to, read when they are asked for.

    Namespaces without limits are counted together in ``unlimited``, so that a caller cannot make up series.
    Limitador's names lack the suffix that Prometheus wants of a counter, so those are exposed without a type.
    """

    def __init__(self, counters: Counters, store: StoreRoom, turns: Turns, callers: Callers) -> None:
        self.namespaces: dict[str, Calls] = {}
        self.unlimited = Calls()
        self.shadows: list[tuple[str, str]] = []
        self.errors: Counter[str] = Counter()
        self.closed = 0
        self.decisions = Durations()
        self.store_answers = Durations()
        self._counters = counters
        self._store = store
        self._turns = turns
        self._callers = callers
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def keep(self, held: Mapping[str, CompiledLimits]) -> None:
        """Have these namespaces, each with its limits.

        What was counted for those that were there before goes on.

        What limits denied that are gone is counted without a name.
        """
        self.shadows = sorted(
            {
                (name, one.name)
                for name, those in held.items()
                for one in those.asked
                if not one.percent and one.mode != SOFT
            }
        )
        self.namespaces = {name: self.namespaces.get(name) or Calls() for name in sorted(held)}
        for namespace, calls in self.namespaces.items():
            for counted in filter(None, (calls.limited, calls.shadow_limited, calls.soft_exceeded)):
                for gone in counted.keys() - held[namespace].names - {""}:
                    counted[""] += counted.pop(gone)

    def totals(self) -> CallTotals:
        """Return the calls of the namespaces that have had any, by limit where one had no room."""
        return CallTotals(
            scopes=tuple(
                ScopeCalls(
                    scope=name,
                    admitted=calls.authorized,
                    limits=tuple(
                        LimitCalls(
                            limit=one,
                            limited=calls.limited[one],
                            shadow=calls.shadow_limited[one],
                            soft=calls.soft_exceeded[one],
                        )
                        for one in sorted({*calls.limited, *calls.shadow_limited, *calls.soft_exceeded})
                    ),
                )
                for name, calls in self.namespaces.items()
                if calls.authorized or calls.limited
            ),
            failed=self.errors.total(),
        )

    def collect(self) -> Iterator[Metric]:
        """Everything, for a registry."""
        yield from self._of_calls()
        yield from self._of_service()
        yield from self._of_callers()
        yield from self._of_counters()
        yield from self._of_store()

    def _of_calls(self) -> Iterator[Metric]:
        label = ["limitador_namespace"]
        authorized = UntypedMetricFamily("authorized_calls", "Authorized calls", labels=label)
        hits = UntypedMetricFamily("authorized_hits", "Hits of authorized calls", labels=label)
        limited = UntypedMetricFamily("limited_calls", "Limited calls", labels=[*label, "limit_name"])
        for namespace, calls in self.namespaces.items():
            authorized.add_metric([namespace], calls.authorized)
            hits.add_metric([namespace], calls.hits)
            for name, number in sorted(calls.limited.items()):
                limited.add_metric([namespace, name], number)
        yield authorized
        yield hits
        yield limited
        yield from self._of_shadows()
        unknown = CounterMetricFamily(
            "kuadrant_ratelimit_unknown_limit_calls",
            (
                "Calls that asked for a limit of a policy that is not held, by namespace where limits of it "
                "are held"
            ),
            labels=label,
        )
        for namespace, calls in (*self.namespaces.items(), ("", self.unlimited)):
            unknown.add_metric([namespace], calls.unknown)
        yield unknown

    def _of_shadows(self) -> Iterator[Metric]:
        held = GaugeMetricFamily(
            "kuadrant_ratelimit_shadow_limit",
            "Limits that are held and refuse nobody",
            labels=["limitador_namespace", "limit_name"],
        )
        for of_limit in self.shadows:
            held.add_metric(of_limit, 1)
        yield held
        shadow = CounterMetricFamily(
            "kuadrant_ratelimit_shadow_limited_calls",
            "Calls for which a limit that is not enforced had no room",
            labels=["limitador_namespace", "limit_name"],
        )
        for namespace, calls in self.namespaces.items():
            for name, number in sorted(calls.shadow_limited.items()):
                shadow.add_metric([namespace, name], number)
        yield shadow
        soft = CounterMetricFamily(
            "kuadrant_ratelimit_soft_exceeded_calls",
            "Calls for which a soft limit had no room, and that were marked or refused by another",
            labels=["limitador_namespace", "limit_name"],
        )
        for namespace, calls in self.namespaces.items():
            for name, number in sorted(calls.soft_exceeded.items()):
                soft.add_metric([namespace, name], number)
        yield soft

    def _of_service(self) -> Iterator[Metric]:
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
        yield self.decisions.family(
            "kuadrant_ratelimit_decision_seconds",
            "Time taken by decisions, that of a store among it; one that ends as an error counts",
        )
        yield CounterMetricFamily(
            "kuadrant_ratelimit_closed_connections",
            "Connections that were closed because they held memory that was short, or were too many",
            value=self.closed,
        )
        yield GaugeMetricFamily(
            "kuadrant_ratelimit_waiting_calls",
            "Calls of tenants that took more than their part of the time, waiting for their turn",
            value=self._turns.waiting,
        )

    def _of_callers(self) -> Iterator[Metric]:
        strangers = CounterMetricFamily(
            "kuadrant_ratelimit_stranger_calls",
            "Calls that do not show that they are of a gateway of this installation",
            labels=["answer"],
        )
        strangers.add_metric(["served"], self._callers.served)
        strangers.add_metric(["refused"], self._callers.refused)
        yield strangers
        yield GaugeMetricFamily(
            "kuadrant_ratelimit_gateways_only",
            "1 if none but gateways of this installation are served",
            value=self._callers.is_strict,
        )

    def _of_counters(self) -> Iterator[Metric]:
        shares = self._counters.shares
        yield GaugeMetricFamily(
            "kuadrant_ratelimit_counters", "Counters with values held", value=self._counters.held
        )
        yield GaugeMetricFamily(
            "kuadrant_ratelimit_counter_bytes", "Memory of counters with values", value=shares.held
        )
        yield GaugeMetricFamily(
            "kuadrant_ratelimit_counter_bytes_bound",
            "The most memory of counters with values",
            value=shares.bound,
        )
        yield from _use(
            "kuadrant_ratelimit_share_used_ratio",
            "How much of the memory that it may have a tenant's fullest limit has: at 1 its new values share "
            "a counter",
            "kuadrant_ratelimit_shares_nearly_used",
            "Tenants with a limit whose counters take more than 80 % of what they may",
            {name: shares.tenants_use(tenant) for name, tenant in shares.tenants.items()},
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

    def _of_store(self) -> Iterator[Metric]:
        yield self.store_answers.family(
            "datastore_latency", "Latency to the underlying counter datastore, in seconds"
        )
        yield from _use(
            "kuadrant_ratelimit_store_share_used_ratio",
            "How much of the store's memory that it may have a tenant's limit has, of which this process "
            "opened a counter last: at 1 its new values share a counter",
            "kuadrant_ratelimit_store_shares_nearly_used",
            "Tenants of whom that is more than 80 %",
            self._store.used(time.monotonic()),
        )
        yield CounterMetricFamily(
            "kuadrant_ratelimit_store_counters_shared",
            "Counters in the store that this process opened for new values to share",
            value=self._store.shared,
        )


def _use(
    of_each: str, words_of_each: str, of_all: str, words_of_all: str, used: Mapping[str, float]
) -> Iterator[Metric]:
    """Yield how much of its share each tenant uses, and how many use nearly all, under these names."""
    use = GaugeMetricFamily(of_each, words_of_each, labels=["tenant"])
    for tenant, ratio in used.items():
        use.add_metric([tenant], ratio)
    yield use
    yield GaugeMetricFamily(of_all, words_of_all, value=sum(ratio >= NEARLY for ratio in used.values()))
