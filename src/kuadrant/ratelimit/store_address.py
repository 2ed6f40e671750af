"""The address of a store, as somebody wrote it into a Secret: read into what is known, and never shown."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from msgspec import Struct

FORM: Final = "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]"
_OPTIONS: Final = ("db", "protocol", "ssl_ca_certs", "ssl_cert_reqs")
_LONGEST: Final = 4096
_MOST_DATABASE: Final = 2**31 - 1


class AddressError(ValueError):
    """An address is none; the text says why, and has nothing of what was written."""


class StoreAddress(Struct, frozen=True, kw_only=True):
    """The address of a store and how it lets one in; without ``host_checked`` its certificate may be any."""

    host: str
    port: int = 6379
    database: int = 0
    user: str | None = None
    password: str | None = None
    tls: bool = False
    authority: str | None = None
    host_checked: bool = True
    protocol: int | None = None

    def __repr__(self) -> str:
        return f"StoreAddress({self.host}:{self.port}/{self.database})"

    def options(self) -> dict[str, Any]:
        """The same as arguments of a connection."""
        options: dict[str, Any] = {"host": self.host, "port": self.port, "db": self.database}
        if self.user is not None:
            options["username"] = self.user
        if self.password is not None:
            options["password"] = self.password
        if self.protocol is not None:
            options["protocol"] = self.protocol
        if self.tls:
            options["ssl_cert_reqs"] = "required" if self.host_checked else "none"
            options["ssl_check_hostname"] = self.host_checked
            if self.authority is not None:
                options["ssl_ca_certs"] = self.authority
        return options


def parse(text: str) -> StoreAddress:
    """Read ``redis://`` or ``rediss://`` (with TLS) with user, password, host, port and database.

    Options behind ``?``: ``db``; ``protocol`` (2, 3, ``resp2``, ``resp3``); with TLS ``ssl_ca_certs`` (a
    file) and ``ssl_cert_reqs`` (``required``, ``none``). Any other is refused: what it would do is not known.

    Raises:
        AddressError: It is no such address.
    """
    if len(text) > _LONGEST or not text.isprintable():
        raise AddressError(
            f"is too long, or has characters that an address cannot have; it has the form {FORM}"
        )
    parts, port = _parts(text)
    options = _options(parts.query)
    tls = parts.scheme == "rediss"
    if not tls and (options.keys() & {"ssl_ca_certs", "ssl_cert_reqs"}):
        raise AddressError("has options of TLS; with TLS it begins with rediss://")
    path = unquote(parts.path).strip("/")
    if path and "db" in options:
        raise AddressError("names the database twice")
    return StoreAddress(
        host=parts.hostname or "",
        port=port,
        database=_database(options.get("db", path)),
        user=unquote(parts.username) or None if parts.username is not None else None,
        password=unquote(parts.password) if parts.password is not None else None,
        tls=tls,
        authority=options.get("ssl_ca_certs"),
        host_checked=_host_checked(options.get("ssl_cert_reqs", "required")),
        protocol=_protocol(options.get("protocol")),
    )


def _parts(text: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(text)
    except ValueError:
        raise _no_address() from None
    if "@" in parts.path + parts.query + parts.fragment:
        raise AddressError(
            'has an "@" too far behind: in a password "/", "?" and "#" are written %2F, %3F and %23'
        )
    try:
        port = parts.port
    except ValueError:
        raise _no_address() from None
    if parts.scheme not in ("redis", "rediss") or not parts.hostname or " " in parts.netloc:
        raise _no_address()
    if parts.fragment:
        raise AddressError(f'has something behind a "#"; it has the form {FORM}')
    return parts, 6379 if port is None else port


def _options(query: str) -> dict[str, str]:
    try:
        given = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise AddressError('has something behind "?" that is not NAME=VALUE') from None
    options = dict(given)
    if len(options) < len(given) or not options.keys() <= set(_OPTIONS):
        raise AddressError(
            f"has an option that is not known or stands twice; known are {', '.join(_OPTIONS)}"
        )
    return options


def _no_address() -> AddressError:
    return AddressError(f"is not one like {FORM}")


def _database(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 11 and int(text) <= _MOST_DATABASE):
        raise AddressError("has a database that is no number")
    return int(text)


def _host_checked(text: str) -> bool:
    if text not in ("required", "none"):
        raise AddressError("has an ssl_cert_reqs that is neither required nor none")
    return text == "required"


def _protocol(text: str | None) -> int | None:
    if text is None:
        return None
    number = text.removeprefix("resp")
    if number not in ("2", "3"):
        raise AddressError("has a protocol that is neither 2 nor 3")
    return int(number)
