"""Keys that sign and keys that are trusted: Ed25519, or ECDSA on P-256 with SHA-256; nothing else.

The key decides by which algorithm a signature is checked: what a signed file says of it counts for nothing.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_PUBLIC: Final = "PUBLIC KEY"
_PRIVATE: Final = frozenset({"PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY"})
_WANTED: Final = "an Ed25519 or P-256 key is wanted"
_MAKE_PUBLIC: Final = "`openssl pkey -in KEY -pubout` gives the public one"


class KeyFileError(ValueError):
    """A file is no key that can be used here; the text says what it is, to be put after its path."""


@dataclass(frozen=True)
class TrustedKey:
    """A public key whose signatures count.

    Attributes:
        key_id: The SHA-256 of the key's DER form, in hexadecimal digits.
        algorithm: What it is called: ed25519 or ecdsa-p256.
        public: The key itself.
    """

    key_id: str
    algorithm: str
    public: Ed25519PublicKey | ec.EllipticCurvePublicKey = field(repr=False, compare=False)

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Tell whether ``signature`` is of this key, over exactly ``message``."""
        try:
            if isinstance(self.public, Ed25519PublicKey):
                self.public.verify(signature, message)
            else:
                self.public.verify(signature, message, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """A private key, with its public half."""

    trusted: TrustedKey
    private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    def sign(self, message: bytes) -> bytes:
        """Return the signature; the same message always gives the same one (RFC 8032, RFC 6979)."""
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(message)
        return self.private.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True))


def trusted_key(pem: bytes) -> TrustedKey:
    """Return the public key of a PEM file, as ``openssl pkey -pubout`` and cosign write it.

    Raises:
        KeyFileError: it is not exactly one such key.
    """
    block = _only_block(pem)
    if block in _PRIVATE or block.endswith("PRIVATE KEY"):
        raise KeyFileError(f"is a private key, and who only checks needs none: {_MAKE_PUBLIC}")
    if block == "CERTIFICATE":
        raise KeyFileError("is a certificate; `openssl x509 -in FILE -noout -pubkey` gives its public key")
    if block != _PUBLIC:
        raise KeyFileError(f"holds a block {block!r}; a PUBLIC KEY is wanted: {_MAKE_PUBLIC}")
    try:
        return _trusted(load_pem_public_key(pem))
    except (ValueError, UnsupportedAlgorithm) as error:
        if isinstance(error, KeyFileError):
            raise
        raise KeyFileError(f"is damaged: no public key can be read from it; {_WANTED}") from None


def signing_key(pem: bytes, password: str | None = None) -> SigningKey:
    """Return the private key of a PEM file (PKCS #8, or SEC 1 for P-256).

    Raises:
        KeyFileError: it is not exactly one such key, or ``password`` does not open it.
    """
    block = _only_block(pem)
    if block == _PUBLIC:
        raise KeyFileError("is a public key, which cannot sign; the private one is wanted")
    if block.startswith("ENCRYPTED") and block.endswith(("SIGSTORE PRIVATE KEY", "COSIGN PRIVATE KEY")):
        raise KeyFileError(
            "is a private key in cosign's own form, which only cosign reads; make one with"
            " `openssl genpkey -algorithm ed25519`, or import one into cosign"
        )
    if block not in _PRIVATE:
        raise KeyFileError(f"holds a block {block!r}; a PRIVATE KEY is wanted, {_WANTED}")
    if block.startswith("ENCRYPTED") and password is None:
        raise KeyFileError("is encrypted; KUADRANT_KEY_PASSWORD has to hold its password")
    try:
        # A password for a key that has none is an error to the library; to people it is none.
        private = load_pem_private_key(pem, password.encode() if password and b"ENCRYPTED" in pem else None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        how = "KUADRANT_KEY_PASSWORD does not open it" if b"ENCRYPTED" in pem else "it is damaged"
        raise KeyFileError(f"cannot be read as a private key: {how}; {_WANTED}") from None
    return _signing(private)


def _signing(private: PrivateKeyTypes) -> SigningKey:
    trusted = _trusted(private.public_key())
    assert isinstance(private, Ed25519PrivateKey | ec.EllipticCurvePrivateKey)
    return SigningKey(trusted, private)


def _trusted(public: PublicKeyTypes) -> TrustedKey:
    if isinstance(public, Ed25519PublicKey):
        return TrustedKey(_key_id(public), "ed25519", public)
    if isinstance(public, ec.EllipticCurvePublicKey):
        if isinstance(public.curve, ec.SECP256R1):
            return TrustedKey(_key_id(public), "ecdsa-p256", public)
        raise KeyFileError(f"is a key of the curve {public.curve.name}; {_WANTED}")
    kind = type(public).__name__.removesuffix("PublicKey").strip("_")
    raise KeyFileError(f"is a key of the kind {kind}; {_WANTED}")


def _key_id(public: Ed25519PublicKey | ec.EllipticCurvePublicKey) -> str:
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _only_block(pem: bytes) -> str:
    blocks = _BLOCK.findall(pem)
    if not blocks:
        kind = "an OpenSSH key" if pem.startswith((b"ssh-", b"ecdsa-sha2-")) else "no PEM file"
        raise KeyFileError(f"is {kind}; a key in PEM is wanted, which begins with -----BEGIN")
    if len(blocks) > 1:
        raise KeyFileError(f"holds {len(blocks)} blocks of PEM; give each key in a file of its own")
    return str(blocks[0].decode())
