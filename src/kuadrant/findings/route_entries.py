"""Tells which headers, parameters and parts of an identity each request has that comes by some rules."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kuadrant.policy.expression_text import HEADERS, quoted
from kuadrant.policy.header_guards import IDENTITY
from kuadrant.policy.request_facts import Entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.policy.identity_source import IdentitySource
    from kuadrant.policy.match import RequestMatch
    from kuadrant.policy.request_facts import Entry

    Way = tuple[IdentitySource | None, RequestMatch]
    """A match by which requests come, and where the gateway there knows them from."""

_QUERY: Final = "queryMap(request.query)"
_USER: Final = (IDENTITY, "'username'"), (IDENTITY, "'userid'")
"""What a header that is an identity gives, always both."""
_PLAIN: Final = re.compile(r"[0-9A-Za-z_.-]+")
"""A name of a parameter that is the same however it is read."""


def route_entries(ways: Sequence[Way]) -> Entries:
    """Return what each request has that comes by one of these ``ways``."""
    there = [_there(*way) for way in ways]
    return Entries(
        present=there[0].intersection(*there) if there else frozenset(),
        together=(_USER,) if ways and all(_is_header(source) for source, _ in ways) else (),
    )


def absence(ways: Sequence[Way]) -> str:
    """Return why a part of an identity may be absent where another one is there; empty where none may."""
    kinds = {source.kind for source, _ in ways if source is not None}
    if "jwt" in kinds:
        return "whatever else a token has: that is up to who made it"
    return "whatever else a certificate has" if "mtls" in kinds else ""


def _there(source: IdentitySource | None, match: RequestMatch) -> frozenset[Entry]:
    found = {(HEADERS, quoted(header.name)) for header in match.headers}
    found |= {(_QUERY, quoted(one.name)) for one in match.query if _PLAIN.fullmatch(one.name)}
    if source is not None and _is_header(source):
        # An empty header is nobody, which a pattern may hold for.
        asked = {header.name for header in match.headers if header.type == "exact" and header.value}
        found |= set(_USER) if source.name in asked else set()
    return frozenset(found)


def _is_header(source: IdentitySource | None) -> bool:
    return source is not None and source.kind == "header"
