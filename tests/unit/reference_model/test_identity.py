"""Who a request is from, in the model that gateways are held to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.policy.identity_source import IdentitySource
from kuadrant.reference_model import Expressions, Request
from kuadrant.reference_model.identity import identified

if TYPE_CHECKING:
    from kuadrant.reference_model.request import Value

JWT = IdentitySource("jwt", "payload")
CLAIMS: dict[str, Value] = {"sub": "alice", "level": 3.0, "admin": True, "teams": ["toys"], "a": {"b.c": "d"}}
FILTER: Value = {"envoy.filters.http.jwt_authn": {"payload": CLAIMS}}
CERTIFICATE: dict[tuple[str, str], Value] = {
    ("connection", "mtls"): True,
    ("connection", "uri_san_peer_certificate"): "spiffe://a/b",
    ("connection", "dns_san_peer_certificate"): "a.example",
    ("connection", "subject_peer_certificate"): "CN=a",
}


def seen(source: IdentitySource | None, attributes: dict[tuple[str, str], Value] | None = None) -> Request:
    request = Request(authority="a.x", headers=(("x-user", "bob"),), attributes=attributes or {})
    return identified(request, source)


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ("auth.identity.sub", "alice"),
        ("auth.identity.level", "3"),
        ("auth.identity.admin", "true"),
        ("auth.identity.teams", None),
        ("auth.identity.a", None),
        ("auth.identity.a.b\\.c", "d"),
        ("auth.identity.absent", None),
        ("auth.identity", None),
    ],
)
def test_claims_as_selectors_have_them(selector: str, text: str | None) -> None:
    assert seen(JWT, {("metadata", "filter_metadata"): FILTER}).text(selector) == text
    assert seen(JWT).text(selector) is None
    assert seen(None, {("metadata", "filter_metadata"): FILTER}).text(selector) is None


def test_claims_as_expressions_have_them() -> None:
    known = Expressions(seen(JWT, {("metadata", "filter_metadata"): FILTER}))
    assert known.text("auth.identity.sub") == "alice"
    assert known.holds("auth.identity.level == 3 && 'toys' in auth.identity.teams")
    assert not known.holds("has(auth.identity.absent)")
    nobody = Expressions(seen(JWT))
    assert not nobody.holds("has(auth.identity.sub)")
    assert nobody.text("auth.identity.?sub.orValue('nobody')") == "nobody"


def test_another_provider_has_said_nothing() -> None:
    mine = IdentitySource("jwt", "mine")
    assert seen(mine, {("metadata", "filter_metadata"): FILTER}).text("auth.identity.sub") is None


def test_a_header_is_who_somebody_is() -> None:
    request = seen(IdentitySource("header", "x-user"))
    assert request.text("auth.identity.username") == request.text("auth.identity.userid") == "bob"
    assert seen(IdentitySource("header", "x-other")).text("auth.identity.username") is None


@pytest.mark.parametrize(
    ("without", "san"),
    [((), "spiffe://a/b"), (("uri_san_peer_certificate",), "a.example"), (("mtls",), None)],
)
def test_a_certificate_is_who_somebody_is(without: tuple[str, ...], san: str | None) -> None:
    attributes = {key: value for key, value in CERTIFICATE.items() if key[1] not in without}
    request = seen(IdentitySource("mtls"), attributes)
    assert request.text("auth.identity.san") == san
    assert request.text("auth.identity.subject") == (san and "CN=a")
