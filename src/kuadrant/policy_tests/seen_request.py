"""A request of a test as the filters of a gateway see it: with what the gateway adds, and at a moment.

What of it is made up, since only a running gateway knows it, is what its ``knowledge`` does not have.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from kuadrant.explanation.unknown_facts import Stated, Words, forwarded_for, knowledge
from kuadrant.policy_tests.file_rules import split_address
from kuadrant.reference_model import Request
from kuadrant.reference_model.filter_view import as_metadata, received, seen
from kuadrant.reference_model.gateway_refusal import refusal

if TYPE_CHECKING:
    from kuadrant.policy_tests.file_format import AskedRequest
    from kuadrant.reference_model.request import Value

_BEGINNING: Final = datetime(2024, 1, 1, tzinfo=UTC)
_OWN_ADDRESS: Final = "127.0.0.1"
_FIRST_PORT: Final = 32_768
_PORTS: Final = 28_232
_JWT_FILTER: Final = "envoy.filters.http.jwt_authn"
_WORDS: Final = Words(
    address="source: ADDRESS in the request",
    port="source: ADDRESS:PORT in the request",
    time="begins: MOMENT in the test",
    claims="jwt: CLAIMS in the request ({} for one without a token)",
)


class SeenRequest:
    """Makes once what is the same each time that a request is sent.

    Attributes:
        refusal: Why the gateway answers it by itself, if it does.
        knowledge: What is known of it, by what the test states.
    """

    def __init__(self, asked: AskedRequest, port: int, scheme: str, begins: datetime | None = None) -> None:
        self._host = asked.host
        self._method = asked.method
        self._target = target(asked)
        self._port = port
        self._scheme = scheme
        source, self._source_port = split_address(asked.source or _OWN_ADDRESS)
        self._source = str(ip_address(source))
        self._begins = begins or _BEGINNING
        sent = received(asked.headers.items())
        self._headers = seen(sent)
        forwarded = forwarded_for(self._source) or _OWN_ADDRESS
        self._added = (("x-forwarded-for", forwarded), ("x-forwarded-proto", scheme))
        self._metadata = _metadata(asked)
        stated = Stated(
            address=self._source if asked.source is not None else "",
            has_port=self._source_port is not None,
            has_time=begins is not None,
            has_claims=asked.jwt is not None,
            is_tls=scheme == "https",
        )
        self.knowledge = knowledge(stated, _WORDS)
        self.refusal = refusal(asked.method, scheme, asked.host, self._target, sent)

    def sent(self, number: int, milliseconds: int) -> Request:
        """Return the request as the ``number``-th of its test, so long after the beginning.

        Each comes by a connection of its own, so from another port where the test names none.
        """
        port = int(self._source_port or _FIRST_PORT + number % _PORTS)
        address = f"[{self._source}]" if ":" in self._source else self._source
        attributes: dict[tuple[str, str], Value] = {
            ("request", "time"): self._begins + timedelta(milliseconds=milliseconds),
            ("request", "total_size"): self._size(),
            ("source", "address"): f"{address}:{port}",
            ("source", "port"): port,
            ("destination", "address"): f"{_OWN_ADDRESS}:{self._port}",
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


def _metadata(asked: AskedRequest) -> dict[str, Value]:
    if asked.jwt is None:
        return {}
    return {_JWT_FILTER: {asked.jwt_provider: as_metadata(asked.jwt)}}


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"
