"""A URL, as curl reads it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from kuadrant.explanation.masked_values import MASK
from kuadrant.explanation.request_error import RequestError, quoted


class Address(Struct, frozen=True, gc=False):
    """The parts of a URL: the scheme, what the header ``host`` is to be, the port, and path with query."""

    scheme: str
    authority: str
    port: int
    target: str
    credentials: str = ""


_SCHEME: Final = r"[A-Za-z][A-Za-z0-9+.-]*"
_URL: Final = re.compile(
    rf"(?:(?P<scheme>{_SCHEME}):/{{1,3}}|(?!{_SCHEME}:/))(?:(?P<user>[^/?#@]*)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+(?:%[^\]/?#]+)?\]|[^/?#:@\[\]]*)(?::(?P<port>[^/?#]*))?"
    r"(?P<target>[/?][^#]*)?(?:#.*)?",
    re.DOTALL,
)
_CREDENTIALS: Final = re.compile(rf"(?P<scheme>{_SCHEME}:/{{1,3}})?.*@", re.DOTALL)
_PORTS: Final = {"http": 80, "https": 443}
_ODD: Final = re.compile(r"[^\x21-\x7e]")


def without_credentials(url: str) -> str:
    """``url`` as it may be shown: what could be a password is masked, also in one that is written wrong."""
    # Looked for at the begin only, as it goes up to the last @: elsewhere that takes its time in a long URL.
    found = _CREDENTIALS.match(url)
    return url if found is None else f"{found['scheme'] or ''}{MASK}@{url[found.end() :]}"


def address_of(url: str) -> Address:
    """Read a URL as curl does.

    Raises:
        RequestError: It is none.
    """
    found = _URL.fullmatch(url)
    shown = quoted(without_credentials(url))
    if found is None or not found["host"]:
        raise RequestError(f"{shown} is no URL; write http://HOST/PATH")
    scheme = (found["scheme"] or "http").lower()
    if scheme not in _PORTS:
        raise RequestError(f"{shown}: the scheme is {scheme}, a gateway takes http and https")
    own = _PORTS[scheme]
    number = _port(found["port"], own, shown, url)
    if odd := _ODD.search(url):
        raise RequestError(f"{shown} has a character that no gateway takes there; {_instead(found, odd[0])}")
    target = found["target"] or "/"
    host = re.sub(r"%.*\]", "]", found["host"]) if found["host"].startswith("[") else found["host"]
    return Address(
        scheme=scheme,
        authority=host if number == own else f"{host}:{number}",
        port=number,
        target=target if target.startswith("/") else f"/{target}",
        credentials=found["user"] or "",
    )


def _port(port: str | None, own: int, shown: str, url: str) -> int:
    if not port:
        return own
    if port.isascii() and port.isdigit() and len(port) < 10 and 0 < int(port) < 65536:
        return int(port)
    what = "what follows the colon" if "@" in url else quoted(port)  # which may be of a password
    raise RequestError(f"{shown}: {what} is no port, write a number from 1 to 65535")


def _instead(found: re.Match[str], odd: str) -> str:
    """Return what is to be written in place of the character ``odd``."""
    if odd in found["host"]:
        try:
            ascii_host = found["host"].encode("idna").decode()
        except UnicodeError:
            ascii_host = odd
        odd_still = _ODD.search(ascii_host)
        return (
            "write the host in letters, digits, - and ." if odd_still else f"write the host as {ascii_host}"
        )
    try:
        return f"write {quote(odd.encode('utf-8', 'surrogateescape'))}"
    except UnicodeEncodeError:
        return "leave it out"
