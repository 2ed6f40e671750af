"""What a gateway refuses by itself, before any rule or policy has a say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.explanation.address import Address

_METHODS: Final = frozenset(
    {
        *("ACL", "BIND", "CHECKOUT", "COPY", "DELETE", "GET", "HEAD", "LINK", "LOCK", "MERGE", "MKACTIVITY"),
        *("MKCALENDAR", "MKCOL", "MOVE", "NOTIFY", "OPTIONS", "PATCH", "POST", "PROPFIND", "PROPPATCH"),
        *("PURGE", "PUT", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE", "TRACE", "UNBIND", "UNLINK"),
        *("UNLOCK", "UNSUBSCRIBE"),
    }
)
"""Those that Envoy takes by HTTP/1.1; by HTTP/2, which clients only speak with TLS, it takes all."""
_HOST: Final = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=%:@\[\]]*")
_BYTES: Final = 60 * 1024
_HEADERS: Final = 100
_AROUND: Final = len(": \r\n")


def refusal(method: str, address: Address, authority: str, headers: Sequence[tuple[str, str]]) -> str | None:
    """Why Envoy answers such a request by itself, as it is set up unless told otherwise; None if it does not.

    Nothing of it tells a value of ``headers``.
    """
    if method == "CONNECT" or (address.scheme == "http" and method not in _METHODS):
        known = method.upper()
        instead = f"write {known}" if known in _METHODS else "write one such as GET"
        return f"the gateway answers the method {method} with 400; {instead}"
    if not _HOST.fullmatch(authority):
        return (
            "the gateway answers with 400: the host has a character that no host has; write one such as a.com"
        )
    if "%00" in address.target.partition("?")[0]:
        return "the gateway answers a path with %00 with 400; leave it out"
    sent = [("host", authority), *((name, value) for name, value in headers if name != "host")]
    if len(sent) > _HEADERS:
        return f"the gateway answers with 431: there are {len(sent)} headers, it takes {_HEADERS}"
    size = sum(len(name) + len(value.encode()) + _AROUND for name, value in sent)
    if size + len(f"{method} {address.target} HTTP/1.1") > _BYTES:
        return f"the gateway answers with 431: the headers are longer than {_BYTES // 1024} KiB"
    return None
