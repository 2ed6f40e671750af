"""Decides which requests a gateway refuses by itself, before any rule or policy has a say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.reference_model.removed_headers import connection_options, upgrade

if TYPE_CHECKING:
    from collections.abc import Sequence

_METHODS: Final = frozenset(
    {
        *("ACL", "BIND", "CHECKOUT", "COPY", "DELETE", "GET", "HEAD", "LINK", "LOCK", "MERGE", "MKACTIVITY"),
        *("MKCALENDAR", "MKCOL", "MOVE", "NOTIFY", "OPTIONS", "PATCH", "POST", "PROPFIND", "PROPPATCH"),
        *("PURGE", "PUT", "QUERY", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE", "TRACE", "UNBIND", "UNLINK"),
        *("UNLOCK", "UNSUBSCRIBE"),
    }
)
"""Those that Envoy takes by HTTP/1.1; by HTTP/2, which clients only speak with TLS, it takes all."""
_HOST: Final = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=%:@\[\]]*")
_BYTES: Final = 60 * 1024
_HEADERS: Final = 100
_OPTIONS: Final = 10
_NOT_TO_NAME: Final = frozenset({"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"})
_AROUND: Final = len(": \r\n")


class Refusal(Struct, frozen=True, gc=False):
    """With which status a gateway answers a request by itself, and why."""

    status: int
    because: str


def refusal(
    method: str, scheme: str, authority: str, target: str, headers: Sequence[tuple[str, str]]
) -> Refusal | None:
    """Tell whether Envoy answers a request by itself, as it is set up unless told otherwise.

    Nothing of it tells a value of ``headers``, which are those that the client sends.
    """
    if method == "CONNECT" or (scheme == "http" and method not in _METHODS):
        known = method.upper()
        instead = f"write {known}" if known in _METHODS else "write one such as GET"
        return Refusal(400, f"it takes no method {method}; {instead}")
    if not _HOST.fullmatch(authority):
        return Refusal(400, "there is a character in the host that no host has; write one such as a.com")
    if method == "QUERY" and not any(name == "content-type" and value.strip(" \t") for name, value in headers):
        return Refusal(400, "it takes no QUERY without a content-type (RFC 10008); add the header")
    if "%00" in target.partition("?")[0]:
        return Refusal(400, "it takes no path with %00; leave it out")
    sent = [("host", authority), *((name, value) for name, value in headers if name != "host")]
    if len(sent) > _HEADERS:
        return Refusal(431, f"there are {len(sent)} headers, and it takes {_HEADERS}")
    size = sum(len(name) + len(value.encode()) + _AROUND for name, value in sent)
    if size + len(f"{method} {target} HTTP/1.1") > _BYTES:
        return Refusal(431, f"the headers are longer than {_BYTES // 1024} KiB")
    return _of_connection(sent)


def _of_connection(headers: Sequence[tuple[str, str]]) -> Refusal | None:
    wanted, options = upgrade(headers), connection_options(headers)
    if wanted not in (None, "h2c"):
        if wanted == "websocket":
            return None
        return Refusal(403, f"it takes no upgrade to {wanted or 'nothing'}; websocket is the only one")
    if len(options) >= _OPTIONS:
        return Refusal(400, f"connection says {len(options)} things, and it takes {_OPTIONS - 1}")
    if (named := next((one for one in options if one in _NOT_TO_NAME or one[0] == ":"), None)) is not None:
        return Refusal(400, f"connection names {named}, which is not to be removed; leave it out")
    return None
