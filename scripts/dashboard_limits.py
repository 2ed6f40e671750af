"""The dashboard of what limits admit and refuse."""

from __future__ import annotations

from typing import Final

from scripts.dashboard_records import Dashboard, Panel, Query

_OF_LIMIT: Final = '{limitador_namespace=~"$limitador_namespace"}'

LIMITS: Final = Dashboard(
    name="limits",
    title="Kuadrant / Limits",
    about="What limits admit and refuse, and how long that takes.",
    choices={"limitador_namespace": "authorized_calls"},
    rows={
        "Calls": (
            Panel(
                "Admitted and limited",
                "Calls of gateways, one for each request that a limit applies to.",
                (
                    Query(f"sum(rate(authorized_calls{_OF_LIMIT}[5m]))", "admitted"),
                    Query(f"sum(rate(limited_calls{_OF_LIMIT}[5m]))", "limited"),
                    Query(
                        f"sum(rate(kuadrant_ratelimit_shadow_limited_calls_total{_OF_LIMIT}[5m]))",
                        "would have been limited (shadow)",
                    ),
                ),
                unit="reqps",
            ),
            Panel(
                "Part that is limited",
                "Of all calls, by the namespace that they are counted under.",
                (
                    Query(
                        f"sum by (limitador_namespace) (rate(limited_calls{_OF_LIMIT}[5m])) "
                        f"/ (sum by (limitador_namespace) (rate(authorized_calls{_OF_LIMIT}[5m])) "
                        f"+ sum by (limitador_namespace) (rate(limited_calls{_OF_LIMIT}[5m])))",
                        "{{limitador_namespace}}",
                    ),
                ),
                unit="percentunit",
            ),
            Panel(
                "Limits that refuse most",
                "The ten that refused most calls within five minutes.",
                (
                    Query(
                        "topk(10, sum by (limitador_namespace, limit_name) "
                        f"(rate(limited_calls{_OF_LIMIT}[5m])))",
                        "{{limitador_namespace}} {{limit_name}}",
                    ),
                ),
                unit="reqps",
            ),
            Panel(
                "Limits in shadow that would refuse most",
                "What would be refused if they were enforced; a limit without a line refuses nobody.",
                (
                    Query(
                        "topk(10, sum by (limitador_namespace, limit_name) "
                        f"(rate(kuadrant_ratelimit_shadow_limited_calls_total{_OF_LIMIT}[5m])))",
                        "{{limitador_namespace}} {{limit_name}}",
                    ),
                ),
                unit="reqps",
            ),
        ),
        "The rate limit service": (
            Panel(
                "Time of a decision",
                "In memory and by the store, of all pods together.",
                tuple(
                    Query(
                        f"histogram_quantile({quantile}, sum by (le) "
                        "(rate(kuadrant_ratelimit_decision_seconds_bucket[5m])))",
                        f"p{name}",
                    )
                    for quantile, name in ((0.5, "50"), (0.99, "99"), (0.999, "99.9"))
                ),
                unit="s",
            ),
            Panel(
                "Errors by code",
                "The failure mode of the gateway decides what becomes of such a request.",
                (Query("sum by (code) (rate(kuadrant_ratelimit_errors_total[5m]))", "{{code}}"),),
                unit="reqps",
            ),
            Panel(
                "The store",
                "1: counters are in memory, or in a store that answers; and how long it takes to.",
                (
                    Query("min(kuadrant_ratelimit_store_up)", "up"),
                    Query(
                        "histogram_quantile(0.99, sum by (le) (rate(datastore_latency_bucket[5m])))",
                        "p99 in seconds",
                    ),
                ),
            ),
            Panel(
                "Memory of counters",
                "At the bound, new values share a counter.",
                (
                    Query("sum(kuadrant_ratelimit_counter_bytes)", "used"),
                    Query("sum(kuadrant_ratelimit_counter_bytes_bound)", "bound"),
                ),
                unit="bytes",
            ),
            Panel(
                "Tenants by the room of their fullest limit",
                "At 1 new values of that limit share a counter.",
                (Query("topk(10, max by (tenant) (kuadrant_ratelimit_share_used_ratio))", "{{tenant}}"),),
                unit="percentunit",
            ),
            Panel(
                "Calls of strangers",
                "Calls without the token of a gateway of this installation.",
                (Query("sum by (answer) (rate(kuadrant_ratelimit_stranger_calls_total[5m]))", "{{answer}}"),),
                unit="reqps",
            ),
        ),
    },
)
