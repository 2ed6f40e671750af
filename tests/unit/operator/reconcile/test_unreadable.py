"""A tenant's route that gateways serve has the limits of its Gateway, whatever else he writes into it."""

from __future__ import annotations

from typing import Any

from kuadrant.operator.core import kinds
from tests.unit.operator.cluster import PLUGIN, enforcing

GATEWAY_POLICY = {
    "apiVersion": "kuadrant.io/v1",
    "kind": "RateLimitPolicy",
    "metadata": {"name": "all", "namespace": PLUGIN[0], "generation": 1},
    "spec": {
        "targetRef": {
            "group": "gateway.networking.k8s.io",
            "kind": "Gateway",
            "name": "istio-ingressgateway",
        },
        "limits": {"all": {"rates": [{"limit": 5, "window": "10s"}]}},
    },
}
ROUTE = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "hostile", "namespace": "hostile"},
    "spec": {
        "parentRefs": [{"name": "istio-ingressgateway", "namespace": PLUGIN[0]}],
        "hostnames": ["hostile.example"],
        "rules": [
            {
                # The definition has no pattern for it, and Envoy takes any text.
                "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["a b"]}}],
                "backendRefs": [{"name": "x", "port": 80}],
            }
        ],
    },
}


async def test_a_filter_that_we_cannot_read_takes_no_limit_away() -> None:
    async with enforcing() as run:
        run.api.put(GATEWAY_POLICY)
        run.api.put(ROUTE)

        def limited_hosts() -> list[str]:
            # The service holds whatever it is told.
            run.api.hold()
            plugin: dict[str, Any] = run.api.get(kinds.OF_PROVIDERS["WasmPlugin"], PLUGIN)
            return [
                host["hostname"]
                for host in plugin["spec"]["pluginConfig"]["hosts"]
                if any(rule["actions"] for rule in host["rules"])
            ]

        await run.until(lambda: "hostile.example" in limited_hosts())
