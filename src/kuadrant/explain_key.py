"""Keys of those who may ask gateways what is decided for their requests (`kuadrant explain --live`).

Whoever asks has the private half, in a file that is his alone; a gateway knows the public half.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

if TYPE_CHECKING:
    from pathlib import Path


def read_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Return the key in a PEM file.

    Raises:
        ValueError: It is none, has a password, or is not of the curve P-256.
    """
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise ValueError("is no private key in PEM, or has a password") from None
    if not (isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)):
        raise ValueError("is no key of the curve P-256 (prime256v1)")  # noqa: TRY004 - the value is wrong
    return key


def public_text(key: ec.EllipticCurvePrivateKey) -> str:
    """Return what gateways are told of a key."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def make_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Make a key, and the file ``path`` with its private half, which nobody else can read.

    Raises:
        OSError: The file is there already, or cannot be made.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    return key
