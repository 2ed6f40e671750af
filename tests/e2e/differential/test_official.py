"""What official modules are told limits as our own does.

In a real Envoy stand-ins for them do what ``decide`` says.

Random programs are in ``tests/unit/dialects``. Requests that official shims take in their own way
(docs/semantics.md) are not among these: a host name in capitals, an empty header, one that comes twice.
"""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import TYPE_CHECKING

import pytest
import yaml

from kuadrant.dialects import DIALECTS

from ...stand_ins import stand_in  # noqa: TID252  (tests are no package)
from .comparison import compare
from .conftest import Reality
from .gateways import GATEWAYS
from .generator import Asked, Case

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e

WORLD = (
    GATEWAYS
    + """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {namespace: gw, name: toys}
spec:
  parentRefs: [{name: g0}]
  hostnames: [a.x, "*.y"]
  rules:
  - matches: [{method: POST, path: {type: Exact, value: /toys}}]
    filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-rule, value: one}]}}]
  - matches: [{path: {type: Exact, value: /health}}]
    filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-rule, value: two}]}}]
  - matches: [{path: {type: PathPrefix, value: /}}]
    filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-rule, value: three}]}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {namespace: gw, name: free}
spec:
  parentRefs: [{name: g0}]
  hostnames: [b.y]
  rules:
  - matches: [{path: {type: PathPrefix, value: /}}]
    filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-rule, value: free}]}}]
---
"""
)

_BETA = "apiVersion: kuadrant.io/v1beta2\nkind: RateLimitPolicy\nmetadata: {namespace: gw, name: p}\nspec:\n"
_V1 = "apiVersion: kuadrant.io/v1\nkind: RateLimitPolicy\nmetadata: {namespace: gw, name: p}\nspec:\n"
_ROUTE = "  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toys}\n"
_GATEWAY = "  targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: g0}\n"

POLICIES = {
    "v1beta2: one rule by its selector": _BETA
    + _ROUTE
    + """
  limits:
    create:
      rates: [{limit: 2, duration: 10, unit: second}]
      routeSelectors: [{matches: [{method: POST, path: {type: Exact, value: /toys}}]}]
""",
    "v1beta2: a limit for each of two rules, two rates": _BETA
    + _ROUTE
    + """
  limits:
    create:
      rates: [{limit: 2, duration: 10, unit: second}, {limit: 3, duration: 1, unit: minute}]
      routeSelectors: [{matches: [{method: POST, path: {type: Exact, value: /toys}}]}]
    rest:
      rates: [{limit: 4, duration: 10, unit: second}]
      routeSelectors: [{matches: [{path: {type: PathPrefix, value: /}}]}]
""",
    "v1beta2: by user, but for admins": _BETA
    + _ROUTE
    + """
  limits:
    by-user:
      rates: [{limit: 2, duration: 10, unit: second}]
      counters: [request.headers.x-user]
      when:
      - {selector: request.headers.x-user, operator: neq, value: admin}
      - {selector: request.url_path, operator: matches, value: "/t*"}
""",
    "v1beta2: of a gateway, by host": _BETA
    + _GATEWAY
    + """
  overrides:
    limits:
      all:
        rates: [{limit: 3, duration: 10, unit: second}]
        when: [{selector: request.host, operator: eq, value: a.x}]
""",
    "v1: of a gateway, two limits": _V1
    + _GATEWAY
    + """
  limits:
    all: {rates: [{limit: 5, window: 10s}]}
    a-second: {rates: [{limit: 1, window: 1s}]}
""",
    "v1: with expressions": _V1
    + _ROUTE
    + """
  limits:
    all: {rates: [{limit: 6, window: 10s}]}
    by-user:
      rates: [{limit: 2, window: 10s}]
      when: [{predicate: "'x-user' in request.headers && request.headers['x-user'] != 'admin'"}]
      counters: [{expression: "request.headers['x-user']"}, {expression: "request.method"}]
""",
    "v1: expressions that each version of an official module takes in its own way": _V1
    + _ROUTE
    + """
  limits:
    no-query: {rates: [{limit: 5, window: 10s}], when: [{predicate: "request.query == ''"}]}
    debugs: {rates: [{limit: 4, window: 10s}], when: [{predicate: "!request.query.contains('debug')"}]}
    either:
      rates: [{limit: 7, window: 10s}]
      when: [{predicate: "request.headers['x-user'] == 'bob' || request.url_path == '/toys'"}]
      counters: [{expression: "request.method == 'GET'"}, {expression: request.query}]
    both:
      rates: [{limit: 2, window: 10s}]
      when: [{predicate: "request.headers['x-user'] == 'bob'"}, {predicate: "request.method == 'POST'"}]
    guarded:
      rates: [{limit: 3, window: 10s}]
      when: [{predicate: "'x-user' in request.headers && request.headers['x-user'].startsWith('a') || false"}]
""",
    "v1beta2: of the query": _BETA
    + _ROUTE
    + """
  limits:
    by-query: {rates: [{limit: 2, duration: 10, unit: second}], counters: [request.query]}
""",
    "v1: an expression that fails": _V1
    + _ROUTE
    + """
  limits:
    by-user:
      rates: [{limit: 2, window: 10s}]
      counters: [{expression: "request.headers['x-user']"}]
""",
}

_SENT = tuple(
    Asked("g0", 80, authority, method, target, headers)
    for authority, (method, target), headers in product(
        ("a.x", "a.x:8080", "c.y", "b.y", "z"),
        (("POST", "/toys"), ("GET", "/toys?q=1"), ("GET", "/health"), ("POST", "/toys/1")),
        ((), (("x-user", "bob"),), (("X-User", "admin"),)),
    )
)
ASKED = tuple((0.25, one) for one in (*_SENT, *_SENT))
FRONTS = {
    "rate-limit-policies": "rate-limit-policies",
    "action-sets": "action-sets",
    "action-sets-conditional-data": "action-sets-conditional-data",
    "action-sets-conditional-data-v0.14": "action-sets-conditional-data",
}
"""The stand-ins, and the dialect that each reads."""


@pytest.fixture(scope="module", params=FRONTS)
def official(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Reality]]:
    dialect = DIALECTS[FRONTS[request.param]]
    one = Reality(tmp_path_factory.mktemp("official"), stand_in(request.param), dialect)
    one.start()
    try:
        yield request.param, one
    finally:
        one.stop()


@pytest.mark.parametrize("mode", ["deny", "allow"])
@pytest.mark.parametrize("policy", POLICIES)
def test_policies_of_both_versions_limit_as_with_our_own_module(
    official: tuple[str, Reality], policy: str, mode: str
) -> None:
    front, reality = official
    case = Case(tuple(yaml.safe_load_all(WORLD + POLICIES[policy])), mode, ASKED)
    outcomes = Counter(compare(reality, case, in_order=False))
    # What fails takes the other limits of its call with it, which is not told where failures are allowed.
    cannot_be_told = ("expression" in policy and front == "rate-limit-policies") or (
        "in its own way" in policy and mode == "allow"
    )
    assert (outcomes["limited"] > 0) is not cannot_be_told, outcomes
