"""Envelopes: what DSSE has, one signature, and no byte that does not count."""

from __future__ import annotations

import base64
import json
import random
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.signing.envelope import (
    PAYLOAD_TYPE,
    SignatureError,
    encoding,
    opened,
    sign,
    sigstore_bundle,
)
from kuadrant.signing.keys import trusted_key
from tests.signed_releases import ED25519, P256, public_pem, signer

if TYPE_CHECKING:
    from collections.abc import Callable

PAYLOAD = b'{"_type": "https://in-toto.io/Statement/v1"}'
OTHER = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
BOTH = [trusted_key(public_pem(ED25519)), trusted_key(public_pem(P256))]
KEYS = pytest.mark.parametrize("key", [ED25519, P256], ids=["ed25519", "p256"])


def test_what_is_signed_has_type_and_lengths_in_it() -> None:
    """The example of DSSE's protocol.md."""
    assert encoding("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert encoding("é", b"") == "DSSEv1 2 é 0 ".encode()


@KEYS
def test_what_was_signed_is_opened_by_its_key_among_others(key: ec.EllipticCurvePrivateKey) -> None:
    found = opened(sign(PAYLOAD, signer(key)), BOTH)
    assert found.payload == PAYLOAD
    assert found.key == signer(key).trusted


@KEYS
@given(payload=st.binary(max_size=300))
def test_any_payload_comes_back(key: ec.EllipticCurvePrivateKey, payload: bytes) -> None:
    assert opened(sign(payload, signer(key)), BOTH).payload == payload


@KEYS
def test_every_changed_byte_is_refused(key: ec.EllipticCurvePrivateKey) -> None:
    text = sign(PAYLOAD, signer(key))
    chance = random.Random(1)
    for place in range(chance.randrange(3), len(text), 3):
        changed = bytearray(text)
        changed[place] ^= chance.randrange(1, 256)
        with pytest.raises(SignatureError):
            opened(bytes(changed), BOTH)


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a byte less": lambda text: text[:-1],
    "a line more": lambda text: text + b"\n",
    "a line before": lambda text: b"\n" + text,
    "twice": lambda text: text + text,
    "half": lambda text: text[: len(text) // 2],
    "nothing": lambda text: text[:0],
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text,
    "other spaces": lambda text: json.dumps(json.loads(text)).encode(),
    "a member twice": lambda text: text.replace(b'"payload"', b'"payload": "", "payload"'),
    "an algorithm": lambda text: text.replace(b"{\n", b'{\n "alg": "none",\n', 1),
    "another type": lambda text: text.replace(PAYLOAD_TYPE.encode(), b"application/json"),
    "two signatures": lambda text: text.replace(
        b'"signatures": [', b'"signatures": [{"keyid": "", "sig": ""}, '
    ),
    "an escape": lambda text: text.replace(b'"payload"', b'"p\\u0061yload"'),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_cut_added_or_written_otherwise_is_refused(change: str) -> None:
    with pytest.raises(SignatureError):
        opened(CHANGES[change](sign(PAYLOAD, signer())), BOTH)


def _with(text: bytes, **signature: str) -> bytes:
    document = json.loads(text)
    document["signatures"][0] |= signature
    return json.dumps(document, indent=1).encode() + b"\n"


def test_the_id_of_a_key_is_only_what_somebody_says() -> None:
    """An envelope of a stranger gets no further by naming a key that is trusted."""
    forged = _with(sign(PAYLOAD, signer(OTHER)), keyid=BOTH[0].key_id)
    with pytest.raises(SignatureError, match="has a signature that does not fit"):
        opened(forged, BOTH)
    with pytest.raises(SignatureError, match="is signed by none of the keys that were given"):
        opened(sign(PAYLOAD, signer(OTHER)), BOTH)
    with pytest.raises(SignatureError, match=f"but {BOTH[0].key_id} has signed it: it was changed"):
        opened(_with(sign(PAYLOAD, signer()), keyid=BOTH[1].key_id), BOTH)


def test_no_signature_is_none() -> None:
    document = json.loads(sign(PAYLOAD, signer()))
    document["signatures"] = []
    with pytest.raises(SignatureError, match="has 0 signatures; one is wanted"):
        opened(json.dumps(document, indent=1).encode() + b"\n", BOTH)


def test_a_signature_of_another_text_in_another_form_does_not_fit() -> None:
    """P-256 has for each signature a second one that fits, too; it changes nothing of what was signed."""
    text = sign(PAYLOAD, signer(P256))
    r, s = utils.decode_dss_signature(base64.b64decode(json.loads(text)["signatures"][0]["sig"]))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    other = base64.b64encode(utils.encode_dss_signature(r, order - s)).decode()
    assert opened(_with(text, sig=other), BOTH).payload == PAYLOAD
    raw = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
    with pytest.raises(SignatureError, match="does not fit"):
        opened(_with(text, sig=raw), BOTH)


def test_cosign_gets_the_same_envelope_with_the_hash_of_the_key() -> None:
    text = sign(PAYLOAD, signer())
    bundle = json.loads(sigstore_bundle(text))
    envelope = json.loads(text)
    # cosign passes over a signature with an id that is none of its own (`make prove-cosign`).
    del envelope["signatures"][0]["keyid"]
    assert bundle == {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "publicKey": {"hint": base64.b64encode(bytes.fromhex(BOTH[0].key_id)).decode()}
        },
        "dsseEnvelope": envelope,
    }


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_is_given_is_opened_or_refused(text: bytes) -> None:
    with pytest.raises(SignatureError):
        opened(text, BOTH)
