"""Two policies of which only some modules can be told."""

WORLD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: default}
spec:
  gatewayClassName: istio
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: toystore, namespace: default}
spec:
  parentRefs: [{name: gw}]
  hostnames: [api.toystore.com]
  rules: [{matches: [{path: {type: PathPrefix, value: /}}]}]
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: for-all, namespace: default}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: gw}
  defaults: {limits: {all: {rates: [{limit: 5, window: 10s}]}}}
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: own, namespace: default}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits:
    per-user:
      rates: [{limit: 1, window: 10s}]
      when: [{predicate: "'x-user' in request.headers"}]
      counters: [{expression: "request.headers['x-user']"}]
"""
