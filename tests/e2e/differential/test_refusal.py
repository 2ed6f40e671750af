"""What a gateway is said to refuse by itself is what a real Envoy refuses, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from kuadrant.reference_model.gateway_refusal import refusal as refusal_of

from .gateways import GATEWAYS
from .generator import Asked, Case

if TYPE_CHECKING:
    from .conftest import Reality

pytestmark = pytest.mark.e2e

METHODS = [
    *("ACL", "BIND", "CHECKOUT", "COPY", "DELETE", "GET", "HEAD", "LINK", "LOCK", "MERGE", "MKACTIVITY"),
    *(
        "MKCALENDAR",
        "MKCOL",
        "MOVE",
        "M-SEARCH",
        "NOTIFY",
        "OPTIONS",
        "PATCH",
        "POST",
        "PROPFIND",
        "PROPPATCH",
    ),
    *(
        "PURGE",
        "PUT",
        "QUERY",
        "REBIND",
        "REPORT",
        "SEARCH",
        "SOURCE",
        "SUBSCRIBE",
        "TRACE",
        "UNBIND",
        "UNLINK",
    ),
    *("UNLOCK", "UNSUBSCRIBE", "CONNECT", "PRI", "get", "Get", "BREW"),
]
HOSTS = ["a.x", "a.x:99999", "[::1]", "a_b", *(f"a{chr(code)}b" for code in range(0x21, 0x7F)), "a b"]
TARGETS = ["/%00", "/a%00b?q", "/?%00", "/%01", "/%2500", "/%7f"]
HEADERS = [
    *(tuple((f"x-{number}", "1") for number in range(count)) for count in (99, 100)),
    *((("x-long", "a" * length),) for length in (60_000, 61_300, 61_500)),
]


def test_envoy_refuses_what_is_said_and_nothing_else(reality: Reality) -> None:
    reality.configure(Case(tuple(one for one in yaml.safe_load_all(GATEWAYS) if one), "deny", ()))
    asked = [
        *(Asked("g0", 80, "a.x", method, "/") for method in METHODS),
        *(Asked("g0", 80, "a.x", "QUERY", "/", (("content-type", kind),)) for kind in ("", " ", "a/b")),
        *(Asked("g0", 80, host, "GET", "/") for host in HOSTS),
        *(Asked("g0", 80, "a.x", "GET", target) for target in TARGETS),
        *(Asked("g0", 80, "a.x", "GET", "/", headers) for headers in HEADERS),
    ]
    seen = reality.ask([(0.0, one) for one in asked])
    refused = {
        one: found.status for one, found in zip(asked, seen, strict=True) if found.status in (400, 431)
    }
    told = {
        one: refusal.status
        for one in asked
        if (refusal := refusal_of(one.method, "http", one.authority, one.target, one.headers))
    }
    differing = {one for one in asked if told.get(one) != refused.get(one)}
    assert [(one.method, one.authority, one.target, len(one.headers)) for one in differing] == []
