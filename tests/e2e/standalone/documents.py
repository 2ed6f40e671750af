"""Documents with a gateway, and texts of routes and policies for it."""

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
