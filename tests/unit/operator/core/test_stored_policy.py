"""Which form a stored policy is written in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kuadrant.api.rate_limit_policy import RateLimitPolicyV1, RateLimitPolicyV1Beta2
from kuadrant.operator.core.kinds import StoredPolicy
from kuadrant.operator.core.stored_policy import read

TARGET = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r"}


def stored(spec: dict[str, Any]) -> StoredPolicy:
    return msgspec.convert(
        {"metadata": {"name": "p", "namespace": "ns"}, "spec": {"targetRef": TARGET} | spec}, StoredPolicy
    )


@pytest.mark.parametrize(
    "limit",
    [
        {"rates": [{"limit": 1, "duration": 1, "unit": "second"}]},
        {"routeSelectors": [{"hostnames": ["a.example"]}]},
        {"when": [{"selector": "request.method", "operator": "eq", "value": "GET"}]},
        {"counters": ["request.host"]},
    ],
)
@pytest.mark.parametrize("block", ["limits", "defaults", "overrides"])
def test_fields_of_v1beta2_make_it_one(limit: dict[str, Any], block: str) -> None:
    limits = {"a": limit}

    policy = read(stored({"limits": limits} if block == "limits" else {block: {"limits": limits}}))

    assert isinstance(policy, RateLimitPolicyV1Beta2)


@pytest.mark.parametrize(
    "spec",
    [
        {"limits": {"a": {"rates": [{"limit": 1, "window": "1s"}]}}},
        {"limits": {"a": {"counters": [{"expression": "request.host"}]}}},
        {"limits": {"a": {"when": [{"predicate": "true"}]}}},
        {"defaults": {"strategy": "merge", "limits": {"a": {}}}},
        {"limits": {"a": {}}},
    ],
)
def test_all_others_are_v1(spec: dict[str, Any]) -> None:
    assert isinstance(read(stored(spec)), RateLimitPolicyV1)


def test_what_fits_neither_is_named() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.limits"):
        read(stored({"limits": {"a": {"rates": "many"}}}))
