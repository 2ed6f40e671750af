"""The headers of a client that a gateway removes before any filter sees them.

They are those that Envoy removes at the edge of a network (``use_remote_address``), as it does in
``ConnectionManagerUtility::mutateRequestHeaders``, ``cleanInternalHeaders``, ``sanitizeTEHeader`` and
``mutateXfccRequestHeader`` (``source/common/http/conn_manager_utility.cc``), and in
``Utility::sanitizeConnectionHeader`` (``source/common/http/utility.cc``). What the source of one version
says is not that of another: tests/e2e/differential/test_removed_headers.py holds the lists to a real one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OF_CONNECTIONS: Final = frozenset({"keep-alive", "proxy-connection", "transfer-encoding"})
"""Headers of one connection, which no gateway lets through."""
CLIENT_CERTIFICATE: Final = "x-forwarded-client-cert"
BETWEEN_PROXIES: Final = frozenset(
    {
        CLIENT_CERTIFICATE,
        "x-envoy-decorator-operation",
        "x-envoy-downstream-service-cluster",
        "x-envoy-downstream-service-node",
        "x-envoy-expected-rq-timeout-ms",
        "x-envoy-force-trace",
        "x-envoy-hedge-on-per-try-timeout",
        "x-envoy-internal",
        "x-envoy-ip-tags",
        "x-envoy-max-retries",
        "x-envoy-original-host",
        "x-envoy-original-path",
        "x-envoy-original-url",
        "x-envoy-retriable-header-names",
        "x-envoy-retriable-status-codes",
        "x-envoy-retry-grpc-on",
        "x-envoy-retry-on",
        "x-envoy-upstream-alt-stat-name",
        "x-envoy-upstream-rq-per-try-timeout-ms",
        "x-envoy-upstream-rq-timeout-alt-response",
        "x-envoy-upstream-rq-timeout-ms",
        "x-envoy-upstream-stream-duration-ms",
    }
)
"""Headers by which proxies tell each other something. A gateway that is set up to trust a proxy before it
may let them through; ours does not."""
NEVER_SEEN: Final = OF_CONNECTIONS | BETWEEN_PROXIES
"""What no policy sees of a client, whatever else is in its request."""
_OF_UPGRADES: Final = frozenset({"connection", "upgrade"})
_NO_HEADERS: Final = frozenset({"close", "http2-settings", "keep-alive", "upgrade", "te"})
"""What ``connection`` may say and removes nothing by that; ``te`` is looked at by itself."""
_WEBSOCKET: Final = "websocket"
_HTTP2: Final = "h2c"
_TRAILERS: Final = "trailers"


def without_removed(headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the headers of a client, names in lower case, without those that a gateway removes.

    Of ``te`` only ``trailers`` is left. In the request for a websocket ``connection`` and ``upgrade`` are
    there; from any other one they are removed, with the headers that ``connection`` names.
    """
    asked, gone = upgrade(headers), NEVER_SEEN
    if asked != _WEBSOCKET:
        gone |= _OF_UPGRADES | (frozenset(connection_options(headers)) - _NO_HEADERS)
    if asked == _HTTP2:
        gone |= {"http2-settings"}
    kept = ((name, _trailers(value) if name == "te" else value) for name, value in headers)
    return tuple((name, value) for name, value in kept if name not in gone and value is not None)


def upgrade(headers: Sequence[tuple[str, str]]) -> str | None:
    """Return the protocol, in lower case, that a request wants its connection to be for; None if none."""
    wanted = next((value.lower() for name, value in headers if name == "upgrade"), None)
    return wanted if "upgrade" in connection_options(headers) else None


def connection_options(headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return what ``connection`` says, in lower case; names of headers are to go no further."""
    values = (value for name, value in headers if name == "connection")
    options = (one.strip(" \t").lower() for value in values for one in value.split(","))
    return tuple(one for one in options if one)


def _trailers(value: str) -> str | None:
    """Return what is left of the value of ``te``; None if nothing is."""
    tokens = [one.strip(" \t") for one in value.split(",")]
    if _TRAILERS in tokens:
        return _TRAILERS
    return None if value else value
