"""The structs as a whole: described, frozen, and ready for schemas."""

from __future__ import annotations

import msgspec
import pytest

from kuadrant.api.fields import Fields
from kuadrant.api.kinds import KINDS
from kuadrant.api.rate_limit_policy import RateLimitPolicyV1, RateLimitPolicyV1Beta2


def structs(base: type[Fields] = Fields) -> list[type[Fields]]:
    return [one for below in base.__subclasses__() for one in (below, *structs(below))]


@pytest.mark.parametrize("struct", structs(), ids=lambda one: one.__name__)
def test_every_struct_is_frozen_described_and_free_of_cycles(struct: type[Fields]) -> None:
    config = struct.__struct_config__
    assert config.frozen
    assert not config.gc
    assert struct.__doc__


@pytest.mark.parametrize("policy", [RateLimitPolicyV1Beta2, RateLimitPolicyV1])
def test_every_field_of_a_policy_has_a_description(policy: type) -> None:
    schema = msgspec.json.schema(policy)
    for name, part in schema["$defs"].items():
        if name.endswith(("V1Beta2", "V1")) and not name.startswith("RateLimitPolicy"):
            for field, rules in part["properties"].items():
                options = [rules, *rules.get("anyOf", [])]
                options += [
                    schema["$defs"][one["$ref"].rpartition("/")[2]] for one in options if "$ref" in one
                ]
                assert any("description" in one for one in options), f"{name}.{field}"


def test_kinds_have_their_versions() -> None:
    assert sorted(KINDS) == [
        ("discovery.k8s.io/v1", "EndpointSlice"),
        ("gateway.envoyproxy.io/v1alpha1", "SecurityPolicy"),
        ("gateway.networking.k8s.io/v1", "GRPCRoute"),
        ("gateway.networking.k8s.io/v1", "Gateway"),
        ("gateway.networking.k8s.io/v1", "GatewayClass"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute"),
        ("gateway.networking.k8s.io/v1", "ReferenceGrant"),
        ("gateway.networking.k8s.io/v1beta1", "Gateway"),
        ("gateway.networking.k8s.io/v1beta1", "GatewayClass"),
        ("gateway.networking.k8s.io/v1beta1", "HTTPRoute"),
        ("gateway.networking.k8s.io/v1beta1", "ReferenceGrant"),
        ("kuadrant.io/v1", "RateLimitPolicy"),
        ("kuadrant.io/v1beta1", "Kuadrant"),
        ("kuadrant.io/v1beta2", "RateLimitPolicy"),
        ("kuadrant.io/v1beta3", "RateLimitPolicy"),
        ("security.istio.io/v1", "RequestAuthentication"),
        ("security.istio.io/v1beta1", "RequestAuthentication"),
        ("v1", "Namespace"),
        ("v1", "Secret"),
        ("v1", "Service"),
    ]
