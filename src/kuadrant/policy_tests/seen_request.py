"""A request of a test as the filters of a gateway see it: with what the gateway adds, and at a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from kuadrant.policy_tests.file_rules import split_address
from kuadrant.reference_model import Request
from kuadrant.reference_model.refusal import refusal
from kuadrant.reference_model.seen_by_filters import as_metadata, is_kept

if TYPE_CHECKING:
    from kuadrant.policy_tests.file_format import AskedRequest
    from kuadrant.reference_model.request import Value

BEGINNING: Final = datetime(2024, 1, 1, tzinfo=UTC)
"""What ``request.time`` is when a test begins."""
OWN_ADDRESS: Final = "127.0.0.1"
"""Where requests without a ``source`` come from."""
_FIRST_PORT: Final = 32_768
_PORTS: Final = 28_232
_JWT_FILTER: Final = "envoy.filters.http.jwt_authn"


class SeenRequest:
    """Makes once what is the same each time that a request is sent.

    Attributes:
        refusal: Why the gateway answers it by itself, if it does.
    """

    def __init__(self, asked: AskedRequest, port: int, scheme: str) -> None:
        self._host = asked.host
        self._method = asked.method
        self._target = target(asked)
        self._port = port
        self._scheme = scheme
        self._source, self._source_port = split_address(asked.source or OWN_ADDRESS)
        self._headers = _sent_headers(asked)
        self._added = (("x-forwarded-for", self._source), ("x-forwarded-proto", scheme))
        self._metadata = _metadata(asked)
        self.refusal = refusal(asked.method, scheme, asked.host, self._target, self._headers)

    def sent(self, number: int, milliseconds: int) -> Request:
        """Return the request as the ``number``-th of its test, so long after the beginning.

        Each comes by a connection of its own, so from another port where the test names none.
        """
        port = int(self._source_port or _FIRST_PORT + number % _PORTS)
        address = f"[{self._source}]" if ":" in self._source else self._source
        attributes: dict[tuple[str, str], Value] = {
            ("request", "time"): BEGINNING + timedelta(milliseconds=milliseconds),
            ("request", "total_size"): self._size(),
            ("source", "address"): f"{address}:{port}",
            ("source", "port"): port,
            ("destination", "address"): f"{OWN_ADDRESS}:{self._port}",
            ("destination", "port"): self._port,
            ("connection", "id"): number,
            ("connection", "mtls"): False,
            ("connection", "requested_server_name"): "",
            ("metadata", "filter_metadata"): self._metadata,
        }
        return Request(
            authority=self._host,
            method=self._method,
            target=self._target,
            headers=(*self._headers, *self._added, ("x-request-id", _id(number))),
            port=self._port,
            scheme=self._scheme,
            attributes=attributes,
        )

    def _size(self) -> int:
        return len(self._target) + sum(len(name) + len(value) for name, value in self._headers)


def target(asked: AskedRequest) -> str:
    """Return the path with the query, as it is sent."""
    written = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in asked.query.items())
    if not written:
        return asked.path
    return asked.path + ("&" if "?" in asked.path else "?") + written


def _quoted(text: str) -> str:
    return quote(text, safe="-._~!$'()*,;:@/?", errors="replace")


def _sent_headers(asked: AskedRequest) -> tuple[tuple[str, str], ...]:
    """Return the headers that a gateway leaves as they are sent."""
    sent = ((name.lower(), value.strip(" \t")) for name, value in asked.headers.items())
    return tuple((name, value) for name, value in sent if is_kept(name, value))


def _metadata(asked: AskedRequest) -> dict[str, Value]:
    if asked.jwt is None:
        return {}
    return {_JWT_FILTER: {asked.jwt_provider: as_metadata(asked.jwt)}}


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"
