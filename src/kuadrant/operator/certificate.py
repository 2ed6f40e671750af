"""The certificate by which gateways know the push server: how it is made, when another one is due, and its form as a Secret.

It has an authority of its own, whose key is thrown away at once: nobody can ever sign anything else that gateways would believe.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct, field

from kuadrant.api.meta import ObjectMeta
from kuadrant.kube.kind import Kind
from kuadrant.xds import Certificate

NAME: Final = "kuadrant-push-server"
"""Of the Secret."""
OURS: Final = {"app.kubernetes.io/managed-by": "kuadrant-operator"}
"""Labels of a Secret that we made. One that does not have them is somebody else's and is taken as it is."""

LIFE: Final = dt.timedelta(days=5 * 365)
"""Gateways get new listeners with a new authority, so seldom."""
RENEWED_BEFORE_END: Final = dt.timedelta(days=365)
_SKEW: Final = dt.timedelta(hours=1)
"""By how much a gateway's clock may be behind ours."""

_AUTHORITY, _CHAIN, _KEY = "ca.crt", "tls.crt", "tls.key"


class Shown(Struct, frozen=True, kw_only=True):
    """What the push server shows, and the authority, in PEM, by which gateways are to know it."""

    authority: str
    certificate: Certificate


class InvalidSecretError(Exception):
    """A Secret has no certificate that can be shown; the text says why and holds nothing of it."""


class StoredSecret(Struct, frozen=True):
    """A Secret as the API server has it, its values in base64."""

    metadata: ObjectMeta
    data: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Without what it holds."""
        return f"StoredSecret({self.metadata.namespace}/{self.metadata.name})"


SECRETS: Final = Kind("", "v1", "secrets", "Secret", StoredSecret)


def made(host: str, now: dt.datetime) -> Shown:
    """Return a new certificate for ``host``, a DNS name or an IP address, with a new authority."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name = _name("kuadrant-push-server-authority")
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    authority = (
        _builder(authority_name, authority_name, authority_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        # A common name has at most 64 characters; nobody looks at it.
        _builder(_name(NAME), authority_name, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return Shown(
        authority=authority.public_bytes(Encoding.PEM).decode(),
        certificate=Certificate(
            chain=server.public_bytes(Encoding.PEM),
            key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ),
    )


def shown(secret: StoredSecret) -> Shown:
    """Return what a Secret has us show. Without ``ca.crt`` the certificate is its own authority.

    Raises:
        InvalidSecretError: The certificate or its key is missing, cannot be read, or is not that of the other.
    """
    try:
        chain, key = (base64.b64decode(secret.data[name], validate=True) for name in (_CHAIN, _KEY))
        authority = base64.b64decode(secret.data.get(_AUTHORITY) or secret.data[_CHAIN], validate=True)
    except KeyError as error:
        raise InvalidSecretError(f"it has no {error.args[0]}") from None
    except binascii.Error:
        raise InvalidSecretError("its values are not base64") from None
    try:
        (leaf, *_), _ = x509.load_pem_x509_certificates(chain), x509.load_pem_x509_certificates(authority)
    except ValueError:
        raise InvalidSecretError(f"{_CHAIN} or {_AUTHORITY} is no certificate in PEM") from None
    try:
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError):
        raise InvalidSecretError(f"{_KEY} is no key in PEM without a password") from None
    if private.public_key() != leaf.public_key():
        raise InvalidSecretError(f"{_KEY} is not the key of {_CHAIN}")
    return Shown(authority=authority.decode(), certificate=Certificate(chain=chain, key=key))


def is_due(secret: StoredSecret | None, host: str, now: dt.datetime) -> bool:
    """Whether a new certificate is to be put in the place of what is there: never of one that somebody else has put there."""
    if secret is None:
        return True
    if not OURS.items() <= secret.metadata.labels.items():
        return False
    try:
        leaf = x509.load_pem_x509_certificate(shown(secret).certificate.chain)
    except InvalidSecretError:
        return True
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return _general_name(host) not in names or now > leaf.not_valid_after_utc - RENEWED_BEFORE_END


def document(namespace: str, content: Shown, former_version: str = "") -> dict[str, Any]:
    """Return the Secret with this content, in the place of the one of ``former_version`` and of no other."""
    metadata: dict[str, Any] = {"name": NAME, "namespace": namespace, "labels": {"app": "kuadrant", **OURS}}
    if former_version:
        metadata["resourceVersion"] = former_version
    values = {
        _AUTHORITY: content.authority.encode(),
        _CHAIN: content.certificate.chain,
        _KEY: content.certificate.key,
    }
    return {
        "apiVersion": SECRETS.api_version,
        "kind": SECRETS.name,
        "type": "kubernetes.io/tls",
        "metadata": metadata,
        "data": {name: base64.b64encode(value).decode() for name, value in values.items()},
    }


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + LIFE)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
