"""Tokens for tests, and the keys that gateways know them by."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any, Final

ISSUER: Final = "https://issuer.example"
KEY: Final = b"the-key-of-the-issuer-in-32-byte"
ANOTHER_KEY: Final = b"some-other-key-that-has-32-bytes"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


JWKS: Final = json.dumps({"keys": [{"kty": "oct", "kid": "one", "alg": "HS256", "k": _text(KEY)}]})
"""What the issuer signs with."""


def token(*, key: bytes = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    """A token of the issuer that is valid for ten minutes, unless ``claims`` say otherwise."""
    claims = {"iss": ISSUER, "exp": int(time.time()) + 600, **claims}
    head = _text(json.dumps({"alg": algorithm, "typ": "JWT", "kid": "one"}).encode())
    body = _text(json.dumps(claims).encode())
    signature = b"" if algorithm == "none" else hmac.digest(key, f"{head}.{body}".encode(), hashlib.sha256)
    return f"{head}.{body}.{_text(signature)}"


def expired(**claims: Any) -> str:
    """One that was valid an hour ago."""
    return token(exp=int(time.time()) - 3600, **claims)


def forged(**claims: Any) -> str:
    """One that somebody else has signed."""
    return token(key=ANOTHER_KEY, **claims)


def unsigned(**claims: Any) -> str:
    """One that says of itself that nobody has signed it."""
    return token(algorithm="none", **claims)
