"""Who a request is from, as real Envoy has found it out: by its own filter for tokens, or by TLS."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.expressions import programs
from tests import tokens
from tests.listener_certificates import Made, made

from .conftest import Envoy, Service, cluster, configuration, get, limited, rule
from .message_strings import strings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

CLAIMS: dict[str, Any] = {
    "sub": "alice",
    "eight": "12345678",
    "one": "\u0001",
    "level": 3,
    "half": 0.5,
    "admin": True,
    "teams": ["toys", 7],
    "address": {"town": "Ulm", "two.parts": "x"},
    "nothing": None,
    "empty": "",
}
SELECTORS = {
    "auth.identity.sub": "alice",
    "auth.identity.eight": "12345678",
    "auth.identity.one": "\u0001",
    "auth.identity.level": "3",
    "auth.identity.half": "0.5",
    "auth.identity.admin": "true",
    "auth.identity.teams": None,
    "auth.identity.address": None,
    "auth.identity.address.town": "Ulm",
    "auth.identity.address.two\\.parts": "x",
    "auth.identity.sub.below": None,
    "auth.identity.nothing": None,
    "auth.identity.empty": "",
    "auth.identity.absent": None,
    "auth.identity": None,
    "auth.metadata.sub": None,
}
EXPRESSIONS = {
    "auth.identity.sub": "alice",
    "auth.identity.eight": "12345678",
    "auth.identity.level": "3",
    "auth.identity.level == 3": "true",
    "auth.identity.level + 0.5": "3.5",
    "auth.identity.admin": "true",
    "'toys' in auth.identity.teams": "true",
    "auth.identity.teams.exists(one, one == 7)": "true",
    "auth.identity['address'].town": "Ulm",
    "auth.identity.nothing == null": "true",
    "has(auth.identity.sub)": "true",
    "has(auth.identity.absent)": "false",
    "has(auth.identity)": "true",
    "has(auth.identity.sub) && auth.identity.sub == 'alice'": "true",
    "auth.identity.?absent.orValue('nobody')": "nobody",
    "auth.identity.absent": None,
    "auth.identity.sub.below": None,
}
WITHOUT_TOKEN = {
    "has(auth.identity.sub)": "false",
    "has(auth.identity)": "true",
    "'sub' in auth.identity": "false",
    "auth.identity.?sub.orValue('nobody')": "nobody",
    "size(auth.identity)": "0",
}
HEADER = {
    "auth.identity.username": "bob",
    "auth.identity.userid": "bob",
    "auth.identity.sub": None,
}


def jwt_authn(key: str) -> dict[str, Any]:
    """Envoy's filter: a token has to be sound, and need not be there."""
    kind = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"
    provider = {
        "issuer": tokens.ISSUER,
        "local_jwks": {"inline_string": tokens.JWKS},
        "payload_in_metadata": key,
    }
    needed = {"requires_any": {"requirements": [{"provider_name": "tokens"}, {"allow_missing": {}}]}}
    rules = [{"match": {"prefix": "/"}, "requires": needed}]
    return {
        "name": "jwt",
        "typed_config": {"@type": kind, "providers": {"tokens": provider}, "rules": rules},
    }


def document(identity: dict[str, str], *entries: dict[str, Any]) -> dict[str, Any]:
    """For every entry a limit of its own, for which what cannot be evaluated is left out."""
    lenient = {"cluster": "limiter", "timeoutMs": 2000, "failureMode": "allow"}
    shown = configuration(rule(), limiter=lenient)
    limits = [{"entries": [entry], "identity": identity} for entry in entries]
    shown["hosts"][0]["rules"][0]["actions"][0]["limits"] = limits
    return shown


def selected(*names: str) -> list[dict[str, str]]:
    return [{"key": name, "selector": name} for name in names]


def evaluated(*texts: str) -> list[dict[str, str]]:
    found = ((text, programs.value(text)) for text in texts)
    return [{"key": text, "program": program} for text, program in found if program is not None]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Envoy, Service]]:
    limiter = Service()
    token, mine, header = {"jwt": "payload"}, {"jwt": "mine"}, {"header": "x-user"}
    documents = {
        "selectors": document(token, *selected(*SELECTORS)),
        "expressions": document(token, *evaluated(*EXPRESSIONS, *WITHOUT_TOKEN)),
        "another": document(mine, *selected("auth.identity.sub")),
        "header": document(header, *selected(*HEADER)),
    }
    direct = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
    hosts = [{"name": "all", "domains": ["*"], "routes": [direct]}]
    listeners = [limited(name, shown, hosts) for name, shown in documents.items()]
    for listener in listeners:
        listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"].insert(
            0, jwt_authn("payload")
        )
    envoy = Envoy(
        tmp_path_factory.mktemp("identity"), listeners, [cluster("limiter", limiter.port, http2=True)]
    )
    yield envoy, limiter
    envoy.stop()
    limiter.stop()


def entries(gateway: tuple[Envoy, Service], listener: str, **headers: str) -> dict[str, str]:
    """What the service is asked; nothing if it is not."""
    envoy, limiter = gateway
    asked = len(limiter.requests)
    assert get(envoy.ports[listener], **headers).status == 200
    return {} if len(limiter.requests) == asked else described(limiter.requests[-1])


def described(request: bytes) -> dict[str, str]:
    """The entries of the descriptor in a question."""
    _, descriptor = strings(request)
    pairs = [strings(entry) for entry in strings(descriptor)]
    return {pair[0].decode(): pair[1].decode() for pair in pairs}


def bearer(token: str) -> str:
    return f"Bearer {token}"


def test_claims_are_read_by_selectors_with_their_kinds(gateway: tuple[Envoy, Service]) -> None:
    found = entries(gateway, "selectors", authorization=bearer(tokens.token(**CLAIMS)))
    assert {name: found.get(name) for name in SELECTORS} == SELECTORS


