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
        "typed_config": {
            "@type": _CONTEXT,
            "common_tls_context": {
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "alpn_protocols": list(_PROTOCOLS),
                "tls_certificate_sds_secret_configs": [
                    {"name": name, "sds_config": ads(wait=True)} for name in certificates
                ],
            },
        },
    }
