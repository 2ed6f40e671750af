"""Limits for each user, by tokens that the gateway itself has authenticated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests import tokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

from .documents import ROUTE

pytestmark = pytest.mark.e2e

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: default, annotations: {kuadrant.io/identity: "%s"}}
spec:
  gatewayClassName: kuadrant
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
V1 = """
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: v1, namespace: default}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: v1}
  limits:
    per-user:
      rates: [{limit: 2, window: 1h}]
      when: [{predicate: "has(auth.identity.%(name)s)"}]
      counters: [{expression: auth.identity.%(name)s}]
    nobody:
      rates: [{limit: 1, window: 1h}]
      when: [{predicate: "!has(auth.identity.%(name)s)"}]
"""
V1BETA2 = """
---
apiVersion: kuadrant.io/v1beta2
kind: RateLimitPolicy
metadata: {name: v1beta2, namespace: default}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: v1beta2}
  limits:
    per-user: {rates: [{limit: 2, duration: 1, unit: hour}], counters: [auth.identity.%(name)s]}
"""
AUTHENTICATION = f"""
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: users, namespace: default}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: gw}}]
  jwtRules:
  - issuer: {tokens.ISSUER}
    jwks: {json.dumps(tokens.JWKS)}
"""


def written(folder: Path, source: str, name: str, *more: str) -> Path:
    policies = (V1 % {"name": name}, V1BETA2 % {"name": name})
    routes = (ROUTE % (version, version) for version in ("v1", "v1beta2"))
    (folder / "all.yaml").write_text("".join((GATEWAY % source, *routes, *policies, *more)))
    return folder


def statuses(kuadrant: Kuadrant, version: str, times: int, **headers: str) -> list[int]:
    return [kuadrant.request("GET", "/", f"{version}.example.com", **headers).status for _ in range(times)]


def of(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("source", ["jwt", "jwt:keycloak"])
def test_users_are_counted_by_their_tokens(
    start: Callable[..., Kuadrant], tmp_path: Path, source: str
) -> None:
    kuadrant = start(written(tmp_path, source, "sub", AUTHENTICATION), "--echo")
    for version in ("v1", "v1beta2"):
        for user in ("alice", "bob"):
            assert statuses(kuadrant, version, 3, **of(tokens.token(sub=user))) == [200, 200, 429]
        for made in (tokens.forged, tokens.expired, tokens.unsigned):
            # Neither counted as somebody nor let through as nobody.
            assert statuses(kuadrant, version, 3, **of(made(sub="carol"))) == [401, 401, 401]
        assert statuses(kuadrant, version, 3, **of(tokens.token(sub="carol", iss="https://b"))) == [401] * 3
        assert statuses(kuadrant, version, 3, **of(tokens.token(sub="carol"))) == [200, 200, 429]
    # Who has no token, or one that does not say who he is, is nobody.
    assert statuses(kuadrant, "v1", 2) == [200, 429]
    assert statuses(kuadrant, "v1", 1, **of(tokens.token(name="dave"))) == [429]
    assert statuses(kuadrant, "v1beta2", 4) == [200] * 4


def test_nobody_is_known_where_nothing_checks_tokens(start: Callable[..., Kuadrant], tmp_path: Path) -> None:
    kuadrant = start(written(tmp_path, "jwt", "sub"), "--echo")
    assert statuses(kuadrant, "v1", 2, **of(tokens.token(sub="alice"))) == [200, 429]
    assert statuses(kuadrant, "v1beta2", 4, **of(tokens.token(sub="alice"))) == [200] * 4
    kuadrant.wait(lambda: any("identity-of-nobody" in line for line in kuadrant.output))

    kuadrant.change("authentication.yaml", AUTHENTICATION.removeprefix("\n---"))
    assert statuses(kuadrant, "v1", 3, **of(tokens.token(sub="alice"))) == [200, 200, 429]
    assert statuses(kuadrant, "v1", 1, **of(tokens.forged(sub="bob"))) == [401]


def test_users_are_counted_by_a_header_that_is_named(start: Callable[..., Kuadrant], tmp_path: Path) -> None:
    kuadrant = start(written(tmp_path, "header:X-User", "username"), "--echo")
    for version in ("v1", "v1beta2"):
        for user in ("alice", "bob"):
            assert statuses(kuadrant, version, 3, **{"x-user": user}) == [200, 200, 429]
    assert statuses(kuadrant, "v1", 2, **{"x-user": ""}) == [200, 429]
    assert statuses(kuadrant, "v1beta2", 4) == [200] * 4


def test_keys_may_be_in_a_file_of_their_own(start: Callable[..., Kuadrant], tmp_path: Path) -> None:
    """One that changes counts at once."""
    named = AUTHENTICATION.replace(f"jwks: {json.dumps(tokens.JWKS)}", "jwksUri: file:users.jwks.json")
    (tmp_path / "users.jwks.json").write_text(tokens.JWKS.replace('"one"', '"another"'))
    kuadrant = start(written(tmp_path, "jwt", "sub", named), "--echo")
    assert statuses(kuadrant, "v1", 1, **of(tokens.token(sub="alice"))) == [401]
    kuadrant.change("users.jwks.json", tokens.JWKS)
    assert statuses(kuadrant, "v1", 3, **of(tokens.token(sub="alice"))) == [200, 200, 429]
    assert statuses(kuadrant, "v1", 1, **of(tokens.forged(sub="alice"))) == [401]
