"""The certificate that the push server shows, which may become another while it runs."""

from __future__ import annotations

import grpc  # type: ignore[import-untyped]
from msgspec import Struct


class Certificate(Struct, frozen=True, kw_only=True):
    """A certificate, with what leads from it to an authority, and its key: both in PEM."""

    chain: bytes
    key: bytes

    def __repr__(self) -> str:
        """Without the key."""
        return "Certificate(...)"


class Credentials:
    """Shows clients ``certificate``; one that is set later is shown to those who connect after that."""

    def __init__(self, certificate: Certificate) -> None:
        self.certificate = certificate

    def of_server(self) -> grpc.ServerCredentials:
        """Return them in gRPC's form. Clients need no certificate."""
        shown = self.certificate

        def anew() -> grpc.ServerCertificateConfiguration | None:
            # Asked at every handshake, from a thread of gRPC's.
            nonlocal shown
            if shown is self.certificate:
                return None
            shown = self.certificate
            return _configuration(shown)

        return grpc.dynamic_ssl_server_credentials(_configuration(shown), anew)


def _configuration(certificate: Certificate) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(certificate.key, certificate.chain)])
