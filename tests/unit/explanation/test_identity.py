"""Who a request is from, in what is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from kuadrant.explanation.short_text import MOST_LINES, short_text

from .asking import WORLD, asked, policy

LIMIT = policy(
    """
    per-user:
      rates: [{limit: 1, window: 10s}]
      when: [{predicate: has(auth.identity.%(name)s)}]
      counters: [{expression: auth.identity.%(name)s}]
    """
)
V1BETA2 = """\
apiVersion: kuadrant.io/v1beta2
kind: RateLimitPolicy
metadata: {name: p}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toys}
  limits:
    per-user: {rates: [{limit: 1, duration: 10, unit: second}], counters: [auth.identity.sub]}
"""


def world(source: str) -> str:
    return WORLD.replace("{name: gw}", f"{{name: gw, annotations: {{kuadrant.io/identity: '{source}'}}}}", 1)


@pytest.mark.parametrize("source", ["jwt", "jwt:keycloak"])
def test_claims_that_are_told_are_the_identity(source: str) -> None:
    found = asked(LIMIT % {"name": "sub"}, world=world(source), claims={"sub": "alice"}, times=2)
    assert (found.outcome, found.unknown) == ("limited", ())
    assert found.limits[0].counters[0].value == "alice"
    nobody = asked(LIMIT % {"name": "sub"}, world=world(source), claims={})
    assert (nobody.outcome, nobody.limits[0].applies) == ("admitted", "no")
    assert nobody.limits[0].because == "has(auth.identity.sub) is false"


def test_without_claims_it_is_said_how_to_tell_them() -> None:
    found = asked(LIMIT % {"name": "sub"}, world=world("jwt"))
    assert (found.outcome, found.otherwise) == ("unknown", "admitted")
    assert [(fact.name, fact.give) for fact in found.unknown] == [("auth.identity", "--jwt CLAIMS")]


@pytest.mark.parametrize(
    ("source", "claims", "applies", "because"),
    [
        ("jwt", {"sub": "alice"}, "yes", ""),
        ("jwt", {"name": "alice"}, "no", "the request has no auth.identity.sub to count by"),
        ("jwt", None, "unknown", "auth.identity.sub is not known"),
        ("none", None, "no", "there is no auth.identity.sub: nothing here authenticates requests"),
    ],
)
def test_a_limit_of_v1beta2(source: str, claims: Any, applies: str, because: str) -> None:
    (limit,) = asked(V1BETA2, world=world(source), claims=claims).limits
    assert (limit.applies, limit.because) == (applies, because)


def test_a_header_that_is_an_identity_is_known_and_masked() -> None:
    secret = (("x-user", "s3cr3t"),)
    found = asked(LIMIT % {"name": "username"}, world=world("header:X-User"), headers=secret)
    assert (found.outcome, found.unknown) == ("admitted", ())
    assert found.limits[0].counters[0].value == "(masked)"
    assert "s3cr3t" not in repr(found)
    shown = asked(
        LIMIT % {"name": "username"}, world=world("header:X-User"), headers=secret, show_values=True
    )
    assert shown.limits[0].counters[0].value == "s3cr3t"
    assert asked(LIMIT % {"name": "username"}, world=world("header:X-User")).limits[0].applies == "no"


def test_nobody_shows_a_certificate_without_tls() -> None:
    found = asked(LIMIT % {"name": "san"}, world=world("mtls"))
    assert (found.outcome, found.limits[0].applies) == ("admitted", "no")


AUTHENTICATION = """\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: users}
spec: {jwtRules: [{issuer: https://i, jwks: '{"keys": [{"kty": "RSA"}]}'}]}
---
"""
SECURITY_POLICY = """\
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: users}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: toys}]
  jwt: {providers: [{name: keycloak, issuer: https://i}]}
---
"""
OF_METADATA = """
    a:
      rates: [{limit: 1, window: 10s}]
      when: [{predicate: "has(metadata.filter_metadata['envoy.filters.http.jwt_authn'].payload)"}]
    """
BY_PATH = "a: {rates: [{limit: 1, window: 10s}], counters: [{expression: request.path}]}"


@pytest.mark.parametrize(
    ("source", "more", "limits", "note"),
    [
        ("jwt", AUTHENTICATION, BY_PATH, ""),
        ("jwt:keycloak", SECURITY_POLICY, BY_PATH, ""),
        (
            "none",
            "",
            OF_METADATA,
            "--jwt is believed, and nothing authenticates tokens for Gateway default/gw; add a",
        ),
        ("none", AUTHENTICATION, OF_METADATA, ""),
        (
            "none",
            "",
            BY_PATH,
            "--jwt has no say: Gateway default/gw knows nobody; annotate it with kuadrant.io/identity: jwt",
        ),
        (
            "header:x-user",
            "",
            BY_PATH,
            "--jwt has no say: Gateway default/gw knows requests by header:x-user; annotate",
        ),
        (
            "jwt",
            SECURITY_POLICY,
            BY_PATH,
            "--jwt is believed, and nothing authenticates tokens for Gateway default/gw; add a",
        ),
        (
            "jwt:other",
            SECURITY_POLICY,
            BY_PATH,
            "--jwt is believed, and nothing authenticates tokens for Gateway default/gw; add a",
        ),
    ],
)
def test_claims_that_no_gateway_would_have_read_are_noted(
    source: str, more: str, limits: str, note: str
) -> None:
    (*notes,) = asked(policy(limits), more, world=world(source), claims={"sub": "alice"}).notes
    assert [one[: len(note)] for one in notes] == ([note] if note else [])


NOBODY = "nothing authenticates tokens for Gateway default/gw, so no request has claims; add a Request"


def test_where_nothing_authenticates_what_depends_on_claims_is_told_so() -> None:
    found = asked(policy(OF_METADATA))
    assert ([one.name for one in found.unknown], *found.notes) == (["metadata"], f"{NOBODY}Authentication")
    assert NOBODY in " ".join(short_text(found).split())
    assert asked(policy(OF_METADATA), AUTHENTICATION, world=world("none")).notes == ()
    assert asked(policy(BY_PATH)).notes == ()


def test_the_whole_reason_is_told_in_short() -> None:
    claim = "metadata.filter_metadata['envoy.filters.http.jwt_authn'].payload.sub"
    limit = f'a: {{rates: [{{limit: 1, window: 10s}}], counters: [{{expression: "{claim}"}}]}}'
    found = asked(policy(limit), claims={})
    assert found.outcome == "failed"
    told = " ".join(short_text(found).split())
    assert f"{claim} fails: {found.limits[0].counters[0].error}" in told
    assert "has no 'sub'" in told
    assert len(short_text(found).splitlines()) <= MOST_LINES
