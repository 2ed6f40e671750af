"""Keys of issuers in files of their own."""

from __future__ import annotations

import pytest

from kuadrant.standalone.folder_files import File
from kuadrant.standalone.plan import read
from tests import tokens

TEXT = """
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: users, namespace: default}
spec:
  jwtRules:
  - {issuer: a, jwksUri: "%s"}
"""


@pytest.mark.parametrize(
    ("named", "document", "keys", "found"),
    [
        ("file:users.jwks.json", "a.yaml", "users.jwks.json", True),
        ("file:users.jwks.json", "x/a.yaml", "x/users.jwks.json", True),
        ("file:users.jwks.json", "x/a.yaml", "users.jwks.json", False),
        ("file:../users.jwks.json", "x/a.yaml", "users.jwks.json", False),
        ("file:/users.jwks.json", "a.yaml", "/users.jwks.json", False),
        ("https://users.jwks.json", "a.yaml", "users.jwks.json", False),
        ("file:other.jwks.json", "a.yaml", "users.jwks.json", False),
    ],
)
def test_a_rule_has_the_keys_of_the_file_beside_it(named: str, document: str, keys: str, found: bool) -> None:
    folder = read([File(document, TEXT % named), File(keys, tokens.JWKS)])
    assert folder.problems == ()
    (rule,) = folder.objects.request_authentications[0].spec.jwt_rules
    assert rule.jwks == (tokens.JWKS if found else None)


def test_keys_that_are_written_there_count() -> None:
    text = TEXT.replace("{issuer: a,", "{issuer: a, jwks: '{}',") % "file:users.jwks.json"
    folder = read([File("a.yaml", text), File("users.jwks.json", tokens.JWKS)])
    assert folder.objects.request_authentications[0].spec.jwt_rules[0].jwks == "{}"
