"""What a Gateway or the Kuadrant says of where identities come from, and which policies ask for one."""

from __future__ import annotations

import pytest

from kuadrant.policy.condition import (
    Counter,
    ExpressionCondition,
    ExpressionCounter,
    PolicyCondition,
    SelectorCondition,
    SelectorCounter,
)
from kuadrant.policy.identity_source import IdentitySource, identity_source, reads_identity


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("jwt", IdentitySource("jwt", "payload")),
        ("jwt:keycloak", IdentitySource("jwt", "keycloak")),
        ("jwt:a:b", IdentitySource("jwt", "a:b")),
        ("header:X-User", IdentitySource("header", "x-user")),
        ("mtls", IdentitySource("mtls")),
        (" mtls ", IdentitySource("mtls")),
        ("none", None),
    ],
)
def test_what_can_be_said(text: str, source: IdentitySource | None) -> None:
    assert identity_source(text) == source


@pytest.mark.parametrize("text", ["", "JWT", "jwt:", "header", "header:", "header:a b", "mtls:x", "oidc"])
def test_what_means_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="is no source of identities"):
        identity_source(text)


@pytest.mark.parametrize(
    ("part", "reads"),
    [
        (SelectorCounter("auth.identity.sub"), True),
        (SelectorCounter("auth.metadata.sub"), False),
        (SelectorCounter("request.headers.auth"), False),
        (SelectorCondition("auth.identity.sub", "eq", "x"), True),
        (ExpressionCounter("auth.identity.sub"), True),
        (ExpressionCondition("has(auth.identity.sub)"), True),
        (ExpressionCondition("'sub' in auth.identity"), True),
        (ExpressionCondition("request.path == '/auth.identity'"), False),
        (ExpressionCondition("request.headers['auth'] == 'x'"), False),
    ],
)
def test_who_asks_for_an_identity(part: Counter | PolicyCondition, reads: bool) -> None:
    assert reads_identity([part]) is reads
