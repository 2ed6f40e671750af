"""The two Gateways that a case has which is written by hand, as documents of YAML."""

from __future__ import annotations

from typing import Final

GATEWAYS: Final = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {namespace: gw, name: g0}
spec:
  gatewayClassName: any
  listeners: [{name: l0, port: 80, protocol: HTTP}, {name: l1, port: 81, protocol: HTTP, hostname: "*.x"}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {namespace: gw, name: g1}
spec: {gatewayClassName: any, listeners: [{name: l0, port: 80, protocol: HTTP}]}
---
"""
