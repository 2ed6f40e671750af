"""Configurations whose limits are single expressions, and what is asked of each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from msgspec import structs

from kuadrant.policy.expression_check import check_counter, check_predicate
from kuadrant.policy.expression_error import ExpressionError

from .gateways import GATEWAYS
from .generator import Asked, Case, Document

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMITS = 5
"""So many limits has a rule."""
ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{namespace: gw, name: r{number}}}
spec:
  parentRefs: [{{name: g0}}]
  rules:
  - matches: [{{headers: [{{name: x-case, value: "{number}"}}]}}]
    filters:
    - {{type: ResponseHeaderModifier, responseHeaderModifier: {{set: [{{name: x-rule, value: one}}]}}}}
"""

Limit = dict[str, Any]


def limit(text: str) -> Limit | None:
    """A limit with this expression, as its condition or else as its counter.

    None if no policy may have it.
    """
    rates = [{"limit": 10_000, "window": "1h"}]
    for check, place in (
        (check_predicate, {"when": [{"predicate": text}]}),
        (check_counter, {"counters": [{"expression": text}]}),
    ):
        try:
            check(text)
        except ExpressionError:
            continue
        return {"rates": rates, **place}
    return None


def case(limits: Sequence[Limit], asked: Sequence[Asked]) -> Case:
    """A configuration with these limits, some for each rule, and what is asked of each rule.

    A limit whose expression fails is left out of the question.
    """
    documents = [*yaml.safe_load_all(GATEWAYS)][:-1]
    sequence = []
    for number, start in enumerate(range(0, len(limits), LIMITS)):
        named = {f"l{place}": one for place, one in enumerate(limits[start : start + LIMITS])}
        documents += [yaml.safe_load(ROUTE.format(number=number)), _policy(number, named)]
        sequence += [
            (1.0, structs.replace(one, headers=(*one.headers, ("x-case", str(number))))) for one in asked
        ]
    return Case(tuple(documents), "allow", tuple(sequence))


def _policy(number: int, limits: dict[str, Limit]) -> Document:
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": f"r{number}"}
    return {
        "apiVersion": "kuadrant.io/v1",
        "kind": "RateLimitPolicy",
        "metadata": {"namespace": "gw", "name": f"p{number}"},
        "spec": {"targetRef": target, "limits": limits},
    }
