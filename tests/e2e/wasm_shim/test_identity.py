"""Who a request is from, as real Envoy has found it out with its own filter for tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.expressions import programs
from tests import tokens

from .conftest import Envoy, Service, cluster, configuration, get, limited, rule
from .message_strings import strings

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    if len(limiter.requests) == asked:
        return {}
    _, descriptor = strings(limiter.requests[-1])
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
