"""Tells how policies stand, in numbers: as Kuadrant's operator does, and for each policy."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Final

from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client import Metric

    from kuadrant.kube.kind import Key
    from kuadrant.policy.model import Target
    from kuadrant.status import PolicyStatus

KIND: Final = "RateLimitPolicy"
MOST_POLICIES: Final = 1000
"""So many policies are told of one by one: who can make policies is not to fill whoever reads the metrics."""
_POLICY: Final = ("kind", "namespace", "name")
_TARGET: Final = ("target_kind", "target_namespace", "target_name")


def policy_metrics(
    statuses: Mapping[Key, PolicyStatus], targets: Mapping[Key, Target], most: int = MOST_POLICIES
) -> Iterator[Metric]:
    """Yield the metrics of policies, as a registry collects them.

    Args:
        statuses: what is said of each policy.
        targets: what each policy in effect is attached to.
        most: how many policies are told of one by one (see `told_policies`).
    """
    yield from _totals(statuses)
    yield _findings(statuses)
    info = GaugeMetricFamily(
        "kuadrant_policy_info",
        f"1 for each policy, with what it is attached to (nothing while none of its forms was accepted); of "
        f"{MOST_POLICIES:,} policies at most, those that are not enforced first, of each namespace in turn",
        labels=[*_POLICY, *_TARGET],
    )
    conditions = GaugeMetricFamily(
        "kuadrant_policy_condition",
        "1 for each condition of the policies that kuadrant_policy_info has, with its status and reason",
        labels=[*_POLICY, "type", "status", "reason"],
    )
    for key in told_policies(statuses, most):
        target = targets.get(key)
        to = ("", "", "") if target is None else (target.kind, target.namespace, target.name)
        info.add_metric([KIND, *key, *to], 1)
        for one in statuses[key].conditions:
            conditions.add_metric([KIND, *key, one.type, one.status, one.reason], 1)
    yield info
    yield conditions


def told_policies(statuses: Mapping[Key, PolicyStatus], most: int) -> list[Key]:
    """Return the policies that are told of one by one, ``most`` of them.

    Those of each namespace come in turn, so that none is filled up by another, and those that are not
    enforced before the others.
    """
    by_namespace: defaultdict[str, list[Key]] = defaultdict(list)
    for key in sorted(statuses, key=lambda key: (is_enforced(statuses[key]), key)):
        by_namespace[key[0]].append(key)
    turns = ((turn, key) for keys in by_namespace.values() for turn, key in enumerate(keys))
    return [key for _, key in islice(sorted(turns), most)]


def is_enforced(status: PolicyStatus) -> bool:
    """Tell whether a policy is said to be enforced."""
    return any(one.type == "Enforced" and one.status == "True" for one in status.conditions)


def _totals(statuses: Mapping[Key, PolicyStatus]) -> Iterator[Metric]:
    total = GaugeMetricFamily(
        "kuadrant_policies_total", "Total number of Kuadrant policies by kind", labels=["kind"]
    )
    total.add_metric([KIND], len(statuses))
    yield total
    enforced = GaugeMetricFamily(
        "kuadrant_policies_enforced",
        "Number of Kuadrant policies by kind and enforcement status",
        labels=["kind", "status"],
    )
    number = sum(map(is_enforced, statuses.values()))
    enforced.add_metric([KIND, "true"], number)
    enforced.add_metric([KIND, "false"], len(statuses) - number)
    yield enforced
    policies = GaugeMetricFamily(
        "kuadrant_policies",
        "RateLimitPolicies, by what their conditions say",
        labels=["condition", "status", "reason"],
    )
    conditions = (
        (condition.type, condition.status, condition.reason)
        for status in statuses.values()
        for condition in status.conditions
    )
    for labels, count in sorted(Counter(conditions).items()):
        policies.add_metric([*labels], count)
    yield policies


def _findings(statuses: Mapping[Key, PolicyStatus]) -> Metric:
    findings = GaugeMetricFamily(
        "kuadrant_policy_findings",
        "What RateLimitPolicies are hardly meant to say, by the code of the finding",
        labels=["code", "severity"],
    )
    found = ((one.code, one.severity) for status in statuses.values() for one in status.remarks)
    for labels, number in sorted(Counter(found).items()):
        findings.add_metric([*labels], number)
    return findings
