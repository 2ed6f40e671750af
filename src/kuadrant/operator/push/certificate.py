"""Makes the certificate by which gateways know the push server, and renews it.

It has an authority of its own, whose key is thrown away at once: nobody can ever sign anything else that
gateways would believe.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import ipaddress
from typing import Final

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
from msgspec import Struct

from kuadrant.operator.secrets.stored_secret import InvalidSecretError, StoredSecret
from kuadrant.xds import Certificate

NAME: Final = "kuadrant-push-server"
"""The name of the Secret."""

REPLICA: Final = "a replica asks what another one hears"
PROOF: Final = "whether the push server is reached is being found out"
"""The purposes of words."""

LIFE: Final = dt.timedelta(days=5 * 365)
"""Gateways get new listeners with a new authority, so seldom."""
RENEWED_BEFORE_END: Final = dt.timedelta(days=365)
_SKEW: Final = dt.timedelta(hours=1)
"""A gateway's clock may be behind ours by this much."""

_AUTHORITY, _CHAIN, _KEY = "ca.crt", "tls.crt", "tls.key"


class Shown(Struct, frozen=True, kw_only=True):
    """Holds what the push server shows.

    Attributes:
        authority: the authority by which gateways are to know it, in PEM.
        certificate: its certificate with the key.
    """

    authority: str
    certificate: Certificate


def word_of(certificate: Certificate, purpose: str) -> str:
    """Return a word for one purpose that only who has the certificate's key can know, as replicas do.

    Neither the key nor another word follows from it.
    """
    return hmac.new(certificate.key, purpose.encode(), hashlib.sha256).hexdigest()


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
    """Return what a Secret has us show. Without `ca.crt` the certificate is its own authority.

    Raises:
        InvalidSecretError: the certificate or its key is missing, cannot be read, or is not that of the
            other.
    """
    chain, key = secret.value(_CHAIN), secret.value(_KEY)
    authority = secret.value(_AUTHORITY if secret.data.get(_AUTHORITY) else _CHAIN)
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


def end(certificate: Certificate) -> float:
    """Return when a certificate ends, in seconds since 1970."""
    return x509.load_pem_x509_certificate(certificate.chain).not_valid_after_utc.timestamp()


def is_due(secret: StoredSecret | None, host: str, now: dt.datetime) -> bool:
    """Tell whether a new certificate is to be put in the place of what is there.

    Never in the place of one that somebody else has put there.
    """
    if secret is None:
        return True
    if not secret.is_ours:
        return False
    try:
        leaf = x509.load_pem_x509_certificate(shown(secret).certificate.chain)
    except InvalidSecretError:
        return True
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return _general_name(host) not in names or now > leaf.not_valid_after_utc - RENEWED_BEFORE_END


class PushCertificate(Struct, frozen=True):
    """Tells a `SecretKeeper` how to keep the push server's certificate.

    Attributes:
        namespace: the namespace of the Secret.
        host: the name by which gateways reach the push server.
        what: its name for people.
        type: the type of the Secret.
    """

    namespace: str
    host: str
    what: str = "the push server's certificate"
    type: str = "kubernetes.io/tls"

    @property
    def key(self) -> tuple[str, str]:
        """The namespace and name of the Secret."""
        return (self.namespace, NAME)

    def read(self, secret: StoredSecret) -> Shown:
        """Return what a Secret has us show, as `shown` does."""
        return shown(secret)

    def due(self, secret: StoredSecret | None, _held: Shown | None) -> dict[str, bytes] | None:
        """Return what is to be put in the place of what is there; None if that stays."""
        now = dt.datetime.now(dt.UTC)
        return values(made(self.host, now)) if is_due(secret, self.host, now) else None


def values(content: Shown) -> dict[str, bytes]:
    """Return the content of the Secret for what is shown."""
    return {
        _AUTHORITY: content.authority.encode(),
        _CHAIN: content.certificate.chain,
        _KEY: content.certificate.key,
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
