"""Which tokens `kuadrant run` has Envoy authenticate, and what of RequestAuthentications it leaves out."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from kuadrant.api import documents
from kuadrant.compiler import identities
from kuadrant.gateways.envoy import Authentication, authentication
from tests import tokens

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: %s, namespace: default, annotations: {kuadrant.io/identity: "%s"}}
spec:
  gatewayClassName: x
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
RULE = {"issuer": tokens.ISSUER, "jwks": tokens.JWKS}
FOR_GATEWAY = {"targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}]}


def authenticated(spec: dict[str, Any], *gateways: str, namespace: str = "default") -> Authentication:
    document = {
        "apiVersion": "security.istio.io/v1",
        "kind": "RequestAuthentication",
        "metadata": {"name": "users", "namespace": namespace},
        "spec": spec,
    }
    texts = (*(gateways or (GATEWAY % ("gw", "jwt"),)), yaml.safe_dump(document))
    folder = documents.read((f"{number}.yaml", text) for number, text in enumerate(texts))
    assert folder.problems == ()
    return authentication(folder.objects, identities(folder.objects))


@pytest.mark.parametrize(
    "where",
    [
        FOR_GATEWAY,
        {"targetRef": FOR_GATEWAY["targetRefs"][0]},
        {"selector": {"matchLabels": {"gateway.networking.k8s.io/gateway-name": "gw"}}},
        {},
    ],
)
def test_a_gateway_has_those_that_are_for_it(where: dict[str, Any]) -> None:
    found = authenticated({**where, "jwtRules": [RULE]})
    assert ([*found.filters], found.problems) == (["default/gw"], ())
    assert authenticated({**where, "jwtRules": [RULE]}, namespace="other").filters == {}
    others = authenticated({**where, "jwtRules": [RULE]}, GATEWAY % ("other", "none")).filters
    assert others.keys() == (set() if where else {"default/other"})


def test_a_token_has_to_be_sound_and_need_not_be_there() -> None:
    rule = {
        **RULE,
        "audiences": ["toys"],
        "fromHeaders": [{"name": "x-token", "prefix": "T "}],
        "fromParams": ["token"],
        "fromCookies": ["token"],
        "forwardOriginalToken": True,
        "spaceDelimitedClaims": ["teams"],
        "timeout": "5s",
    }
    found = authenticated({**FOR_GATEWAY, "jwtRules": [rule, RULE]}, GATEWAY % ("gw", "jwt:keycloak"))
    config = found.filters["default/gw"]["typed_config"]
    assert config["providers"]["rule-0"] == {
        "issuer": tokens.ISSUER,
        "audiences": ["toys"],
        "local_jwks": {"inline_string": tokens.JWKS},
        "forward": True,
        "from_headers": [{"name": "x-token", "value_prefix": "T "}],
        "from_params": ["token"],
        "from_cookies": ["token"],
        "payload_in_metadata": "keycloak",
        "normalize_payload_in_metadata": {"space_delimited_claims": ["scope", "permission", "teams"]},
    }
    needed = [{"provider_name": "rule-0"}, {"provider_name": "rule-1"}, {"allow_missing": {}}]
    assert config["rules"] == [
        {"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": needed}}}
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"jwks": None, "jwksUri": "https://issuer.example/keys"}, "jwksUri"),
        ({"jwks": None}, "jwks"),
        ({"jwks": "keys"}, "jwks"),
        ({"jwks": json.dumps({"keys": []})}, "jwks"),
        ({"jwks": json.dumps([1])}, "jwks"),
        ({"outputClaimToHeaders": [{"header": "x-user", "claim": "sub"}]}, "outputClaimToHeaders"),
        ({"outputPayloadToHeader": "x-payload"}, "outputPayloadToHeader"),
    ],
)
def test_what_cannot_be_carried_out_is_left_out_whole(change: dict[str, Any], field: str) -> None:
    rule = {name: value for name, value in {**RULE, **change}.items() if value is not None}
    found = authenticated({**FOR_GATEWAY, "jwtRules": [rule]})
    assert found.filters == {}
    assert [(one.code, one.field) for one in found.problems] == [
        ("authentication-not-carried-out", f"spec.jwtRules[0].{field}"),
        ("identity-of-nobody", "metadata.name"),
    ]


def test_other_labels_select_nothing() -> None:
    found = authenticated({"selector": {"matchLabels": {"app": "gw"}}, "jwtRules": [RULE]})
    assert found.filters == {}
    assert [one.field for one in found.problems] == ["spec.selector.matchLabels", "metadata.name"]


@pytest.mark.parametrize(
    ("source", "is_nobody"),
    [("jwt", True), ("jwt:a", True), ("mtls", True), ("header:x-user", False), ("none", False)],
)
def test_a_gateway_that_knows_nobody_is_told(source: str, is_nobody: bool) -> None:
    found = authenticated({**FOR_GATEWAY, "jwtRules": [RULE]}, GATEWAY % ("other", source))
    assert [one.code for one in found.problems] == ["identity-of-nobody"] * is_nobody
