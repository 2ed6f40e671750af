"""Asks a gateway what it decides for a request.

The request shows a signature, for one host and path and a short time, of a key whose public half the gateway
has. It is answered as any other, and its response says what was decided beside it.
"""

from __future__ import annotations

import base64
import binascii
import ssl
from typing import TYPE_CHECKING, Final

import httpx2
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct

from kuadrant.api.decision_page import Decision
from kuadrant.gateway_client.real_time_run import GatewayAwayError

if TYPE_CHECKING:
    from kuadrant.explanation import ClientRequest

ASKED: Final = "x-kuadrant-explain"
TOLD: Final = "x-kuadrant-decision"
SECONDS: Final = 30
"""So long a signature holds. A gateway takes 90: its clock and ours need not be the same."""

_PURPOSE: Final = "kuadrant-explain/1"
_TIMEOUT: Final = 30.0


class LiveDecision(Struct, frozen=True):
    """What a gateway answered, and what it decided; None where it does not say."""

    status: int
    decision: Decision | None = None


def signature(key: ec.EllipticCurvePrivateKey, authority: str, path: str, now: float) -> str:
    """Return what a request to a host and a path (with its query) shows, ``now`` in seconds since 1970."""
    until = int(now) + SECONDS
    text = "\n".join((_PURPOSE, authority, path, str(until)))
    signed = key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))
    return f"{until}.{base64.urlsafe_b64encode(signed).decode().rstrip('=')}"


async def ask(asked: ClientRequest, key: ec.EllipticCurvePrivateKey, now: float) -> LiveDecision:
    """Send a request, and return what became of it.

    Raises:
        GatewayAwayError: Nobody answers there.
    """
    url = asked.url
    given = [(name.lower(), value) for name, value in asked.headers]
    try:
        place = httpx2.URL(url if "://" in url else f"http://{url}")
    except httpx2.InvalidURL as error:
        raise GatewayAwayError(f"{url} is no URL: {error}") from None
    authority = next((value for name, value in given if name == "host"), place.netloc.decode())
    path = place.raw_path.decode()
    sent = [(name, value) for name, value in given if name != "host"]
    request = httpx2.Request(
        asked.method,
        place,
        headers=[("host", authority), *sent, (ASKED, signature(key, authority, path, now))],
        content=asked.body or None,
        extensions={"sni_hostname": authority.partition(":")[0]},
    )
    authorities = ssl.create_default_context()
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=_TIMEOUT, verify=authorities) as client:
            response = await client.send(request, stream=True)
            await response.aclose()
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
        raise GatewayAwayError(f"{place} cannot be asked: {str(error) or type(error).__name__}") from error
    return LiveDecision(response.status_code, _decision(response.headers.get(TOLD, "")))


def _decision(text: str) -> Decision | None:
    try:
        return msgspec.json.decode(base64.b64decode(text, validate=True), type=Decision) if text else None
    except (binascii.Error, msgspec.DecodeError):
        return None
