"""Listeners of HTTPS: certificates of the folder, by host name, renewed without closing a connection."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.listener_certificates import Made, made, secret

from .https_listeners import HOST, LISTENERS, with_https

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e


def trusting(*certificates: Made) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata="".join(one.chain.decode() for one in certificates))
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connection:
    """One connection to the port of HTTPS, and the certificate that was shown there."""

    def __init__(self, kuadrant: Kuadrant, context: ssl.SSLContext, host: str = HOST) -> None:
        plain = socket.create_connection(("127.0.0.1", kuadrant.next_port), timeout=10)
        self.tls = context.wrap_socket(plain, server_hostname=host)
        self.host = host

    def post(self, path: str = "/toys") -> int:
        self.tls.sendall(f"POST {path} HTTP/1.1\r\nhost: {self.host}\r\ncontent-length: 0\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.tls.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        left = int(lengths[0].partition(b":")[2]) - len(body) if lengths else 0
        while left > 0:
            left -= len(self.tls.recv(left))
        return int(head.split(b" ")[1])

    def close(self) -> None:
        self.tls.close()


def shown(kuadrant: Kuadrant, context: ssl.SSLContext, host: str = HOST) -> Any:
    """Return the names in the certificate that a new connection is shown."""
    connection = Connection(kuadrant, context, host)
    try:
        return connection.tls.getpeercert()
    finally:
        connection.close()


def test_limits_hold_by_http_1_and_2_over_tls(start: Callable[..., Kuadrant], toystore: Path) -> None:
    certificate = made("*.toystore.com")
    with_https(toystore)
    (toystore / "secret.yaml").write_text(secret("toystore", certificate, "istio-system"))
    kuadrant = start(toystore, "--echo")

    found = []
    for http2 in (True, False):
        context = ssl.create_default_context(cadata=certificate.chain.decode())
        with httpx2.Client(verify=context, http2=http2, http1=not http2) as client:
            answers = [
                client.post(
                    f"https://127.0.0.1:{kuadrant.next_port}/toys",
                    headers={"host": HOST},
                    extensions={"sni_hostname": HOST},
                )
                for _ in range(3)
            ]
        found.append([(one.http_version, one.status_code) for one in answers])
    assert found == [[("HTTP/2", 200)] * 3, [("HTTP/1.1", 200)] * 2 + [("HTTP/1.1", 429)]]
    assert kuadrant.request("POST").status == 429  # the limit is the route's, by whichever port


def test_a_renewed_certificate_is_shown_to_new_connections_and_closes_none(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    first, second = made("*.toystore.com"), made("*.toystore.com")
    both = trusting(first, second)
    with_https(toystore)
    (toystore / "secret.yaml").write_text(secret("toystore", first, "istio-system"))
    kuadrant = start(toystore, "--echo")
    open_since = Connection(kuadrant, both)
    assert open_since.post("/toys/1") == 404

    kuadrant.change("secret.yaml", secret("toystore", second, "istio-system"))

    assert open_since.post("/toys/1") == 404
    open_since.close()
    shown(kuadrant, trusting(second))
    with pytest.raises(ssl.SSLCertVerificationError):
        shown(kuadrant, trusting(first))
    stats = kuadrant.get(kuadrant.admin_port, "/stats?filter=listener_manager.listener_(modified|in_place)")
    assert {line.rpartition(b" ")[2] for line in stats.body.splitlines()} == {b"0"}


def test_each_listener_of_a_port_shows_its_own_certificate(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    wild, exact = made("*.toystore.com"), made("api.toystore.com")
    with_https(
        toystore,
        LISTENERS.replace("https", "exact")
        .replace("*.toystore.com", HOST)
        .replace("name: toystore", "name: api"),
    )
    (toystore / "secrets.yaml").write_text(
        secret("toystore", wild, "istio-system") + "---\n" + secret("api", exact, "istio-system")
    )
    kuadrant = start(toystore, "--echo")

    both = trusting(wild, exact)
    names = {host: shown(kuadrant, both, host)["subjectAltName"] for host in (HOST, "www.toystore.com")}
    assert names == {HOST: (("DNS", HOST),), "www.toystore.com": (("DNS", "*.toystore.com"),)}
    with pytest.raises((ssl.SSLError, ConnectionError)):  # no listener has that name
        shown(kuadrant, both, "other.example.com")


def test_a_bad_secret_takes_down_nothing_that_runs(start: Callable[..., Kuadrant], toystore: Path) -> None:
    good, other = made("*.toystore.com"), made("*.toystore.com")
    with_https(toystore)
    (toystore / "secret.yaml").write_text(secret("toystore", good, "istio-system"))
    kuadrant = start(toystore, "--echo")
    policy = (toystore / "ratelimitpolicy.yaml").read_text()

    mixed = Made(other.chain, good.key)
    kuadrant.change("secret.yaml", secret("toystore", mixed, "istio-system"))
    kuadrant.wait(lambda: any(line.get("code") == "certificate-invalid" for line in kuadrant.lines))
    (finding,) = [line for line in kuadrant.lines if line.get("code") == "certificate-invalid"]
    assert finding["file"] == "secret.yaml"
    assert finding["field"] == 'data["tls.key"]'
    assert finding["msg"].startswith(
        "does not fit the certificate: it is the key of another one; listener https"
    )
    kuadrant.change("ratelimitpolicy.yaml", policy.replace("limit: 5", "limit: 1"))

    shown(kuadrant, trusting(good))
    connection = Connection(kuadrant, trusting(good))
    assert [connection.post(), connection.post()] == [200, 429]
    connection.close()
    for line in [*kuadrant.output, *map(str, kuadrant.lines)]:
        assert "PRIVATE KEY" not in line


def test_every_kind_of_key_that_is_taken_envoy_takes(start: Callable[..., Kuadrant], toystore: Path) -> None:
    with_https(toystore)
    kuadrant = start(toystore, "--echo")
    kinds: list[rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey] = [
        rsa.generate_private_key(65537, 2048),
        *(ec.generate_private_key(curve()) for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)),
    ]
    for key in kinds:
        certificate = made("*.toystore.com", key=key)
        kuadrant.change("secret.yaml", secret("toystore", certificate, "istio-system"))
        shown(kuadrant, trusting(certificate))


def test_a_listener_without_a_certificate_waits_for_it_and_others_are_served(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    certificate = made("*.toystore.com")
    with_https(toystore)
    kuadrant = start(toystore, "--echo")
    assert kuadrant.request().status == 200
    kuadrant.wait(
        lambda: any(
            "listener https of Gateway" in line and "is not served" in line for line in kuadrant.output
        )
    )

    kuadrant.change("secret.yaml", secret("toystore", certificate, "istio-system"))

    shown(kuadrant, trusting(certificate))
