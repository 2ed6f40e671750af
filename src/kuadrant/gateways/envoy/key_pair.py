"""A certificate with its key, as Envoy can show it."""

from __future__ import annotations

import datetime as dt
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
from msgspec import Struct

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_LEAST_RSA_BITS: Final = 2048
_CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")


class KeyPairError(ValueError):
    """Envoy cannot use it; the text tells why, and nothing of the key.

    Attributes:
        of_key: whether the key is to blame, not the certificate.
    """

    def __init__(self, message: str, *, of_key: bool) -> None:
        super().__init__(message)
        self.of_key = of_key


class KeyPair(Struct, frozen=True, gc=False):
    """A certificate, with what leads from it to an authority, and its key: both in PEM.

    It is valid from ``begin`` to ``end``, both included. ``origin`` is the place that it is from.
    """

    chain: str
    key: str
    begin: dt.datetime
    end: dt.datetime
    origin: tuple[str, str] = ("", "")

    def __repr__(self) -> str:
        """Without the key."""
        return f"KeyPair(until {self.end:%Y-%m-%d})"

    def untimely(self, now: dt.datetime) -> str | None:
        """Say so if it is not valid at the time ``now``."""
        if now > self.end:
            return f"has expired on {self.end:%Y-%m-%d at %H:%M} UTC"
        if now < self.begin:
            return f"is not valid before {self.begin:%Y-%m-%d at %H:%M} UTC"
        return None


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
