"""How the gateway of each provider is told whose tokens, keys and names it takes."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests import tokens
from tests.lab.walk import ENVOY_GATEWAY, ISTIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.walk import Provided, Walk

BY_TOKENS: Final = {
    ISTIO: f"""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: users, namespace: {ISTIO.namespace}}}
spec:
  selector: {{matchLabels: {{app: {ISTIO.gateway}}}}}
  jwtRules:
  - issuer: {tokens.ISSUER}
    jwks: {json.dumps(tokens.JWKS)}
    outputClaimToHeaders: [{{header: x-user, claim: name}}]
""",
    ENVOY_GATEWAY: f"""
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {{name: users, namespace: {ENVOY_GATEWAY.namespace}}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: {ENVOY_GATEWAY.gateway}}}]
  jwt:
    optional: true
    providers:
    - name: lab
      issuer: {tokens.ISSUER}
      localJWKS: {{type: Inline, inline: {json.dumps(tokens.JWKS)}}}
      claimToHeaders: [{{header: x-user, claim: name}}]
""",
}
"""Tokens of one issuer, whose keys are in the object; a request without one goes on."""
_NAMES: Final = """
apiVersion: v1
kind: Secret
metadata: {name: names}
stringData: DATA
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: names}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}]
  WAY
"""


def by_keys(keys: Mapping[str, str]) -> str:
    """Envoy Gateway takes keys in the header x-api-key, and writes whose one is into x-user."""
    way = {
        "credentialRefs": [{"group": "", "kind": "Secret", "name": "names"}],
        "extractFrom": [{"headers": ["x-api-key"]}],
        "forwardClientIDHeader": "x-user",
    }
    return _NAMES.replace("DATA", json.dumps(keys)).replace("WAY", f"apiKeyAuth: {json.dumps(way)}")


def by_passwords(passwords: Mapping[str, str]) -> str:
    """Envoy Gateway takes names with passwords, and writes the name into x-user."""
    lines = "".join(
        f"{name}:{{SHA}}{base64.b64encode(hashlib.sha1(word.encode()).digest()).decode()}\n"
        for name, word in passwords.items()
    )
    way = {"users": {"group": "", "kind": "Secret", "name": "names"}, "forwardUsernameHeader": "x-user"}
    data = json.dumps({".htpasswd": lines})
    return _NAMES.replace("DATA", data).replace("WAY", f"basicAuth: {json.dumps(way)}")


SOURCES: Final = {ISTIO: "jwt", ENVOY_GATEWAY: "jwt:lab"}
"""What the Gateway says of it."""


@contextmanager
def applied(walk: Walk, text: str) -> Iterator[None]:
    """The objects are there for as long as this lasts."""
    walk.apply(text)
    try:
        yield
    finally:
        walk.lab.run("bash", "-c", f"kubectl delete --ignore-not-found -f - <<'EOF'\n{text}\nEOF")


@contextmanager
def known_by(walk: Walk, source: str) -> Iterator[None]:
    """The walk's Gateway says that it knows requests by ``source``."""
    _annotate(walk.provided, walk, f"kuadrant.io/identity={source}")
    try:
        yield
    finally:
        _annotate(walk.provided, walk, "kuadrant.io/identity-")


def _annotate(provided: Provided, walk: Walk, annotation: str) -> None:
    gateway = ("gtw", provided.gateway, "-n", provided.namespace)
    walk.lab.run("kubectl", "annotate", "--overwrite", *gateway, annotation)


def of(token: str) -> tuple[str, str]:
    """The words by which curl shows a token."""
    return "-H", f"authorization: Bearer {token}"