def test_claims_are_values_of_expressions(gateway: tuple[Envoy, Service]) -> None:
    found = entries(gateway, "expressions", authorization=bearer(tokens.token(**CLAIMS)))
    assert {text: found.get(text) for text in EXPRESSIONS} == EXPRESSIONS


def test_without_a_token_no_claim_is_there(gateway: tuple[Envoy, Service]) -> None:
    assert entries(gateway, "selectors") == {}
    found = entries(gateway, "expressions")
    assert {text: found.get(text) for text in WITHOUT_TOKEN} == WITHOUT_TOKEN
    assert [text for text in found if text not in WITHOUT_TOKEN and "has(" not in text] == [
        "auth.identity.?absent.orValue('nobody')"
    ]


def test_a_claim_of_one_request_is_none_of_the_next(gateway: tuple[Envoy, Service]) -> None:
    for user in ("alice", "bob", "", "carol"):
        sent = {"authorization": bearer(tokens.token(sub=user))} if user else {}
        assert entries(gateway, "selectors", **sent).get("auth.identity.sub", "") == user


@pytest.mark.parametrize("made", [tokens.forged, tokens.expired, tokens.unsigned])
def test_what_a_token_says_that_nobody_vouches_for_is_not_read(
    gateway: tuple[Envoy, Service], made: Any
) -> None:
    envoy, limiter = gateway
    asked = len(limiter.requests)
    assert get(envoy.ports["selectors"], authorization=bearer(made(sub="alice"))).status == 401
    assert len(limiter.requests) == asked


def test_a_client_cannot_write_what_the_filter_writes(gateway: tuple[Envoy, Service]) -> None:
    assert entries(gateway, "selectors", x_jwt_payload="eyJzdWIiOiJhbGljZSJ9", sub="alice") == {}


def test_the_claims_of_another_provider_are_not_read(gateway: tuple[Envoy, Service]) -> None:
    assert entries(gateway, "another", authorization=bearer(tokens.token(sub="alice"))) == {}


@pytest.mark.parametrize(("value", "found"), [("bob", HEADER), ("", {}), (None, {})])
def test_a_header_is_an_identity_where_it_is_named(
    gateway: tuple[Envoy, Service], value: str | None, found: dict[str, str | None]
) -> None:
    sent = {} if value is None else {"x_user": value}
    got = entries(gateway, "header", **sent)
    assert {name: got.get(name) for name in found} == found
    assert bool(got) == bool(found)


CERTIFICATE = document({"certificate": "peer"}, *selected("auth.identity.san", "auth.identity.subject"))


@pytest.fixture(scope="module")
def certificates() -> dict[str, Made]:
    return {
        "server": made("server.example"),
        "spiffe": made("a.example", uri="spiffe://shop/alice"),
        "name": made("b.example"),
        "stranger": made("c.example", uri="spiffe://shop/alice"),
    }


@pytest.fixture(scope="module")
def of_certificates(
    tmp_path_factory: pytest.TempPathFactory, certificates: dict[str, Made]
) -> Iterator[tuple[Envoy, Service]]:
    """A listener that takes connections with a certificate that it trusts, and without any."""
    limiter = Service()
    direct = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
    hosts = [{"name": "all", "domains": ["*"], "routes": [direct]}]
    listener = limited("tls", CERTIFICATE, hosts)
    trusted = (certificates[name].chain for name in ("spiffe", "name"))
    server = certificates["server"]
    listener["filter_chains"][0]["transport_socket"] = {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_certificates": [
                    {
                        "certificate_chain": {"inline_string": server.chain.decode()},
                        "private_key": {"inline_string": server.key.decode()},
                    }
                ],
                "validation_context": {"trusted_ca": {"inline_string": b"".join(trusted).decode()}},
            },
        },
    }
    envoy = Envoy(
        tmp_path_factory.mktemp("certificates"), [listener], [cluster("limiter", limiter.port, http2=True)]
    )
    yield envoy, limiter
    envoy.stop()
    limiter.stop()


def shown(of: tuple[Envoy, Service], folder: Path, server: Made, client: Made | None) -> dict[str, str]:
    """What the service is asked for a connection with that certificate; nothing if it is not."""
    envoy, limiter = of
    context = ssl.create_default_context(cadata=server.chain.decode())
    if client is not None:
        (folder / "client.pem").write_bytes(client.chain + client.key)
        context.load_cert_chain(folder / "client.pem")
    asked = len(limiter.requests)
    plain = socket.create_connection(("127.0.0.1", envoy.ports["tls"]), timeout=10)
    with context.wrap_socket(plain, server_hostname="server.example") as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: server.example\r\nconnection: close\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    return {} if len(limiter.requests) == asked else described(limiter.requests[-1])


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("spiffe", {"auth.identity.san": "spiffe://shop/alice", "auth.identity.subject": "CN=a.example"}),
        ("name", {"auth.identity.san": "b.example", "auth.identity.subject": "CN=b.example"}),
        (None, {}),
    ],
)
def test_a_certificate_is_an_identity(
    of_certificates: tuple[Envoy, Service],
    certificates: dict[str, Made],
    tmp_path: Path,
    name: str | None,
    found: dict[str, str],
) -> None:
    client = None if name is None else certificates[name]
    assert shown(of_certificates, tmp_path, certificates["server"], client) == found


def test_a_certificate_that_nobody_vouches_for_does_not_come_in(
    of_certificates: tuple[Envoy, Service], certificates: dict[str, Made], tmp_path: Path
) -> None:
    asked = len(of_certificates[1].requests)
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        shown(of_certificates, tmp_path, certificates["server"], certificates["stranger"])
    assert len(of_certificates[1].requests) == asked
