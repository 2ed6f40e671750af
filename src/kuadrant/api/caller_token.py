"""Makes the word by which a gateway shows the rate limit service that it is one of ours.

Only who has the installation's key can make it.

What a gateway shows is its name and a token for each key that may be in use, in one piece of metadata of
every call: ``default/external v1.Zm9v...``. A token says who asks and nothing about what may be asked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HEADER: Final = "x-kuadrant-token"
"""Of the call."""
ANNOTATION: Final = "kuadrant.io/ratelimit-callers"
"""Of the Limitador resource.

The fingerprint of a key. Every gateway that may ask shows a token of this key, so others may be refused.
"""
SECRET: Final = "kuadrant-ratelimit-key"  # noqa: S105 - the name of a Secret
"""Beside the Limitador resource, with the keys."""
CURRENT: Final = "current"
PREVIOUS: Final = "previous"
"""In the Secret's data: what gateways are given tokens of; the latter until each has one of the former."""
KEY_BYTES: Final = 32
LONGEST: Final = 1024
"""Of what is shown."""

_MOST_TOKENS: Final = 4
_VERSION: Final = "v1."
_PURPOSE: Final = "kuadrant-ratelimit/1\n"


def shown(keys: Iterable[bytes], gateway: str) -> str:
    """Return what ``gateway``, its namespace and name, is to show where these keys are in use."""
    return " ".join((gateway, *(_token(key, gateway) for key in keys)))


def gateway_of(value: str, keys: Iterable[bytes]) -> str | None:
    """Return the gateway that shows ``value``; None if no token of it is of any of ``keys``."""
    if len(value) > LONGEST or not value.isascii():
        return None
    gateway, *tokens = value.split(" ")[: 1 + _MOST_TOKENS]
    for key in keys:
        expected = _token(key, gateway)
        if any(hmac.compare_digest(expected, token) for token in tokens):
            return gateway
    return None


def fingerprint(key: bytes) -> str:
    """Return by what a key is named in public."""
    return hashlib.sha256(b"fingerprint\n" + key).hexdigest()[:16]


def mark_of(annotations: Mapping[str, str]) -> str:
    """Return the fingerprint that a Limitador is marked with; empty if everybody is served."""
    return annotations.get(ANNOTATION, "")


def keys_in(data: Mapping[str, str]) -> tuple[bytes, ...]:
    """Return the keys of a Secret, the current one first, each of the length that ours have, or longer.

    Raises:
        ValueError: it has no such keys; the text says why, and nothing of what it holds.
    """
    if CURRENT not in data:
        raise ValueError(f"it has no {CURRENT}")
    try:
        held = [base64.b64decode(data[name], validate=True) for name in (CURRENT, PREVIOUS) if name in data]
    except binascii.Error:
        raise ValueError("its values are not base64") from None
    if any(len(one) < KEY_BYTES for one in held):
        raise ValueError(f"a key has less than {KEY_BYTES} bytes")
    return tuple(held)


def _token(key: bytes, gateway: str) -> str:
    made = hmac.digest(key, (_PURPOSE + gateway).encode(), "sha256")
    return _VERSION + base64.urlsafe_b64encode(made).decode().rstrip("=")
