"""HTTP/3 to clients, beside HTTP/2 at the same port; the client is another Envoy, which speaks it to ours."""

from __future__ import annotations

import json
import ssl
import subprocess
import time
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.envoy_under_test import envoy_path
from tests.listener_certificates import made, secret
from tests.ports import free_ports

from .https_listeners import HOST, with_https

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.listener_certificates import Made

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e

T = "type.googleapis.com/envoy.extensions."
OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def client(port: int, to: int, trusted: Made, admin: int) -> dict[str, object]:
    """An Envoy that takes HTTP/1.1 at ``port`` and asks by HTTP/3."""

    def address(number: int) -> dict[str, object]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    manager = {
        "@type": T + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "client",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "gateway"}}],
                }
            ]
        },
        "http_filters": [{"name": "router", "typed_config": {"@type": T + "filters.http.router.v3.Router"}}],
    }
    authority = {"trusted_ca": {"inline_string": trusted.chain.decode()}}
    names = [{"san_type": "DNS", "matcher": {"exact": "*.toystore.com"}}]
    tls = {
        "sni": HOST,
        "common_tls_context": {
            "validation_context": {**authority, "match_typed_subject_alt_names": names},
        },
    }
    cluster = {
        "name": "gateway",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "gateway",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(to)}}]}],
        },
        "typed_extension_protocol_options": {
            OPTIONS: {
                "@type": f"type.googleapis.com/{OPTIONS}",
                "explicit_http_config": {"http3_protocol_options": {}},
            }
        },
        "transport_socket": {
            "name": "envoy.transport_sockets.quic",
            "typed_config": {
                "@type": T + "transport_sockets.quic.v3.QuicUpstreamTransport",
                "upstream_tls_context": tls,
            },
        },
    }
    listener = {
        "name": "client",
        "address": address(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return {
        "admin": {"address": address(admin)},
        "static_resources": {"listeners": [listener], "clusters": [cluster]},
    }


@pytest.fixture
def by_http3(tmp_path: Path) -> Iterator[Callable[[int, Made], httpx2.Client]]:
    """Begins a client whose requests arrive at a port by HTTP/3."""
    begun: list[tuple[subprocess.Popen[bytes], httpx2.Client]] = []

    def begin(to: int, trusted: Made) -> httpx2.Client:
        port, admin = free_ports(2)
        path = tmp_path / "client.json"
        path.write_text(json.dumps(client(port, to, trusted, admin)))
        command = [envoy_path(), "-c", str(path), "--concurrency", "1", "--log-level", "error"]
        process = subprocess.Popen([*command, "--use-dynamic-base-id", "--disable-hot-restart"])
        asking = httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers={"host": HOST}, trust_env=False)
        begun.append((process, asking))
        deadline = time.monotonic() + 30
        while True:
            try:
                if httpx2.get(f"http://127.0.0.1:{admin}/ready", trust_env=False).status_code == 200:
                    return asking
            except httpx2.TransportError:
                assert time.monotonic() < deadline
                assert process.poll() is None

    yield begin
    for process, asking in begun:
        asking.close()
        process.terminate()
        process.wait(20)


def test_clients_are_told_of_http_3_and_limited_by_it_with_the_same_counters(
    start: Callable[..., Kuadrant], toystore: Path, by_http3: Callable[[int, Made], httpx2.Client]
) -> None:
    certificate = made("*.toystore.com")
    with_https(toystore)
    (toystore / "secret.yaml").write_text(secret("toystore", certificate, "istio-system"))
    kuadrant = start(toystore, "--echo", "--http3")

    context = ssl.create_default_context(cadata=certificate.chain.decode())
    with httpx2.Client(verify=context, http2=True, http1=False) as by_http2:
        url = f"https://127.0.0.1:{kuadrant.next_port}/toys"
        asked = {"headers": {"host": HOST}, "extensions": {"sni_hostname": HOST}}
        first = by_http2.post(url, **asked)  # type: ignore[arg-type]
    assert (first.status_code, first.headers["alt-svc"]) == (200, f'h3=":{kuadrant.next_port}"; ma=86400')

    asking = by_http3(kuadrant.next_port, certificate)
    # Five in ten seconds, of which one has come by HTTP/2.
    answers = [asking.post("/toys") for _ in range(6)]
    assert [one.status_code for one in answers] == [200] * 4 + [429] * 2
    assert "retry-after" in answers[-1].headers
    seen = asking.get("/toys").json()
    assert (seen["headers"]["x-forwarded-proto"], seen["method"]) == ("https", "GET")


def test_without_the_option_nobody_answers_there(
    start: Callable[..., Kuadrant], toystore: Path, by_http3: Callable[[int, Made], httpx2.Client]
) -> None:
    certificate = made("*.toystore.com")
    with_https(toystore)
    (toystore / "secret.yaml").write_text(secret("toystore", certificate, "istio-system"))
    kuadrant = start(toystore, "--echo")
    assert by_http3(kuadrant.next_port, certificate).post("/toys").status_code == 503
