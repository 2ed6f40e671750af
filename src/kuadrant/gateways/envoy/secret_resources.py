"""Certificates as resources of their own (SDS), and how a listener names them.

Envoy shows a new one to connections to come: no listener changes, and no connection is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.gateways.envoy.ads_source import ads

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.gateways.envoy.key_pair import KeyPair

SECRET: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type
PRIVATE_KEY: Final = "private_key"
"""The field whose value nobody is to see."""
_CONTEXT: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
_QUIC: Final = "type.googleapis.com/envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport"
_PROTOCOLS: Final = ("h2", "http/1.1")


def tls_secret(name: str, pair: KeyPair) -> dict[str, Any]:
    """Return the certificate ``name`` with its key."""
    return {
        "@type": SECRET,
        "name": name,
        "tls_certificate": {
            "certificate_chain": {"inline_string": pair.chain},
            PRIVATE_KEY: {"inline_string": pair.key},
        },
    }


def tls_socket(certificates: Iterable[str]) -> dict[str, Any]:
    """Return how a listener speaks TLS with these certificates; HTTP/2 to clients that can."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {"@type": _CONTEXT, **_context(certificates, "TLSv1_2", _PROTOCOLS)},
    }


def quic_socket(certificates: Iterable[str]) -> dict[str, Any]:
    """Return how a listener of HTTP/3 speaks TLS with these certificates."""
    return {
        "name": "envoy.transport_sockets.quic",
        "typed_config": {
            "@type": _QUIC,
            "downstream_tls_context": _context(certificates, "TLSv1_3", ("h3",)),
            # What comes before the handshake is done can be sent again by anybody who has seen it.
            "enable_early_data": False,
        },
    }


def _context(certificates: Iterable[str], oldest: str, protocols: Iterable[str]) -> dict[str, Any]:
    return {
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": oldest},
            "alpn_protocols": list(protocols),
            "tls_certificate_sds_secret_configs": [
                {"name": name, "sds_config": ads(wait=True)} for name in certificates
            ],
        },
    }
