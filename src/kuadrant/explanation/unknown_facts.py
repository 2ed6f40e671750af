"""The facts of a request that nobody knows before a gateway has it, by what is stated of the request.

`kuadrant explain` and `kuadrant test` both have them from here.
"""

from __future__ import annotations

from ipaddress import ip_address
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.explanation.knowledge import Knowledge
from kuadrant.explanation.record import Fact
from kuadrant.policy.identity_source import CLAIMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kuadrant.explanation.knowledge import Path

_TIME: Final = "request.time"
_REMOTE: Final = "source.remote_address"
_FORWARDED: Final = "request.headers.x-forwarded-for"
_PORT: Final = ("source.address", "source.port")
METADATA: Final = "metadata"
"""What other filters of the gateway say, claims of tokens among it."""
_OF_GATEWAYS: Final = (
    "request.headers.x-request-id",
    "request.headers.x-envoy-external-address",
    "request.headers.x-envoy-internal",
    "request.id",
    "request.total_size",
    "destination.address",
    "destination.port",
    "connection.id",
    "filter_state",
    "xds",
    "plugin_name",
)
"""What only the gateway knows, whatever is stated."""
CLOCK: Final = Fact(name="when the rate limit service begins a tenth of a sliding window", give="")
"""What decides whether a hit still counts that is 1 to 1.1 windows old."""
_LOOPBACK: Final = frozenset({ip_address("127.0.0.1"), ip_address("::1")})
"""The addresses in whose place Envoy writes another one of its machine (``Utility::isLoopbackAddress``)."""


class Stated(Struct, frozen=True, kw_only=True, gc=False):
    """Holds what is stated of a request beside its head: an ``address`` is empty where it is not.

    ``passed_on`` are headers of which only the gateway knows whether it removes them, as it trusts who sent
    them or not.
    """

    address: str = ""
    has_port: bool = False
    has_time: bool = False
    has_claims: bool = False
    is_tls: bool = False
    passed_on: tuple[str, ...] = ()


class Words(Struct, frozen=True, kw_only=True, gc=False):
    """Says how each fact is stated, in the words of a command or of a file."""

    address: str
    port: str
    time: str
    claims: str


def knowledge(stated: Stated, words: Words, *, show_values: bool = False) -> Knowledge:
    """Return what is known of a request of which so much is ``stated``; ``words`` say how to state more."""
    unknown = {tuple(fact.name.split(".")): fact for fact in _unknown(stated, words)}
    told = frozenset({CLAIMS}) if stated.has_claims else frozenset[tuple[str, ...]]()
    unknown_paths: Mapping[Path, Fact] = MappingProxyType(unknown)
    return Knowledge(unknown_paths, told, show_values, knows_clock=False)


def forwarded_for(address: str) -> str:
    """Return what a gateway adds to ``x-forwarded-for`` for a client; empty where only it knows that.

    For a client of the machine itself it writes the address by which others reach the machine.
    """
    return "" if not address or ip_address(address) in _LOOPBACK else address


def _unknown(stated: Stated, words: Words) -> Iterator[Fact]:
    if not stated.address:
        yield Fact(name=_REMOTE, give=words.address)
    if not forwarded_for(stated.address):
        yield Fact(name=_FORWARDED, give="" if stated.address else words.address)
    if not stated.has_port:
        for name in _PORT:
            yield Fact(name=name, give=words.port)
    if not stated.has_time:
        yield Fact(name=_TIME, give=words.time)
    yield Fact(name=METADATA, give=words.claims)
    if stated.is_tls:
        yield Fact(name="connection", give="")
    for header in stated.passed_on:
        yield Fact(name=f"request.headers.{header}", give="")
    for name in _OF_GATEWAYS:
        if not (stated.is_tls and name.startswith("connection.")):
            yield Fact(name=name, give="")
