"""A policy is of the version whose fields it has, whichever version the API server was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kuadrant.api.policy_version import form

CASES = Path(__file__).parents[2] / "golden" / "compile"
TARGET = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "a"}


def _policies() -> list[Any]:
    return [
        pytest.param(document, id=f"{path.parent.name}-{document['metadata']['name']}")
        for path in sorted(CASES.glob("*/in.yaml"))
        for document in yaml.load_all(path.read_text(), yaml.CSafeLoader)
        if document and document["kind"] == "RateLimitPolicy"
    ]


@pytest.mark.parametrize("policy", _policies())
def test_a_policy_has_the_form_of_the_version_it_was_written_in(policy: dict[str, Any]) -> None:
    assert form(policy["spec"]) == policy["apiVersion"]


@pytest.mark.parametrize(
    "limit",
    [
        {"rates": [{"limit": 1, "duration": 1, "unit": "second"}]},
        {"counters": ["auth.identity.username"]},
        {"when": [{"selector": "a", "operator": "eq", "value": "b"}]},
        {"routeSelectors": [{"hostnames": ["a.com"]}]},
    ],
    ids=lambda limit: next(iter(limit)),
)
@pytest.mark.parametrize("block", ["limits", "defaults", "overrides"])
def test_one_field_of_v1beta2_tells(block: str, limit: dict[str, Any]) -> None:
    limits: dict[str, Any] = {"first": {"rates": []}, "second": limit}
    spec = {"targetRef": TARGET, block: limits if block == "limits" else {"limits": limits}}
    assert form(spec) == "kuadrant.io/v1beta2"


def test_a_namespace_of_the_target_tells() -> None:
    assert form({"targetRef": TARGET | {"namespace": "a"}}) == "kuadrant.io/v1beta2"


@pytest.mark.parametrize("more", [{}, {"limits": {}}, {"limits": None}, {"defaults": {"strategy": "atomic"}}])
def test_one_without_limits_is_of_the_version_that_takes_it(more: dict[str, Any]) -> None:
    assert form({"targetRef": TARGET, **more}) == "kuadrant.io/v1beta2"


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"limits": None},
        {"limits": {"a": {}}},
        {"targetRef": TARGET | {"sectionName": "a"}},
        {"targetRef": TARGET | {"kind": "GRPCRoute"}},
        {"targetRef": TARGET, "when": [{"predicate": "true"}]},
    ],
)
def test_what_tells_nothing_is_of_v1(spec: dict[str, Any]) -> None:
    assert form(spec) == "kuadrant.io/v1"
