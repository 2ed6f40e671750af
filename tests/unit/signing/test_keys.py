"""Which keys can be used, and what is said of others."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from kuadrant.signing.keys import KeyFileError, signing_key, trusted_key
from tests.signed_releases import ED25519, P256, private_pem, public_pem

RSA = rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(("key", "algorithm"), [(ED25519, "ed25519"), (P256, "ecdsa-p256")])
def test_both_kinds_of_keys_sign_always_the_same_and_are_named_by_the_sha256_of_their_der(
    key: ec.EllipticCurvePrivateKey, algorithm: str
) -> None:
    signing, trusted = signing_key(private_pem(key)), trusted_key(public_pem(key))
    assert signing.trusted == trusted
    assert trusted.algorithm == algorithm
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert trusted.key_id == hashlib.sha256(der).hexdigest()
    assert signing.sign(b"x") == signing_key(private_pem(key)).sign(b"x")
    assert trusted.has_signed(b"x", signing.sign(b"x"))
    assert not trusted.has_signed(b"y", signing.sign(b"x"))


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"0\0", b"0\x06\x02\1\0\x02\1\0", b"\xff" * 200])
@pytest.mark.parametrize("key", [ED25519, P256])
def test_what_is_no_signature_is_none_of_any_key(key: ec.EllipticCurvePrivateKey, signature: bytes) -> None:
    assert not trusted_key(public_pem(key)).has_signed(b"x", signature)


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        (public_pem(RSA), "is a key of the kind RSA; an Ed25519 or P-256 key is wanted"),
        (public_pem(ed448.Ed448PrivateKey.generate()), "is a key of the kind Ed448; an Ed25519 or P-256"),
        (public_pem(ec.generate_private_key(ec.SECP384R1())), "is a key of the curve secp384r1; an Ed25519"),
        (public_pem(ec.generate_private_key(ec.SECP256K1())), "is a key of the curve secp256k1; an Ed25519"),
        (private_pem(ED25519), "is a private key, and who only checks needs none: `openssl pkey -in KEY"),
        (b"-----BEGIN EC PRIVATE KEY-----\n", "is a private key"),
        (b"-----BEGIN CERTIFICATE-----\n", "is a certificate; `openssl x509 -in FILE -noout -pubkey` gives"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "holds a block 'PGP PUBLIC KEY BLOCK'; a PUBLIC KEY"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "is damaged: no public key"),
        (b"-----BEGIN PUBLIC KEY-----\n", "is damaged: no public key"),
        (public_pem(ED25519) + public_pem(P256), "holds 2 blocks of PEM; give each key in a file of its own"),
        (b"ssh-ed25519 AAAAC3Nza", "is an OpenSSH key; a key in PEM is wanted"),
        (b"", "is no PEM file; a key in PEM is wanted, which begins with -----BEGIN"),
        (b"\x30\x2a\x30\x05", "is no PEM file"),
    ],
)
def test_what_is_no_key_to_trust_is_said_plainly(pem: bytes, said: str) -> None:
    with pytest.raises(KeyFileError) as error:
        trusted_key(pem)
    assert str(error.value).startswith(said)


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        (private_pem(RSA), "is a key of the kind RSA; an Ed25519 or P-256 key is wanted"),
        (private_pem(dsa.generate_private_key(2048)), "is a key of the kind DSA; an Ed25519 or P-256"),
        (public_pem(ED25519), "is a public key, which cannot sign; the private one is wanted"),
        (b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n", "is a private key in cosign's own form, which"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\n", "holds a block 'OPENSSH PRIVATE KEY'; a PRIVATE KEY"),
        (b"-----BEGIN PRIVATE KEY-----\n", "cannot be read as a private key: it is damaged; an Ed25519"),
    ],
)
def test_what_is_no_key_to_sign_with_is_said_plainly(pem: bytes, said: str) -> None:
    with pytest.raises(KeyFileError) as error:
        signing_key(pem)
    assert str(error.value).startswith(said)


def test_a_key_with_a_password_is_opened_by_it_and_by_nothing_else() -> None:
    pem = ED25519.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame"))
    assert signing_key(pem, "sesame").trusted == trusted_key(public_pem(ED25519))
    with pytest.raises(KeyFileError, match="is encrypted; KUADRANT_KEY_PASSWORD has to hold its password"):
        signing_key(pem)
    with pytest.raises(KeyFileError, match="KUADRANT_KEY_PASSWORD does not open it"):
        signing_key(pem, "simsim")
    assert signing_key(private_pem(ED25519), "of another key").trusted == trusted_key(public_pem(ED25519))


def test_a_key_is_never_shown() -> None:
    assert repr(signing_key(private_pem(ED25519))).count("SigningKey(trusted=") == 1
    assert "private" not in repr(signing_key(private_pem(ED25519)))
