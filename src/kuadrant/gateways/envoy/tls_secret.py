"""The certificate that a Secret holds."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kuadrant.api.document_nodes import quoted
from kuadrant.gateways.envoy.key_pair import KeyPair, KeyPairError

if TYPE_CHECKING:
    import datetime as dt

    from kuadrant.api.secret import Secret

_TYPE: Final = "kubernetes.io/tls"
_CERTIFICATE: Final = "tls.crt"
_KEY: Final = "tls.key"


class Flaw(Struct, frozen=True, gc=False):
    """Says why a certificate cannot be used as it should be: a sentence about a field of an object.

    Attributes:
        forbids: whether the one before may not be shown any more, either.
        pair: the certificate, if it can be shown where there is no better one.
    """

    code: str
    subject: tuple[str, str, str]
    field: str
    message: str
    forbids: bool = False
    pair: KeyPair | None = None


class _MissingError(ValueError):
    """A value is not there, or is none."""


def in_secret(secret: Secret, now: dt.datetime) -> KeyPair | Flaw:
    """Return the certificate of ``secret``, or why it cannot be used at the time ``now``."""
    # Most folders have no certificate, and what reads one takes long to import.
    from kuadrant.gateways.envoy.key_pair_reading import key_pair  # noqa: PLC0415

    name = (secret.metadata.namespace, secret.metadata.name)
    subject = ("Secret", *name)
    if secret.type != _TYPE:
        message = f"is {quoted(secret.type or 'Opaque')}, a certificate is in a Secret of type {_TYPE}"
        return Flaw("certificate-invalid", subject, "type", message)
    read: dict[str, bytes] = {}
    for key in (_CERTIFICATE, _KEY):
        try:
            read[key] = _value(secret, key)
        except _MissingError as error:
            return Flaw("certificate-invalid", subject, _field(secret, key), str(error))
    try:
        pair = key_pair(read[_CERTIFICATE], read[_KEY], name)
    except KeyPairError as error:
        place = _field(secret, _KEY if error.of_key else _CERTIFICATE)
        return Flaw("certificate-invalid", subject, place, str(error))
    untimely = pair.untimely(now)
    if untimely is not None:
        return Flaw("certificate-untimely", subject, _field(secret, _CERTIFICATE), untimely, pair=pair)
    return pair


def _field(secret: Secret, key: str) -> str:
    """The path of a value: what is written as text wins, as in a cluster."""
    return f'{"stringData" if key in _mapping(secret.string_data) else "data"}["{key}"]'


def _value(secret: Secret, key: str) -> bytes:
    """Return a value.

    Raises:
        _MissingError: It is not there, or is no text, or no base64.
    """
    written, encoded = _mapping(secret.string_data), _mapping(secret.data)
    value = written.get(key, encoded.get(key))
    if value is None or value == "":
        raise _MissingError("is missing")
    if not isinstance(value, str):
        raise _MissingError("must be text")
    if key in written:
        return value.encode()
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _MissingError("is no base64; stringData takes text as it is") from None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
