"""Values of settings, read from the words of a person."""

from __future__ import annotations

import base64
import re
from ipaddress import ip_address

from kuadrant.gateways.envoy import Address
from kuadrant.policy.service_timeout import LONGEST_MILLISECONDS

_DURATION = re.compile(r"(?:\d{1,5}(?:h|m|s|ms)){1,4}")
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")
_PART = re.compile(r"(\d+)(ms|h|m|s)")
_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}


def timeout(text: str) -> int:
    """Return a duration such as ``100ms`` or ``1m30s`` (Gateway API's format) in milliseconds.

    Raises:
        ValueError: it is not such a duration, or not one that the shim takes for a timeout.
    """
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration; write it like 100ms, 2s or 1m30s")
    milliseconds = sum(int(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(text))
    if not 1 <= milliseconds <= LONGEST_MILLISECONDS:
        raise ValueError(
            f"{text!r} is too {'long' if milliseconds else 'short'}; from 1ms to 1m are possible"
        )
    return milliseconds


def ip(text: str) -> str:
    """Return the text of an IP address as it is.

    Raises:
        ValueError: it is none.
    """
    try:
        ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address; write it like 127.0.0.1, 0.0.0.0 or ::") from None
    return text


def sha256(text: str) -> str:
    """Return a SHA-256 in lower case.

    Raises:
        ValueError: it is not 64 hexadecimal digits.
    """
    if not _SHA256.fullmatch(text):
        raise ValueError(f"{text!r} is not a SHA-256; it has 64 hexadecimal digits")
    return text.lower()


def address(text: str) -> Address:
    """Return ``IP:PORT`` as an address; an IPv6 address stands in brackets.

    Raises:
        ValueError: it is not that.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        ip_address(host)
    except ValueError:
        host = ""
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not IP:PORT")
    return Address(host, int(port))


def public_key(text: str) -> str:
    """Return the text of a public key as it is.

    Raises:
        ValueError: it is none, or not of the curve P-256.
    """
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - most commands need no key
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except ValueError:
        key = None
    if not (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)):
        raise ValueError("it is not the base64 of a public key in DER, of the curve P-256")  # noqa: TRY004 - the value is wrong
    return text
