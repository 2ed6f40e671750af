"""Signed statements: an envelope around a payload, with one signature of it (DSSE 1.0).

What is signed is not the payload alone but its "pre-authentication encoding", which has the payload's type
and both lengths in it. Source: secure-systems-lab/dsse, protocol.md and envelope.md.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from kuadrant.signing.keys import TrustedKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.signing.keys import SigningKey

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
_SIGSTORE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"


class SignatureError(ValueError):
    """An envelope is none, or none that counts; the text says why, to be put after its path."""


class Signature(Struct, frozen=True, forbid_unknown_fields=True):
    """One signature, in base64, and the id of the key that is said to have made it, which proves nothing."""

    keyid: str
    sig: str


class Envelope(Struct, frozen=True, forbid_unknown_fields=True):
    """Holds what is written to a file: payload and signature, in base64."""

    payload: str
    payloadType: str  # noqa: N815 - as DSSE spells it
    signatures: tuple[Signature, ...]


class Opened(Struct, frozen=True):
    """A payload, and the key that has signed it."""

    payload: bytes
    key: TrustedKey


def encoding(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed of a payload (DSSE's PAE)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, key: SigningKey) -> bytes:
    """Return the text of an envelope around ``payload``; same payload and key, same bytes."""
    signature = key.sign(encoding(PAYLOAD_TYPE, payload))
    return _text(
        Envelope(_base64(payload), PAYLOAD_TYPE, (Signature(key.trusted.key_id, _base64(signature)),))
    )


def opened(text: bytes, keys: Sequence[TrustedKey]) -> Opened:
    """Return the payload of an envelope, if one of ``keys`` has signed it.

    Every byte of ``text`` counts: it has to be what `sign` would have written. So nothing can be changed in
    it, or added, that only some readers see.

    Raises:
        SignatureError: it is no such envelope, or none of the keys has signed it.
    """
    envelope = _envelope(text)
    [signature] = envelope.signatures
    payload, signed = _bytes(envelope.payload), _bytes(signature.sig)
    message = encoding(PAYLOAD_TYPE, payload)
    for key in keys:
        if key.has_signed(message, signed):
            if key.key_id != signature.keyid:
                raise SignatureError(
                    f"names the key {signature.keyid[:64]!r}, but {key.key_id} has signed it: it was changed"
                )
            return Opened(payload, key)
    if signature.keyid in {key.key_id for key in keys}:
        raise SignatureError("has a signature that does not fit: it, or what was signed, was changed")
    raise SignatureError(
        f"is signed by none of the keys that were given ({', '.join(key.key_id[:16] for key in keys)}),"
        f" but as it says by {signature.keyid[:16]!r}; give that key with --key if you trust it"
    )


def sigstore_bundle(text: bytes) -> bytes:
    """Return an envelope that `sign` wrote in the form of a sigstore bundle, which cosign verifies by a key.

    Source: sigstore/protobuf-specs, sigstore_bundle.proto, version 0.3.
    """
    envelope = msgspec.json.decode(text, type=Envelope)
    [signature] = envelope.signatures
    hint = base64.b64encode(bytes.fromhex(signature.keyid)).decode()
    document = {
        "mediaType": _SIGSTORE,
        "verificationMaterial": {"publicKey": {"hint": hint}},
        # Without the key's id: cosign has ids of its own, and passes over a signature that has another.
        "dsseEnvelope": {**msgspec.to_builtins(envelope), "signatures": [{"sig": signature.sig}]},
    }
    return _json(document)


def _envelope(text: bytes) -> Envelope:
    try:
        envelope = msgspec.json.decode(text, type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SignatureError(f"is no signed statement: {error}") from None
    if envelope.payloadType != PAYLOAD_TYPE:
        raise SignatureError(f"holds {envelope.payloadType[:80]!r}, not {PAYLOAD_TYPE}")
    if len(envelope.signatures) != 1:
        raise SignatureError(f"has {len(envelope.signatures)} signatures; one is wanted")
    if _text(envelope) != text:
        raise SignatureError("is not written as it is when it is signed: something was changed or added")
    return envelope


def _text(envelope: Envelope) -> bytes:
    return _json(msgspec.to_builtins(envelope))


def _json(document: object) -> bytes:
    return json.dumps(document, indent=1).encode() + b"\n"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError("holds what is no base64: it was changed") from None
    if _base64(data) != text:  # the last character may stand for the same bytes in several ways
        raise SignatureError("holds base64 that nobody writes: it was changed")
    return data
