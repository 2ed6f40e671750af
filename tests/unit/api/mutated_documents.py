"""Documents with a few things wrong, from a corpus that has every kind and most fields."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kuadrant.api import nodes, yaml_documents
from kuadrant.standalone.folder_files import read

if TYPE_CHECKING:
    import random

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
  - {name: b, port: 443, protocol: HTTPS, tls: {mode: Terminate}}
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
DOCUMENTS: list[Any] = [
    nodes.plain(node) for text in CORPUS for node, _ in yaml_documents.documents(text) if node
]
KEYS = sorted({key for text in CORPUS for key in text.replace(":", " ").split() if key.isalnum()})
ODD: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        2**64,
        2**63,
        1.5,
        1e400,
        "",
        "a",
        "/",
        "//",
        "(",
        "*.",
        "999ms",
        "0s",
        "A\n",
        "\u0000",
        "\ud83d",
    ),
    *(
        [],
        {},
        [None],
        [[]],
        {"a": {}},
        {"": 1},
        ["a"] * 20,
        {str(n): {} for n in range(20)},
        "x" * 5000,
        "ä€😀",
    ),
]
TOKENS = [
    *(
        "\n",
        "  ",
        "- ",
        ": ",
        "#",
        "&a ",
        "*a",
        "<<: *a",
        "{",
        "}",
        "[",
        "]",
        ",",
        "'",
        '"',
        "|",
        ">",
        "---\n",
        "...\n",
        "%",
    ),
    *(
        "!!int ",
        "!x ",
        "? ",
        "\t",
        "\r",
        "\x00",
        "\ufeff",
        "\u2028",
        "\ud800",
        "yes",
        "~",
        "0x",
        "1e9",
        "*.",
        "null",
    ),
]


def mutated_text(dice: random.Random) -> str:
    """Return a text of the corpus with a few cuts, repeats and insertions."""
    text = dice.choice(CORPUS)
    for _ in range(dice.randint(1, 4)):
        start = dice.randrange(len(text) + 1)
        end = min(len(text), start + dice.choice([0, 0, 1, 2, 5, 20, 100]))
        new = dice.choice(
            ["", dice.choice(TOKENS), dice.choice(KEYS), text[start:end] * 2, chr(dice.randrange(0x3000))]
        )
        text = text[:start] + new + text[end:]
    return text


def mutated_document(dice: random.Random) -> str:
    """Return a document of the corpus, as JSON, with some of its values replaced, removed or renamed."""
    document = copy.deepcopy(dice.choice(DOCUMENTS))
    for _ in range(dice.randint(1, 4)):
        places: list[tuple[Any, Any]] = []
        pending: list[Any] = [document]
        while pending:
            one = pending.pop()
            steps = (
                list(one.items())
                if isinstance(one, dict)
                else list(enumerate(one))
                if isinstance(one, list)
                else []
            )
            places.extend((one, step) for step, _ in steps)
            pending.extend(below for _, below in steps)
        if not places:
            break
        parent, step = dice.choice(places)
        match dice.randrange(4):
            case 0:
                parent[step] = copy.deepcopy(dice.choice(ODD))
            case 1:
                del parent[step]
            case 2 if isinstance(parent, dict):
                parent[dice.choice(KEYS)] = parent.pop(step)
            case _ if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[step]))
    return json.dumps(document, ensure_ascii=False)
