"""The dashboard of gateways and the way of the module to them."""

from __future__ import annotations

from typing import Final

from scripts.dashboard_records import Dashboard, Panel, Query

_RELOAD: Final = "envoy_wasm_.*kuadrant.*_vm_reload"
"""The plugin's name is part of the metric's."""

DELIVERY: Final = Dashboard(
    name="delivery",
    title="Kuadrant / Delivery",
    about="Which gateways run what they are to run, and how the module gets there.",
    choices={"gateway": "kuadrant_gateway_pods"},
    rows={
        "Gateways": (
            Panel(
                "Gateways by provider",
                "Without a provider nothing can be limited there.",
                (Query("max by (provider) (kuadrant_gateways)", "{{provider}}"),),
            ),
            Panel(
                "Pods by what they run",
                "By push, pods say so themselves; by pull, nobody does (unknown).",
                (
                    Query(
                        'sum by (delivery, state) (kuadrant_gateway_pods{gateway=~"$gateway"})',
                        "{{delivery}} {{state}}",
                    ),
                ),
            ),
            Panel(
                "Pods that are behind or refuse",
                "`kuadrant status gateway NAME` shows each with Envoy's words.",
                (
                    Query(
                        "sum by (gateway, state) "
                        '(kuadrant_gateway_pods{gateway=~"$gateway", state=~"behind|refused"}) > 0'
                    ),
                ),
                "table",
            ),
            Panel(
                "Refused by Envoy or the module",
                "Listeners that Envoy refused, and configurations that the module could not take.",
                (
                    Query("sum(increase(envoy_listener_manager_lds_update_rejected[5m]))", "listeners"),
                    Query("sum(increase(kuadrant_configurations_refused[5m]))", "configurations"),
                ),
            ),
        ),
        "The module": (
            Panel(
                "Answers of the module server",
                "By status and who asked; 499 is a client that went away.",
                (
                    Query(
                        "sum by (client, status) (rate(kuadrant_wasm_fetches_total[5m]))",
                        "{{client}} {{status}}",
                    ),
                ),
                unit="reqps",
            ),
            Panel(
                "Since a module was last given to anybody",
                "By version.",
                (Query("min by (version) (kuadrant_wasm_seconds_since_last_fetch)", "{{version}}"),),
                unit="s",
            ),
            Panel(
                "Fetches that failed, and restarts of the module",
                "At gateways.",
                (
                    Query("sum(increase(envoy_wasm_remote_load_fetch_failures[5m]))", "fetches that failed"),
                    Query(f'sum(increase({{__name__=~"{_RELOAD}"}}[5m]))', "begun anew"),
                    Query(
                        f'sum(increase({{__name__=~"{_RELOAD}_failure"}}[5m]))',
                        "did not come back",
                    ),
                ),
            ),
            Panel(
                "Closed by the push server",
                "docs/reasons.md says what each reason means.",
                (Query("sum by (reason) (rate(kuadrant_push_refusals_total[5m])) > 0", "{{reason}}"),),
                unit="reqps",
            ),
        ),
        "Budgets": (
            Panel(
                "Namespaces by what they ask for",
                "Of their budget (docs/budgets.md): beyond 1 the youngest policies go without.",
                (
                    Query(
                        "topk(10, max by (namespace, of) (kuadrant_namespace_used) "
                        "/ on (of) group_left max by (of) (kuadrant_namespace_budget))",
                        "{{namespace}} {{of}}",
                    ),
                ),
                unit="percentunit",
                width=24,
            ),
        ),
    },
)
