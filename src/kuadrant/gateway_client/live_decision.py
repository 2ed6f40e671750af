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
from msgspec.structs import replace

from kuadrant.api.decision_page import ReportedDecision
from kuadrant.explanation.client_request import sent_headers
from kuadrant.explanation.request_url import without_credentials
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
    """Holds what a gateway answered, and what it decided; None where it does not say."""

    status: int
    decision: ReportedDecision | None = None


def signature(key: ec.EllipticCurvePrivateKey, authority: str, path: str, now: float) -> str:
    """Return what a request to a host and a path (with its query) shows, ``now`` in seconds since 1970."""
    until = int(now) + SECONDS
    text = "\n".join((_PURPOSE, authority, path, str(until)))
    signed = key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))
    return f"{until}.{base64.urlsafe_b64encode(signed).decode().rstrip('=')}"


async def ask(asked: ClientRequest, key: ec.EllipticCurvePrivateKey, now: float) -> LiveDecision:
    """Send a request as curl does, ``now`` in seconds since 1970, and return what became of it.

    A gateway tells what it decided; of what it was asked is told what was sent, at ``now``.

    Raises:
        GatewayAwayError: Nobody answers there.
    """
    url = asked.url
    try:
        place = httpx2.URL(url if "://" in url else f"http://{url}")
    except httpx2.InvalidURL as error:
        raise GatewayAwayError(f"{without_credentials(url)} is no URL: {error}") from None
    request = _request(asked, place)
    authority, path = request.headers["host"], place.raw_path.decode()
    request.headers[ASKED] = signature(key, authority, path, now)
    authorities = ssl.create_default_context()
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=_TIMEOUT, verify=authorities) as client:
            response = await client.send(request, stream=True, auth=None)
            await response.aclose()
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
        shown = without_credentials(url)
        raise GatewayAwayError(f"{shown} cannot be asked: {str(error) or type(error).__name__}") from error
    decision = _decision(response.headers.get(TOLD, ""))
    if decision is not None:
        bare = path.partition("?")[0]
        decision = replace(decision, time=now, method=asked.method, host=authority, path=bare)
    return LiveDecision(response.status_code, decision)


def _request(asked: ClientRequest, place: httpx2.URL) -> httpx2.Request:
    """The request as it is written: with no method, length or header but what curl sends."""
    # A byte that is no UTF-8 is one still.
    given = [(name, value.encode("utf-8", "surrogateescape")) for name, value in sent_headers(asked)]
    authority = next((value for name, value in given if name == "host"), place.netloc)
    request = httpx2.Request(
        asked.method,
        place.copy_with(username=None, password=None),
        headers=[(b"host", authority), *((name.encode(), value) for name, value in given if name != "host")],
        content=asked.body or None,
        extensions={"sni_hostname": authority.decode("utf-8", "replace").partition(":")[0]},
    )
    request.method = asked.method  # which the client has in upper case
    if not any(name == "content-length" for name, _ in given):
        request.headers.pop("content-length", None)
    return request


def _decision(text: str) -> ReportedDecision | None:
    try:
        return (
            msgspec.json.decode(base64.b64decode(text, validate=True), type=ReportedDecision)
            if text
            else None
        )
    except (binascii.Error, msgspec.DecodeError):
        return None
