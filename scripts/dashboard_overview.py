"""The dashboard that tells whether all is well."""

from __future__ import annotations

from typing import Final

from scripts.dashboard_records import Dashboard, Panel, Query


def _stat(title: str, tells: str, expression: str, *, good: float, least: bool = True) -> Panel:
    return Panel(title, tells, (Query(expression),), "stat", good=good, least=least, width=4)


_NOT_ENFORCED: Final = (
    'max by (kind, namespace, name) (kuadrant_policy_condition{type="Enforced", status!="True"})'
)
_LABELS: Final = "target_kind, target_namespace, target_name"
_TARGET: Final = f"max by (kind, namespace, name, {_LABELS}) (kuadrant_policy_info)"

OVERVIEW: Final = Dashboard(
    name="overview",
    title="Kuadrant / Overview",
    about="Whether policies are in effect, and what does not work.",
    choices={},
    rows={
        "Now": (
            _stat(
                "Installation",
                "1: the Kuadrant is Ready. Its conditions say why it is not.",
                "max(kuadrant_ready)",
                good=1,
            ),
            _stat(
                "Rate limit service",
                "1: it has taken its limits.",
                'max(kuadrant_component_ready{component="limitador"})',
                good=1,
            ),
            _stat(
                "Leader",
                "1: one replica of the operator writes.",
                "sum(leader_election_master_status)",
                good=1,
            ),
            _stat("Policies", "RateLimitPolicies.", "max(kuadrant_policies_total)", good=0),
            _stat(
                "Not enforced",
                "Policies that are not said to be enforced.",
                'max(kuadrant_policies_enforced{status="false"})',
                good=0,
                least=False,
            ),
            _stat(
                "Errors",
                "Calls of the rate limit service that end as an error, of all.",
                "sum(rate(kuadrant_ratelimit_errors_total[5m])) "
                "/ sum(rate(kuadrant_ratelimit_decision_seconds_count[5m])) or vector(0)",
                good=0.001,
                least=False,
            ),
        ),
        "Policies": (
            Panel(
                "Policies that are not enforced",
                "Each with what it is attached to; `kuadrant status policy NAME` says what is missing.",
                (Query(f"{_NOT_ENFORCED} * on (kind, namespace, name) group_left ({_LABELS}) {_TARGET}"),),
                "table",
            ),
            Panel(
                "Policies by condition",
                "docs/reasons.md says what each reason means.",
                (
                    Query(
                        "max by (condition, status, reason) (kuadrant_policies)",
                        "{{condition}}={{status}} {{reason}}",
                    ),
                ),
            ),
            Panel(
                "Findings",
                "What policies are hardly meant to say; docs/findings.md explains each code.",
                (Query("max by (severity, code) (kuadrant_policy_findings)", "{{severity}} {{code}}"),),
            ),
            Panel(
                "Requests at gateways",
                "Those that a limit was asked for, those that were refused, and those without an answer.",
                (
                    Query("sum(rate(kuadrant_requests[5m]))", "asked for"),
                    Query("sum(rate(kuadrant_limited[5m]))", "limited"),
                    Query("sum(rate(kuadrant_errors[5m]))", "errors"),
                ),
                unit="reqps",
            ),
        ),
        "The operator": (
            Panel(
                "Time to decide",
                "From a change to what every gateway is to do.",
                (
                    Query(
                        "histogram_quantile(0.99, sum by (le) (rate(kuadrant_compile_seconds_bucket[5m])))",
                        "p99",
                    ),
                    Query(
                        "histogram_quantile(0.5, sum by (le) (rate(kuadrant_compile_seconds_bucket[5m])))",
                        "p50",
                    ),
                ),
                unit="s",
            ),
            Panel(
                "Reconciliations",
                "Errors are tried again later and later; the log says what was refused.",
                (
                    Query(
                        "sum by (controller, result) (rate(controller_runtime_reconcile_total[5m])) > 0",
                        "{{controller}} {{result}}",
                    ),
                ),
                unit="reqps",
            ),
            Panel(
                "Work that waits",
                "It goes up while thousands of objects change, and down again.",
                (Query("sum by (name) (workqueue_depth)", "{{name}}"),),
            ),
            Panel(
                "Memory and processor",
                "Of each replica.",
                (Query("process_resident_memory_bytes", "{{pod}}"),),
                unit="bytes",
            ),
        ),
    },
)
