"""The predicates of a limit are as CEL's ``&&``, in a real Envoy and in ``decide``, in whatever order."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
import yaml

from .comparison import compare
from .gateways import GATEWAYS
from .generator import Asked, Case

if TYPE_CHECKING:
    from .conftest import Reality

pytestmark = pytest.mark.e2e

WORLD = (
    GATEWAYS
    + """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {namespace: gw, name: toys}
spec:
  parentRefs: [{name: g0}]
  rules:
  - filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-rule, value: one}]}}]
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {namespace: gw, name: p}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toys}
  limits:
    one:
      rates: [{limit: 1, window: 10s}]
      when: []
"""
)
FAILS, FALSE, TRUE = (
    "request.headers['x-none'] == 'x'",
    "request.method == 'POST'",
    "request.path.startsWith('/')",
)


@pytest.mark.parametrize("mode", ["deny", "allow"])
@pytest.mark.parametrize(
    ("predicates", "outcomes"),
    [
        ((FAILS, FALSE), {"deny": "admitted unasked", "allow": "admitted unasked"}),
        ((FAILS, FALSE, TRUE), {"deny": "admitted unasked", "allow": "admitted unasked"}),
        ((FAILS, TRUE), {"deny": "failed", "allow": "admitted unasked"}),
    ],
)
def test_the_order_of_predicates_does_not_decide(
    reality: Reality, predicates: tuple[str, ...], outcomes: dict[str, str], mode: str
) -> None:
    for order in permutations(predicates):
        documents = tuple(yaml.safe_load_all(WORLD))
        documents[-1]["spec"]["limits"]["one"]["when"] = [{"predicate": one} for one in order]
        asked = ((0.0, Asked("g0", 80, "a.x", "GET", "/")),) * 2
        assert Counter(compare(reality, Case(documents, mode, asked))) == {outcomes[mode]: 2}
