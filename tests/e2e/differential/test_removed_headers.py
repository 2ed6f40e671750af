"""What a real Envoy lets through of a client's headers, and so what is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.reference_model.filter_view import received, seen
from kuadrant.reference_model.gateway_refusal import refusal
from kuadrant.reference_model.removed_headers import NEVER_SEEN

from .expression_cases import case, limit
from .generator import Asked

if TYPE_CHECKING:
    from .conftest import Reality

pytestmark = pytest.mark.e2e

COMMON = [
    *("accept", "age", "alt-svc", "b3", "capsule-protocol", "cookie", "date", "early-data", "expect"),
    *("forwarded", "grpc-timeout", "http2-settings", "origin", "priority", "proxy-authenticate"),
    *("proxy-authorization", "server", "status", "trailer", "traceparent", "user-agent", "via"),
    *("x-client-trace-id", "x-forwarded-host", "x-forwarded-port", "x-forwarded-scheme", "x-real-ip"),
]
OF_ENVOY = [
    *("attempt-count", "auth-partial-body", "cluster", "degraded", "fault-abort-request", "any"),
    *("immediate-health-check-fail", "is-timeout-retry", "livestream", "local-overloaded", "not-forwarded"),
    *("original-dst-host", "original-method", "original-scheme", "overloaded", "peer-metadata"),
    *("peer-metadata-id", "ratelimited", "upstream-canary", "upstream-healthchecked-cluster"),
    "upstream-service-time",
]
NAMES = sorted({*COMMON, *(f"x-envoy-{name}" for name in OF_ENVOY), *NEVER_SEEN} - {"transfer-encoding"})
HEADERS = [
    *([(name, "7")] for name in NAMES),
    *([(name, "7"), ("x-forwarded-for", "10.0.0.1")] for name in sorted(NEVER_SEEN - {"transfer-encoding"})),
    *([("te", value)] for value in ("trailers", "gzip, trailers", "Trailers", "trailers;q=1", "gzip", "")),
    *([("x-user", value)] for value in ("a  ", "\ta\t", " a b ", "a\u00a0", "\u2003a", "   ", "60s ")),
    [("Connection", "7")],
    [("connection", "x-hop"), ("x-hop", "1")],
    [("connection", "X-Hop, ,close"), ("x-hop", "1"), ("x-user", "a")],
    [("connection", "upgrade, x-hop, x-forwarded-for"), ("upgrade", "websocket"), ("x-hop", "1")],
    [("connection", "upgrade, x-hop"), ("upgrade", "h2c"), ("x-hop", "1")],
    [("connection", "keep-alive"), ("connection", "x-hop"), ("x-hop", "1")],
    *(
        [("connection", name)]
        for name in ("x-forwarded-for", "X-Forwarded-Host", "x-forwarded-proto", ":path")
    ),
    [("connection", "cookie, user-agent"), ("cookie", "a=b"), ("user-agent", "a")],
    [("connection", ",".join(f"x-{n}" for n in range(9))), ("x-8", "1")],
    [("connection", ",".join(f"x-{n}" for n in range(10))), ("x-8", "1")],
    [("connection", "keep-alive, te"), ("te", "trailers")],
    [("connection", "upgrade")],
    [("upgrade", "websocket")],
    [("connection", "upgrade"), ("upgrade", "websocket")],
    [("connection", "keep-alive"), ("connection", "Upgrade"), ("upgrade", "WebSocket")],
    [("connection", "upgrade"), ("upgrade", "h2c"), ("http2-settings", "a")],
    [("connection", "upgrade"), ("upgrade", "")],
    [("connection", "upgrade, x-hop"), ("upgrade", "other"), ("x-hop", "1")],
    [("referer", "/a")],
    [("referer", "/a"), ("referer", "/b")],
    [("referer", "/a"), ("referer", "/b#c")],
]


def test_what_filters_see_of_a_client_s_headers(reality: Reality) -> None:
    counted = limit("request.headers[request.headers['x-name']]")
    assert counted is not None
    reality.configure(case([counted], []))
    for headers in HEADERS:
        sent = tuple((name, value) for name, value in headers)
        refused = refusal("GET", "http", "a", "/", received(sent))
        for name in sorted({name.lower() for name, _ in sent} - {"x-forwarded-for"}):
            more = (("x-name", name), ("x-case", "0"))
            (found,) = reality.ask([(0.0, Asked("g0", 80, "a", "GET", "/", (*sent, *more)))])
            if refused is not None:
                assert (found.status, found.questions) == (refused.status, ()), sent
                continue
            values = [value for own, value in seen(received(sent)) if own == name]
            told = [entry[1] for _, entries in found.questions for entry in entries[1:]]
            assert told == [",".join(values)][: len(values)], (sent, name)
