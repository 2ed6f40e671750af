"""Which certificates listeners of HTTPS show, what is wrong with the others, and what stays."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.api import documents
from kuadrant.gateways.envoy import Certificates, TlsChain, certificates
from tests.listener_certificates import NOW, Made, made, secret

DAY = dt.timedelta(days=1)
LISTENER = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: default}
spec:
  gatewayClassName: x
  listeners:
  - {name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: shown}]}}
"""
GRANT = """
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: g, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}]
  to: [{group: "", kind: Secret, name: shown}]
"""
ELSEWHERE = LISTENER.replace("name: shown", "name: shown, namespace: other")
NAME = "default/gw/https/0"


def valid(host: str = "a.example", **how: object) -> Made:
    return made(host, **{"begin": NOW - DAY, "end": NOW + DAY, **how})  # type: ignore[arg-type]


GOOD, OTHER = valid(), valid()


def shown(*texts: str, before: Certificates | None = None) -> Certificates:
    folder = documents.read((f"{number}.yaml", text) for number, text in enumerate(texts))
    assert not folder.problems
    return certificates(folder, NOW, before.held if before else {})


def told(found: Certificates) -> list[tuple[str, str, str, str]]:
    return [(one.code, one.kind, one.field, one.message) for one in found.problems]


def test_a_listener_shows_the_certificate_of_its_secret() -> None:
    found = shown(LISTENER, secret("shown", GOOD))

    assert found.chains == {("default/gw", 443): (TlsChain("*", (NAME,)),)}
    assert found.held[NAME].chain.encode() == GOOD.chain
    assert found.held[NAME].key.encode() == GOOD.key
    assert found.problems == ()


def test_what_is_written_as_text_wins() -> None:
    written = (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: shown, namespace: default}\ntype: kubernetes.io/tls\n"
        "data: {tls.crt: bm8=, tls.key: bm8=}\nstringData:\n"
    )
    for name, value in (("tls.crt", GOOD.chain), ("tls.key", GOOD.key)):
        written += f"  {name}: |\n" + "".join(f"    {line}\n" for line in value.decode().splitlines())
    assert shown(LISTENER, written).held[NAME].key.encode() == GOOD.key


def encrypted(of: Made) -> Made:
    key = load_pem_private_key(of.key, None)
    hidden = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    return Made(of.chain, hidden)


@pytest.mark.parametrize(
    ("of", "field", "message"),
    [
        (
            Made(GOOD.chain, OTHER.key),
            "tls.key",
            "does not fit the certificate: it is the key of another one",
        ),
        (Made(GOOD.chain, b""), "tls.key", "is missing"),
        (Made(b"", GOOD.key), "tls.crt", "is missing"),
        (Made(GOOD.chain, b"secret"), "tls.key", "has no private key in PEM"),
        (Made(b"nothing", GOOD.key), "tls.crt", "has no certificate in PEM"),
        (encrypted(GOOD), "tls.key", "is encrypted; write it without a password"),
        (
            valid(key=ed25519.Ed25519PrivateKey.generate()),
            "tls.key",
            "is of a kind that Envoy does not take; it takes RSA, and ECDSA with P-256, P-384, P-521",
        ),
        (
            valid(key=ec.generate_private_key(ec.SECP256K1())),
            "tls.key",
            "is of the curve secp256k1; Envoy takes P-256, P-384 and P-521",
        ),
        (
            valid(key=rsa.generate_private_key(65537, 1024)),
            "tls.key",
            "is of RSA with 1024 bits; Envoy takes 2048 and more",
        ),
    ],
)
def test_a_secret_that_cannot_be_used_is_told_and_the_one_before_stays(
    of: Made, field: str, message: str
) -> None:
    bad = secret("shown", of)
    code, kind, place = "certificate-invalid", "Secret", f'data["{field}"]'
    where = "listener https of Gateway default/gw"

    alone = shown(LISTENER, bad)
    assert (alone.chains, alone.held) == ({}, {})
    assert told(alone) == [(code, kind, place, f"{message}; {where} is not served")]

    before = shown(LISTENER, secret("shown", GOOD))
    after = shown(LISTENER, bad, before=before)
    assert (after.chains, after.held) == (before.chains, before.held)
    assert told(after) == [(code, kind, place, f"{message}; {where} goes on with the certificate before")]


