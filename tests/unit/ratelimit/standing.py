"""Limits whose counters are looked at."""

from __future__ import annotations

from kuadrant.api.limitador import Limit
from kuadrant.policy.identifiers import limit_condition, limit_identifier

USER = "descriptors[0][\"request.headers['x-user']\"]"


def limit(name: str, most: int, *, policy: str = "ns/p", variables: tuple[str, ...] = ()) -> Limit:
    condition = limit_condition(limit_identifier(policy, name))
    return Limit(
        namespace="ns/route",
        max_value=most,
        seconds=10,
        conditions=(condition,),
        variables=variables,
        name=name,
    )


ALL = limit("all", 10)
EACH = limit("each", 4, variables=(USER,))
