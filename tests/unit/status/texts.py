"""Gateways, routes and policies as YAML texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.api.meta import Condition

    Statuses = Callable[..., dict[str, dict[str, Condition]]]


GATEWAYS = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: a, namespace: ns}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: b, namespace: ns}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""


def route_text(name: str, *parents: str) -> str:
    references = ", ".join(f"{{name: {parent}}}" for parent in parents)
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: ns}}
spec: {{parentRefs: [{references}], hostnames: [{name}.example.com]}}
"""


V1_RATE = "rates: [{limit: 5, window: 10s}]"


V1BETA2_RATE = "rates: [{limit: 5, duration: 10, unit: second}]"


def policy_text(
    version: str,
    name: str,
    kind: str,
    target: str,
    block: str = "defaults",
    *,
    limit: str = "",
    created: str = "",
) -> str:
    rate = V1_RATE if version == "v1" else V1BETA2_RATE
    age = f', creationTimestamp: "{created}"' if created else ""
    return f"""
---
apiVersion: kuadrant.io/{version}
kind: RateLimitPolicy
metadata: {{name: {name}, namespace: ns{age}}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: {kind}, name: {target}}}
  {block}: {{limits: {{x: {{{rate}{limit}}}}}}}
"""
