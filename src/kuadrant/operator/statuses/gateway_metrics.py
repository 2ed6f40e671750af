"""Tells how gateways stand and what namespaces ask for, in numbers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from prometheus_client.core import GaugeMetricFamily

from kuadrant.status import STATES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client import Metric

    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.accepted_policies import AcceptedPolicies
    from kuadrant.operator.core.decision import GatewayDecision
    from kuadrant.status import Report

_NAMESPACES: Final = 100
"""So many namespaces are told of: who can make namespaces is not to fill whoever reads the metrics."""


def gateway_metrics(gateways: Mapping[Key, GatewayDecision], report: Report) -> Iterator[Metric]:
    """Yield the metrics of gateways.

    Args:
        gateways: what was decided for each.
        report: what is known of their pods; only the replica that leads hears what pods say to each of them.
    """
    by_provider = GaugeMetricFamily(
        "kuadrant_gateways", "Gateways, by the provider that serves them", labels=["provider"]
    )
    providers = ("" if one.provider is None else one.provider.NAME for one in gateways.values())
    for provider, number in sorted(Counter(providers).items()):
        by_provider.add_metric([provider], number)
    yield by_provider
    pods = GaugeMetricFamily(
        "kuadrant_gateway_pods",
        "Ready pods of limited gateways, by how what they run stands to what is wanted; the leader tells it",
        labels=["gateway", "delivery", "state"],
    )
    for gateway in report.gateways if report.leads else ():
        if gateway.limited:
            states = Counter(line.state for line in gateway.pods if line.ready)
            for state in STATES:
                pods.add_metric([gateway.gateway, gateway.delivery, state], states[state])
    yield pods


def budget_metrics(accepted: AcceptedPolicies) -> Iterator[Metric]:
    """Yield what policies of a namespace may ask for, and what those of the greediest ones do."""
    budgets = {"rates": accepted.budgets.namespace_rates, "bytes": accepted.budgets.namespace_bytes}
    most = GaugeMetricFamily(
        "kuadrant_namespace_budget", "What the policies of a namespace may ask for", labels=["of"]
    )
    used = GaugeMetricFamily(
        "kuadrant_namespace_used",
        f"What the policies of a namespace ask for, of the {_NAMESPACES} that use the most of their budgets",
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
