"""In a cluster, policies that ask who requests are from are told where nothing authenticates them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from kuadrant.api import documents
from kuadrant.api.request_authentication import RequestAuthentication
from kuadrant.api.security_policy import SecurityPolicy
from kuadrant.compiler import compile_gateways
from kuadrant.findings.rule_runs import suspicious_by_routes

GROUP = "gateway.networking.k8s.io"
WORLD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: edge, annotations: {kuadrant.io/identity: "%s"}}
spec:
  gatewayClassName: x
  listeners:
  - {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: toys, namespace: shop}
spec:
  parentRefs: [{name: gw, namespace: edge}]
  rules: [{}]
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: per-user, namespace: shop}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toys}
  limits: {a: {rates: [{limit: 1, window: 10s}], counters: [{expression: %s}]}}
"""
ASKS = "auth.identity.?sub.orValue('')"


def authentication(namespace: str, **spec: Any) -> RequestAuthentication:
    document = {"metadata": {"name": "users", "namespace": namespace}, "spec": spec}
    return msgspec.convert(document, RequestAuthentication)


def security(namespace: str, provider: str | None = "keycloak", **spec: Any) -> SecurityPolicy:
    jwt = {"jwt": {"providers": [{"name": provider, "issuer": "https://i"}]}} if provider else {}
    document = {"metadata": {"name": "users", "namespace": namespace}, "spec": {**jwt, **spec}}
    return msgspec.convert(document, SecurityPolicy)


def target(kind: str, name: str) -> list[dict[str, str]]:
    return [{"group": GROUP, "kind": kind, "name": name}]


def told(
    source: str,
    *present: RequestAuthentication | SecurityPolicy,
    counter: str = ASKS,
    world: str = WORLD,
) -> list[str]:
    objects = documents.read([("all.yaml", world % (source, counter))]).objects
    objects = replace(
        objects,
        request_authentications=tuple(one for one in present if isinstance(one, RequestAuthentication)),
        security_policies=tuple(one for one in present if isinstance(one, SecurityPolicy)),
    )
    found = suspicious_by_routes(objects, compile_gateways(objects)).get("shop/per-user", ())
    return [one.message for one in found if one.code == "identity-not-authenticated"]


def test_it_is_told_where_and_what_is_missing() -> None:
    assert told("jwt") == [
        (
            "asks who requests are from, and nothing authenticates tokens for HTTPRoute shop/toys at Gateway "
            "edge/gw: no RequestAuthentication is for either, so every request there is from nobody"
        )
    ]
    (message,) = told("jwt:keycloak")
    assert "no SecurityPolicy with a provider keycloak is for either" in message


def test_a_header_is_taken_as_it_comes() -> None:
    assert told("header:x-user") == []


def test_nobody_shows_a_certificate_where_no_listener_speaks_tls() -> None:
    (message,) = told("mtls")
    assert message.endswith(
        "at Gateway edge/gw nobody shows a certificate: it has no listener of TLS, "
        "so every request there is from nobody"
    )
    assert told("mtls", world=WORLD.replace("protocol: HTTP,", "protocol: HTTPS,")) == []


def test_a_policy_that_does_not_ask_is_not_told() -> None:
    assert told("jwt", counter="request.path") == []


@pytest.mark.parametrize(
    ("one", "is_for"),
    [
        (authentication("edge", targetRefs=target("Gateway", "gw")), True),
        (authentication("edge", targetRef=target("Gateway", "gw")[0]), True),
        (authentication("edge", targetRefs=target("Gateway", "other")), False),
        (authentication("edge"), True),
        (authentication("edge", selector={"matchLabels": {"app": "gw"}}), True),
        (authentication("istio-system"), True),
        (authentication("shop", targetRefs=target("Gateway", "gw")), False),
    ],
)
def test_request_authentications(one: RequestAuthentication, is_for: bool) -> None:
    assert (told("jwt", one) == []) is is_for


@pytest.mark.parametrize(
    ("one", "is_for"),
    [
        (security("edge", targetRefs=target("Gateway", "gw")), True),
        (security("shop", targetRefs=target("HTTPRoute", "toys")), True),
        (security("shop", targetRef=target("HTTPRoute", "toys")[0]), True),
        (security("shop", targetSelectors=[{"kind": "HTTPRoute"}]), True),
        (security("shop", targetRefs=target("HTTPRoute", "other")), False),
        (security("other", targetRefs=target("HTTPRoute", "toys")), False),
        (security("edge", "another", targetRefs=target("Gateway", "gw")), False),
        (security("edge", None, targetRefs=target("Gateway", "gw")), False),
    ],
)
def test_security_policies(one: SecurityPolicy, is_for: bool) -> None:
    assert (told("jwt:keycloak", one) == []) is is_for
