"""Sound documents that have every kind and most fields, and what can become of them."""

from __future__ import annotations

from pathlib import Path

from kuadrant.standalone.folder_files import read
from tests.unit.mutations import Mutations

EXAMPLES = Path(__file__).parents[3] / "examples"
CORPUS = [file.text for name in ("toystore", "toystore-v1") for file in read(EXAMPLES / name)]
CORPUS.append(
    """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, labels: {a: b}, creationTimestamp: 2024-06-12T08:54:18Z}
spec:
  gatewayClassName: istio
  listeners:
  - {name: a, port: 80, protocol: HTTP, hostname: "*.a.com", allowedRoutes: {kinds: [{kind: HTTPRoute}],
     namespaces: {from: Selector, selector: {matchLabels: {a: b},
      matchExpressions: [{key: a, operator: In, values: [b]}]}}}}
  - {name: b, port: 443, protocol: HTTPS, tls: {mode: Terminate, certificateRefs: [{name: c}]}}
status:
  addresses: [{value: 10.0.0.1}]
  conditions: [{type: Programmed, status: "True"}]
  listeners: [{name: a}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all}
spec:
  parentRefs: [{name: gw, namespace: ns, sectionName: a, port: 80}]
  hostnames: [a.com, "*.b.com"]
  rules:
  - name: one
    matches:
    - path: {type: RegularExpression, value: "/a(b|c)+"}
      headers: [{name: x, value: v}, {name: z, type: RegularExpression, value: "^a.*"}]
      queryParams: [{name: q, value: v}]
    filters:
    - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}], remove: [c]}}
    - {type: RequestMirror, requestMirror: {backendRef: {name: m, port: 80}, fraction: {numerator: 1}}}
    - {type: CORS, cors: {allowOrigins: ["*"], maxAge: 10}}
    - {type: ExtensionRef, extensionRef: {group: a.b, kind: C, name: d}}
    backendRefs: [{name: s, port: 80, weight: 3, filters: []}]
    timeouts: {request: 10s, backendRequest: 500ms}
  - filters: [{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301,
     path: {type: ReplaceFullPath, replaceFullPath: /a}}}]
  - filters: [{type: URLRewrite, urlRewrite: {hostname: a.b,
     path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]
status: {parents: [{parentRef: {name: gw}, controllerName: a.b/c, conditions: []}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: all}
spec:
  parentRefs: [{name: gw}]
  rules: [{matches: [{method: {service: a.B, method: C}, headers: [{name: x, value: v}]}],
    backendRefs: [{name: s, port: 80}]}]
"""
)
CORPUS.append(
    """
apiVersion: kuadrant.io/v1beta2
kind: RateLimitPolicy
metadata: {name: a, namespace: ns}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: all}
  defaults:
    limits:
      one:
        rates: &rates [{limit: 5, duration: 10, unit: second}, {limit: 50, duration: 1, unit: day}]
        counters: [auth.identity.username]
        when: [{selector: request.method, operator: matches, value: "P.*"}]
        routeSelectors: [{hostnames: [a.com], matches: [{method: POST}, {path: {type: Exact, value: /a}}]}]
      two: {rates: *rates}
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: b}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: gw, sectionName: a}
  overrides:
    strategy: merge
    when: [{predicate: request.method == 'GET'}]
    limits:
      one: {rates: [{limit: 5, window: 1h30m}], counters: [{expression: auth.identity.username}],
        when: [{predicate: "true"}]}
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: g}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: a}]
  to: [{group: "", kind: Service}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s, labels: {kubernetes.io/service-name: s}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}]
ports: [{name: http, port: 8080}]
---
apiVersion: v1
kind: List
items: [{apiVersion: v1, kind: Namespace, metadata: {name: ns}},
  {apiVersion: v1, kind: Service, metadata: {name: s}, spec: {ports: [{port: 80, targetPort: http}]}}]
---
apiVersion: kuadrant.io/v1beta1
kind: Kuadrant
metadata: {name: k}
spec:
  observability: {enable: true, tracing: {insecure: false}}
  limitador: {replicas: 2, pdb: {maxUnavailable: 50%}}
  mtls: {enable: true}
"""
)

MUTATIONS = Mutations(CORPUS)
