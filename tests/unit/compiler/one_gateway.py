"""A Gateway, routes of it, and what else a test adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from kuadrant.api.documents import read

if TYPE_CHECKING:
    from kuadrant.api.objects import Objects

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: default}
spec:
  gatewayClassName: istio
  listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
"""


def route(name: str, namespace: str = "default") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  parentRefs: [{{name: gw, namespace: default}}]
  hostnames: [{name}.{namespace}.example]
  rules: [{{backendRefs: [{{name: app, port: 80}}]}}]
"""


def objects(*documents: str) -> Objects:
    text = GATEWAY + "".join(documents)
    folder = read([("all.yaml", text)])
    assert not folder.problems, (folder.problems, [*yaml.safe_load_all(text)])
    return folder.objects