def test_an_expired_certificate_takes_the_place_of_none_that_is_valid() -> None:
    expired = secret("shown", valid(begin=NOW - 2 * DAY, end=NOW - DAY))
    before = shown(LISTENER, secret("shown", GOOD))
    where = "listener https of Gateway default/gw"
    message = "has expired on 2025-12-31 at 00:00 UTC"

    alone, after = shown(LISTENER, expired), shown(LISTENER, expired, before=before)

    assert [*alone.held] == [NAME]
    (one,) = told(alone)
    assert one[3] == f"{message}; {where} shows it, and clients refuse it"
    assert after.held == before.held
    (one,) = told(after)
    assert one[3] == f"{message}; {where} goes on with the certificate before"
    assert shown(LISTENER, expired, before=alone).held == alone.held


def test_a_certificate_that_is_not_valid_yet_is_told() -> None:
    (one,) = told(shown(LISTENER, secret("shown", valid(begin=NOW + DAY, end=NOW + 2 * DAY))))
    assert one[3].startswith("is not valid before 2026-01-02 at 00:00 UTC; ")


def test_a_secret_of_another_namespace_needs_its_permission() -> None:
    there = secret("shown", GOOD, "other")

    permitted = shown(ELSEWHERE, there, GRANT)
    assert [*permitted.held] == [NAME]
    revoked = shown(ELSEWHERE, there, before=permitted)
    assert revoked.held == {}
    assert [one[0] for one in told(revoked)] == ["ref-not-permitted"]
    # Nor does it stay by way of another mistake.
    assert shown(LISTENER, before=permitted).held == {}
    assert [*shown(LISTENER, GRANT, before=permitted).held] == [NAME]


@pytest.mark.parametrize("part", ["from", "to"])
def test_a_permission_of_something_else_is_none(part: str) -> None:
    other = (
        GRANT.replace("kind: Gateway", "kind: HTTPRoute")
        if part == "from"
        else GRANT.replace("Secret", "Service")
    )
    assert shown(ELSEWHERE, secret("shown", GOOD, "other"), other).held == {}


def test_listeners_of_one_port_have_their_own_certificates_and_one_bad_secret_is_nothing_to_the_others() -> (
    None
):
    more = LISTENER.rstrip() + "".join(
        f"\n  - {{name: {name}, hostname: {name}.example, port: 443, protocol: HTTPS, "
        f"tls: {{certificateRefs: [{refs}]}}}}"
        for name, refs in (("b", "{name: b}"), ("c", "{name: c}, {name: b}"))
    )
    found = shown(more, secret("shown", GOOD), secret("b", OTHER), secret("c", Made(b"", b"")).rstrip())

    assert found.chains == {
        ("default/gw", 443): (
            TlsChain("*", (NAME,)),
            TlsChain("b.example", ("default/gw/b/0",)),
            TlsChain("c.example", ("default/gw/c/1",)),
        )
    }
    (one,) = told(found)
    assert one[3] == "is missing; listener c of Gateway default/gw has its other certificates"


def test_who_asks_for_certificates_of_clients_gets_no_listener_without_that_check() -> None:
    before = shown(LISTENER, secret("shown", GOOD))
    for asking in (
        LISTENER.replace("{certificateRefs", "{frontendValidation: {caCertificateRefs: []}, certificateRefs"),
        LISTENER.replace("  listeners:", "  tls: {frontend: {default: {}}}\n  listeners:"),
    ):
        found = shown(asking, secret("shown", GOOD), before=before)
        assert found.held == {}
        assert [one[0] for one in told(found)] == ["client-certificates"]


HIDDEN = "hunter2hunter2"
_VALUES = st.recursive(
    st.sampled_from(
        [HIDDEN, f"{HIDDEN}:", f"[{HIDDEN}", f"!{HIDDEN}", f"-----BEGIN {HIDDEN}", f"&{HIDDEN} x"]
    )
    | st.sampled_from(["1", "null", "true", "''"]),
    lambda inner: inner.map(lambda one: f"[{one}]") | inner.map(lambda one: f"{{tls.key: {one}}}"),
    max_leaves=2,
)


@given(
    data=_VALUES,
    text=_VALUES,
    field=st.sampled_from(["data", "stringData", "dta"]),
    kind=st.sampled_from(["v1", "v2"]),
)
def test_whatever_is_wrong_with_a_secret_its_values_are_never_told(
    data: str, text: str, field: str, kind: str
) -> None:
    document = (
        f"apiVersion: {kind}\nkind: Secret\nmetadata: {{name: shown, namespace: default}}\n"
        f"type: kubernetes.io/tls\n{field}: {data}\nstringData:\n  tls.crt: {text}\n"
    )
    folder = documents.read([("gateway.yaml", LISTENER), ("secret.yaml", document)])
    found = certificates(folder, NOW, {})
    said = [
        *map(str, folder.problems),
        *map(str, folder.notes),
        *map(str, found.problems),
        repr(folder.objects),
    ]
    assert not any(HIDDEN in one for one in said)
