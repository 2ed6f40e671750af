"""A request as a client sends it, and as the filters of a gateway see it."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from kuadrant.explanation.plain_path import plain_target
from kuadrant.explanation.request_error import RequestError, quoted
from kuadrant.explanation.request_url import address_of
from kuadrant.explanation.unknown_facts import Stated, Words, forwarded_for, knowledge
from kuadrant.policy.identity_source import CLAIMS
from kuadrant.reference_model import Request
from kuadrant.reference_model.filter_view import as_metadata, received, removed, seen
from kuadrant.reference_model.gateway_refusal import Refusal, refusal
from kuadrant.reference_model.removed_headers import BETWEEN_PROXIES, CLIENT_CERTIFICATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kuadrant.compiler.program import HostProgram
    from kuadrant.explanation.knowledge import Knowledge
    from kuadrant.explanation.request_url import Address
    from kuadrant.reference_model.request import Value


class ClientRequest(Struct, frozen=True, kw_only=True, gc=False):
    """A request of a client, in curl's words.

    Attributes:
        url: With or without scheme; its port is the gateway's, or the one at which `kuadrant run` serves it.
        method: The method.
        headers: In their order, names in any case. ``Host`` takes the place of the URL's. Those of a body
            (``content-length``) are among them.
        body: What is sent to a real gateway; no policy sees more of it than its headers say.
        port: The gateway's port, whatever the URL says.
        gateway: The gateway, as ``name`` or ``namespace/name``, where several could be meant.
        source: The client's address, with the port if that is to be known.
        claims: Of the client's token, if it is known who he is.
        time: When the request is made; without it that is not known.
    """

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    port: int | None = None
    gateway: str | None = None
    source: str | None = None
    claims: Mapping[str, Any] | None = None
    time: datetime | None = None


_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_UTF8: Final = re.compile(r"[\ud800-\udfff]")


def header_of(text: str) -> tuple[str, str] | None:
    """Read a header as curl does; None is one that is not to be sent (``name:``).

    Raises:
        RequestError: It is none.
    """
    name, colon, value = text.partition(":")
    if not colon and text.endswith(";"):
        name, value, colon = text.removesuffix(";"), "", ";"
    if not colon:  # what stands there may be a value that is nobody's business
        raise RequestError("a header has no colon; write 'name: value'")
    if not _TOKEN.fullmatch(name.strip()):
        raise RequestError(f"{quoted(_first_word(name))} begins what is no header; write 'name: value'")
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
        raise RequestError(f"header {name.strip()} has a control character, which no gateway takes")
    value = value.strip(" \t")
    if colon == ":" and not value and name.strip().lower() == "host":
        raise RequestError("a gateway answers a request without a host with 400; write 'Host: NAME'")
    return None if colon == ":" and not value else (name.strip().lower(), value)


def authority_of(asked: ClientRequest, address: Address) -> str:
    """The host that ``asked`` is for, with the port if it is written there."""
    return next((value for name, value in received(asked.headers) if name == "host"), address.authority)


def _first_word(name: str) -> str:
    words = name.split(maxsplit=1)
    return words[0] + (" ..." if len(words) > 1 else "") if words else ""


def seen_by_filters(
    asked: ClientRequest,
    address: Address,
    port: int,
    claim_keys: Iterable[str] = ("payload",),
    hosts: Iterable[HostProgram] | None = None,
) -> Request:
    """``asked`` at the port ``port`` of a gateway.

    With what gateways add to it, and without what they take from nobody. Claims are below each of
    ``claim_keys``. ``hosts`` are those that are served there, as far as they are known.

    Raises:
        RequestError: No gateway would take it.
    """
    if not _TOKEN.fullmatch(asked.method):
        raise RequestError(f"{quoted(asked.method)} is no method; write one such as GET")
    target = plain_target(address.target)
    if target is None:
        raise RequestError(
            f"{address.target}: the gateway redirects a path with %2F or %5C to the one with a slash; "
            "ask for that"
        )
    host, source_port = _source(asked.source)
    attributes = _attributes(asked, address, host, source_port)
    if asked.claims is not None:
        claims = as_metadata(asked.claims)
        attributes[CLAIMS[0], CLAIMS[1]] = {CLAIMS[2]: dict.fromkeys(sorted(claim_keys), claims)}
    request = Request(
        authority=authority_of(asked, address),
        method=asked.method,
        target=target,
        headers=tuple(_seen_headers(_read_headers(asked), address, host)),
        port=port,
        scheme=address.scheme,
        attributes=attributes,
    )
    if (refused := refused_by_gateway(asked)) and (hosts is None or refused.holds(hosts, request)):
        raise RequestError(f"the gateway answers with {refused.status} by itself: {refused.because}")
    return request


def refused_by_gateway(asked: ClientRequest) -> Refusal | None:
    """Tell whether a gateway answers ``asked`` by itself, before it looks at anything else.

    Raises:
        RequestError: The URL is none.
    """
    address = address_of(asked.url)
    authority, headers = authority_of(asked, address), _read_headers(asked)
    return refusal(asked.method, address.scheme, authority, address.target, headers)


def _read_headers(asked: ClientRequest) -> list[tuple[str, str]]:
    """The headers as expressions read them: a byte that is no UTF-8 is U+FFFD."""
    return [(name, _NO_UTF8.sub("\ufffd", value)) for name, value in sent_headers(asked)]


def removed_from(asked: ClientRequest, *, own_router: bool = True) -> tuple[str, ...]:
    """Return the names of the headers of ``asked`` that no policy sees, since the gateway removes them.

    Without ``own_router`` what proxies tell each other is not among them: nobody knows whom it trusts.
    """
    names = removed(received(asked.headers))
    return names if own_router else tuple(name for name in names if name not in BETWEEN_PROXIES)


def knowledge_of(
    asked: ClientRequest, address: Address, *, show_values: bool, own_router: bool = True
) -> Knowledge:
    """Return what is not known of ``asked``, which :func:`seen_by_filters` has taken.

    Without ``own_router`` that is also what it has of the headers that proxies tell each other.
    """
    host, port = _source(asked.source)
    sent = {name for name, _ in received(asked.headers)}
    if address.scheme == "https":
        sent.add(CLIENT_CERTIFICATE)
    stated = Stated(
        address=host,
        has_port=bool(port),
        has_time=asked.time is not None,
        has_claims=asked.claims is not None,
        is_tls=address.scheme == "https",
        passed_on=() if own_router else tuple(sorted(sent & BETWEEN_PROXIES)),
    )
    return knowledge(stated, _WORDS, show_values=show_values)


_WORDS: Final = Words(
    address="--from ADDRESS",
    port="--from ADDRESS:PORT, other in each connection",
    time="--at MOMENT",
    claims="--jwt CLAIMS",
)


def sent_headers(asked: ClientRequest) -> Iterator[tuple[str, str]]:
    """The headers that the client sends, in lower case, with that of a password in the URL.

    Raises:
        RequestError: The URL is none.
    """
    given = received(asked.headers)
    yield from given
    credentials = address_of(asked.url).credentials
    if credentials and not any(name == "authorization" for name, _ in given):
        word = base64.b64encode(unquote_to_bytes(credentials)).decode()
        yield "authorization", f"Basic {word}"


def _seen_headers(
    given: Sequence[tuple[str, str]], address: Address, source: str
) -> Iterator[tuple[str, str]]:
    yield from (header for header in seen(given) if header[0] != "host")
    if forwarded := forwarded_for(source):
        yield "x-forwarded-for", forwarded
    yield "x-forwarded-proto", address.scheme


def _attributes(
    asked: ClientRequest, address: Address, source: str, port: int | None
) -> dict[tuple[str, str], Value]:
    known: dict[tuple[str, str], Value] = {}
    if asked.time is not None:
        known["request", "time"] = asked.time
    if source:
        # Without the port nobody looks at it but `source.remote_address`.
        bracketed = f"[{source}]" if isinstance(ip_address(source), IPv6Address) else source
        known["source", "address"] = f"{bracketed}:{port or 0}"
    if port:
        known["source", "port"] = port
    if address.scheme == "http":
        known["connection", "mtls"] = False
        known["connection", "requested_server_name"] = ""
    return known


def _source(text: str | None) -> tuple[str, int | None]:
    """Address and port of a client; empty where they are not told.

    Raises:
        RequestError: It is no address.
    """
    if text is None:
        return "", None
    for host, port in _readings(text):
        try:
            address = ip_address(host.removeprefix("[").removesuffix("]"))
        except ValueError:
            continue
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            break
        return str(address), int(port) if port else None
    raise RequestError(f"{quoted(text)} is no address; write one such as 10.0.0.7 or 10.0.0.7:4711")


def _readings(text: str) -> Iterable[tuple[str, str]]:
    host, colon, port = text.rpartition(":")
    return ((text, ""), (host, port)) if colon else ((text, ""),)
