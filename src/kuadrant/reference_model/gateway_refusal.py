"""Decides which requests a gateway refuses by itself, before any rule or policy has a say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.reference_model.removed_headers import connection_options, upgrade
from kuadrant.reference_model.routing import chosen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kuadrant.compiler.program import HostProgram
    from kuadrant.reference_model.request import Request

_METHODS: Final = frozenset(
    {
        *("ACL", "BIND", "CHECKOUT", "COPY", "DELETE", "GET", "HEAD", "LINK", "LOCK", "MERGE", "MKACTIVITY"),
        *("MKCALENDAR", "MKCOL", "MOVE", "NOTIFY", "OPTIONS", "PATCH", "POST", "PROPFIND", "PROPPATCH"),
        *("PURGE", "PUT", "QUERY", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE", "TRACE", "UNBIND"),
        *("UNLINK", "UNLOCK", "UNSUBSCRIBE"),
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
    """With which status a gateway answers a request by itself, and why.

    One ``of_route`` is the answer only where a rule is for the request: else nothing is found.
    """

    status: int
    because: str
    of_route: bool = False

    def holds(self, hosts: Iterable[HostProgram], request: Request) -> bool:
        """Tell whether it is the answer to ``request`` where these ``hosts`` are served."""
        return not self.of_route or chosen(hosts, request) is not None


def refusal(
    method: str, scheme: str, authority: str, target: str, headers: Sequence[tuple[str, str]]
) -> Refusal | None:
    """Tell whether Envoy answers a request by itself, as it is set up unless told otherwise.

    Nothing of it tells a value of ``headers``, which are those that the client sends.
    """
    if (because := _of_method(method, scheme, headers)) is not None:
        return Refusal(400, because)
    if not _HOST.fullmatch(authority):
        return Refusal(400, "there is a character in the host that no host has; write one such as a.com")
    if "%00" in target.partition("?")[0]:
        return Refusal(400, "it takes no path with %00; leave it out")
    sent = [("host", authority), *((name, value) for name, value in headers if name != "host")]
    if len(sent) > _HEADERS:
        return Refusal(431, f"there are {len(sent)} headers, and it takes {_HEADERS}")
    size = sum(len(name) + len(value.encode()) + _AROUND for name, value in sent)
    if size + len(f"{method} {target} HTTP/1.1") > _BYTES:
        return Refusal(431, f"the headers are longer than {_BYTES // 1024} KiB")
    return _of_connection(sent)


def _of_method(method: str, scheme: str, headers: Sequence[tuple[str, str]]) -> str | None:
    if method == "CONNECT" or (scheme == "http" and method not in _METHODS):
        known = method.upper()
        return f"it takes no method {method}; write {known if known in _METHODS else 'one such as GET'}"
    has_type = any(name == "content-type" and value.strip(" \t") for name, value in headers)
    if method == "QUERY" and not has_type:
        return "it takes no QUERY without a content-type (RFC 10008); add the header"
    return None


def _of_connection(headers: Sequence[tuple[str, str]]) -> Refusal | None:
    wanted, options = upgrade(headers), connection_options(headers)
    if wanted not in (None, "h2c"):
        if wanted == "websocket":
            return None
        because = f"it takes no upgrade to {wanted or 'nothing'}; websocket is the only one"
        return Refusal(403, because, of_route=True)
    if len(options) >= _OPTIONS:
        return Refusal(400, f"connection says {len(options)} things, and it takes {_OPTIONS - 1}")
    if (named := next((one for one in options if one in _NOT_TO_NAME or one[0] == ":"), None)) is not None:
        return Refusal(400, f"connection names {named}, which is not to be removed; leave it out")
    return None
