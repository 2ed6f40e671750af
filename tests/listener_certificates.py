"""Certificates of listeners for tests, as Secrets of a folder."""

from __future__ import annotations

import base64
import datetime as dt
from typing import TYPE_CHECKING

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_DAY = dt.timedelta(days=1)


class Made(msgspec.Struct, frozen=True):
    """A certificate and its key, in PEM."""

    chain: bytes
    key: bytes


def made(
    host: str,
    *,
    key: CertificateIssuerPrivateKeyTypes | None = None,
    begin: dt.datetime | None = None,
    end: dt.datetime | None = None,
    uri: str | None = None,
) -> Made:
    """Make a certificate for ``host`` that speaks for itself; by default it is valid today.

    With ``uri`` that is its first alternative name.
    """
    today = dt.datetime.now(dt.UTC)
    own = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    algorithm = hashes.SHA256() if hasattr(own, "curve") or hasattr(own, "key_size") else None
    uris = [] if uri is None else [x509.UniformResourceIdentifier(uri)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin or today - _DAY)
        .not_valid_after(end or today + _DAY)
        .add_extension(x509.SubjectAlternativeName([*uris, x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(own, algorithm)
    )
    return Made(
        certificate.public_bytes(Encoding.PEM),
        own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def secret(name: str, of: Made, namespace: str = "default", *, kind: str = "kubernetes.io/tls") -> str:
    """Return a Secret as ``kubectl create secret tls`` makes it."""
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": kind,
        "data": {
            "tls.crt": base64.b64encode(of.chain).decode(),
            "tls.key": base64.b64encode(of.key).decode(),
        },
    }
    return msgspec.yaml.encode(document).decode()
