"""Write docs/metrics.md: every metric with its type, labels and meaning, or with --check compare it.

It is made from the registries that processes are asked for, and from the module's source.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prometheus_client import CollectorRegistry

from kuadrant.operator.core.accepted_policies import AcceptedPolicies
from kuadrant.operator.metrics import Metrics
from kuadrant.operator.statuses.installation_metrics import InstallationState
from kuadrant.policy.budgets import DEFAULT
from kuadrant.ratelimit import RateLimitService
from kuadrant.ratelimit_follower.gauges import show_gauges
from kuadrant.status import Report
from kuadrant.wasm.gateway_fetches import Fetches
from scripts.generated_page import write_or_check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "metrics.md"
MODULE: Final = ROOT / "wasm-shim" / "src" / "metrics.zig"
_HEAD: Final = """\
# Metrics

<!-- Made from the registries of the source by `make generate`. -->

What each process tells Prometheus. Where Limitador, Kuadrant's operator or controller-runtime has a metric of
the same meaning it has the same name here, so that their dashboards and alerts go on to work. Alerts,
dashboards and how to have all of it scraped: [monitoring.md](monitoring.md).

No label holds the value of a counter, or anything else that a client sends. Names of limits, policies and
namespaces are of those that there are, and their number is bounded: by the budgets of policies
([budgets.md](budgets.md)), else as the metric says. What a metric without a value has to say is nothing yet.
"""


class Told(NamedTuple):
    """A metric as it is told: with the suffix that counters have, and `untyped` where Limitador has none."""

    name: str
    type: str
    labels: tuple[str, ...]
    meaning: str


class _Nothing:
    """Knows of no cluster."""

    installation = InstallationState()
    accepted = AcceptedPolicies(DEFAULT)

    @property
    def gateways(self) -> dict[Any, Any]:
        return {}

    policies = targets = gateways

    def report(self) -> Report:
        return Report(leads=False)


def operator_metrics() -> list[Told]:
    """Return those of `kuadrant operator`."""
    metrics = Metrics()
    metrics.watch_leadership("f139389e.kuadrant.io", lambda: False)
    metrics.watch_reconciler(_Nothing())
    metrics.queue("objects")
    return _told(metrics.registry)


def service_metrics() -> list[Told]:
    """Return those of the rate limit service, in a cluster and in `kuadrant run`."""
    return _told(RateLimitService().registry)


def follower_metrics() -> list[Told]:
    """Return those of `kuadrant ratelimit` that `kuadrant run` does not have."""
    registry = CollectorRegistry()
    show_gauges(registry, generation=lambda: 0, store_up=lambda: True, following=lambda: True)
    return _told(registry)


def module_server_metrics() -> list[Told]:
    """Return those of who serves modules: the operator and `kuadrant run`."""
    return _told(Fetches((), lambda: 0.0).registry)


def envoy_metrics() -> list[Told]:
    """Return those that the module has Envoy tell, and those of Envoy that are about it."""
    (names,) = re.findall(r"pub const Counter = enum \{ (.+) \};", MODULE.read_text())
    (what,) = re.findall(r"pub const What = enum \{ (.+) \};", MODULE.read_text())
    own = [Told(f"kuadrant_{name}", "counter", (), _OF_MODULE[name]) for name in names.split(", ")]
    limit = ("kuadrant_limit", "kuadrant_scope")
    by_limit = [
        Told(f"kuadrant_{name}_by_limit", "counter", limit, _BY_LIMIT[name]) for name in what.split(", ")
    ]
    return [*own, *by_limit, *_OF_ENVOY]


_OF_MODULE: Final = {
    "requests": "Requests that a limit was asked for",
    "allowed": "Requests that were let through after that",
    "limited": "Requests that were answered as over a limit",
    "errors": "Requests without an answer of the rate limit service, or with an expression that failed",
    "configurations_refused": "Configurations that the module could not take",
    "remembered": "Answers that the module knew and did not ask for, nearly all of them of `limited`",
}
_BY_LIMIT: Final = {
    "limited": "Requests that were over this limit; 1,000 limits at most, others count as `other` "
    "([why.md](why.md#3-counters-by-limit) says how they become labels)",
    "shadow_limited": "Requests that this limit in shadow would have refused, if gateways count it "
    "(`scope: Gateway`); of others the rate limit service tells",
    "soft_exceeded": "Requests that were over this soft limit, likewise",
}
_OF_ENVOY: Final = [
    Told("envoy_wasm_remote_load_fetch_failures", "counter", (), "Fetches of the module that failed"),
    Told(
        "envoy_wasm_kuadrant_vm_reload",
        "counter",
        (),
        "Times that the module failed and was begun anew",
    ),
    Told(
        "envoy_wasm_kuadrant_vm_reload_failure", "counter", (), "Of these, the times that it did not come up"
    ),
    Told(
        "envoy_listener_manager_lds_update_rejected",
        "counter",
        (),
        "Listeners that Envoy refused, whoever they came from",
    ),
]


def _told(registry: CollectorRegistry) -> list[Told]:
    names = registry._names_to_collectors  # noqa: SLF001 - nothing else knows the labels of what has no values yet
    families = []
    for family in registry.collect():
        made_of: Any = family if hasattr(family, "_labelnames") else names[family.name]
        kind = "untyped" if family.type == "unknown" else family.type
        suffix = "_total" if kind == "counter" else ""
        labels = tuple(getattr(made_of, "_labelnames", ()))
        families.append(Told(family.name + suffix, kind, labels, family.documentation.rstrip(".")))
    return sorted(families)


_WHERE: Final = {
    "The operator": "`/metrics` on port 8080 of its pods.",
    "The module server": "Beside those of the operator, and on `--metrics-port` of `kuadrant run`.",
    "The rate limit service": """\
`/metrics` on port 8080 of its pods, and on `--metrics-port` of `kuadrant run`. What Limitador names without
the suffix `_total` it tells without a type.""",
    "The rate limit service of a cluster": "Beside those above.",
    "Gateways": """\
`/stats/prometheus` of Envoy. The module's own begin with `kuadrant_`, without `envoy_`. They are of the whole
process, and go when its last copy of the module goes. In the names of `vm_reload` and `vm_reload_failure` the
plugin's name stands where it is `kuadrant` with `kuadrant run`; in a cluster it is longer. Where Istio's
agent fetches the module, Envoy counts no fetches. A gateway of Istio that was deployed by hand needs the
annotations `prometheus.io/scrape: "true"` and `prometheus.io/port: "15020"`, which Istio gives to others.""",
}


def sections() -> dict[str, list[Told]]:
    """Return all metrics, by who tells them."""
    told = (operator_metrics, module_server_metrics, service_metrics, follower_metrics, envoy_metrics)
    return dict(zip(_WHERE, (metrics() for metrics in told), strict=True))


def page() -> str:
    """The text of the page."""
    lines = (line for title, metrics in sections().items() for line in _section(title, metrics))
    return "\n".join([_HEAD, *lines])


def _section(title: str, metrics: Iterable[Told]) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{_WHERE[title]}\n"
    yield "| metric | type | labels | meaning |"
    yield "|---|---|---|---|"
    yield from _rows(metrics)
    yield ""


def _rows(metrics: Iterable[Told]) -> Iterator[str]:
    for one in metrics:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        yield f"| `{one.name}` | {one.type} | {labels} | {one.meaning} |"


if __name__ == "__main__":
    write_or_check(PAGE, page(), "the source")
