"""Reads certificates and their keys, and tells which of them Envoy takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from kuadrant.gateways.envoy.key_pair import KeyPair, KeyPairError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_LEAST_RSA_BITS: Final = 2048
_CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")


def key_pair(certificate: bytes, key: bytes, origin: tuple[str, str]) -> KeyPair:
    """Read a certificate and its key; what stands around them is left out.

    Raises:
        KeyPairError: Envoy could not use them.
    """
    try:
        chain = x509.load_pem_x509_certificates(certificate)
        public = chain[0].public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise KeyPairError("has no certificate in PEM", of_key=False) from None
    private = _private(key)
    if private.public_key() != public:
        raise KeyPairError("does not fit the certificate: it is the key of another one", of_key=True)
    return KeyPair(
        chain="".join(one.public_bytes(Encoding.PEM).decode() for one in chain),
        key=private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        begin=chain[0].not_valid_before_utc,
        end=chain[0].not_valid_after_utc,
        origin=origin,
    )


def _private(text: bytes) -> PrivateKeyTypes:
    try:
        private = load_pem_private_key(text, None)
    except TypeError:
        raise KeyPairError("is encrypted; write it without a password", of_key=True) from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyPairError("has no private key in PEM", of_key=True) from None
    match private:
        case RSAPrivateKey() if private.key_size < _LEAST_RSA_BITS:
            reason = f"is of RSA with {private.key_size} bits; Envoy takes {_LEAST_RSA_BITS} and more"
        case EllipticCurvePrivateKey() if private.curve.name not in _CURVES:
            reason = f"is of the curve {private.curve.name}; Envoy takes P-256, P-384 and P-521"
        case RSAPrivateKey() | EllipticCurvePrivateKey():
            return private
        case _:
            reason = "is of a kind that Envoy does not take; it takes RSA, and ECDSA with P-256, P-384, P-521"
    raise KeyPairError(reason, of_key=True)
