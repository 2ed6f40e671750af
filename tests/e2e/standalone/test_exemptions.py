"""What is not limited, though a policy of the Gateway limits all else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e

POLICY = """
---
apiVersion: kuadrant.io/%s
kind: RateLimitPolicy
metadata: {name: %s, namespace: default}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: %s, name: %s}
"""
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: default}
spec:
  gatewayClassName: kuadrant
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
ROUTE = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %s, namespace: default}
spec:
  parentRefs: [{name: gw}]
  hostnames: [%s.example.com]
  rules: [{backendRefs: [{name: app, port: 80}]}]
"""


def test_a_route_with_a_policy_that_is_only_a_target_is_out_of_that_of_its_gateway(
    start: Callable[..., Kuadrant], tmp_path: Path
) -> None:
    limits = "  %s: {limits: {none: {rates: [{limit: 0, duration: 1, unit: minute}]}}}\n"
    policy = POLICY % ("v1beta2", "gw", "Gateway", "gw")
    (tmp_path / "routes.yaml").write_text(
        GATEWAY
        + ROUTE % ("free", "free")
        + ROUTE % ("out", "out")
        + POLICY % ("v1beta2", "out", "HTTPRoute", "out")
    )
    (tmp_path / "gateway-policy.yaml").write_text(policy + limits % "defaults")
    kuadrant = start(tmp_path, "--echo")

    def statuses() -> list[int]:
        return [kuadrant.request("GET", "/", f"{host}.example.com").status for host in ("free", "out")]

    assert statuses() == [429, 200]
    kuadrant.change("gateway-policy.yaml", policy + limits % "overrides")
    assert statuses() == [429, 429]
