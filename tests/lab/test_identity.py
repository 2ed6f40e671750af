"""Limits for each user by what a real gateway has authenticated: one file of policies for both providers."""

from __future__ import annotations

import json
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests import tokens
from tests.lab import client_certificates
from tests.lab.authentication import BY_TOKENS, SOURCES, applied, by_keys, by_passwords, known_by, of
from tests.lab.policies import limited_by
from tests.lab.walk import BOTH, ENVOY_GATEWAY, IN_EVERY_WAY, wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lab.walk import Walk

OF_ENVOY_GATEWAY = pytest.mark.parametrize(
    "walk",
    [
        pytest.param((ENVOY_GATEWAY, "pull"), id="Envoy Gateway, pull"),
        pytest.param((ENVOY_GATEWAY, "push"), id="Envoy Gateway, push"),
    ],
    indirect=True,
)
LIMITS = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits:
    per-user:
      rates: [{limit: 2, window: 1h}]
      when: [{predicate: has(auth.identity.NAME)}]
      counters: [{expression: auth.identity.NAME}]
    nobody:
      rates: [{limit: 1, window: 1h}]
      when: [{predicate: "!has(auth.identity.NAME)"}, {predicate: "'x-case' in request.headers"}]
      counters: [{expression: "request.headers['x-case']"}]
"""
V1 = LIMITS.replace("NAME", "sub")
V1BETA2 = """
apiVersion: kuadrant.io/v1beta2
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits:
    per-user: {rates: [{limit: 2, duration: 1, unit: hour}], counters: [auth.identity.sub]}
"""
KINDS = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits:
    lists:
      rates: [{limit: 0, window: 1h}]
      when: [{predicate: "'dolls' in auth.identity.?teams.orValue([])"}]
    numbers:
      rates: [{limit: 0, window: 1h}]
      when: [{predicate: "auth.identity.?level.orValue(0) >= 3"}]
    maps:
      rates: [{limit: 0, window: 1h}]
      when: [{predicate: "auth.identity.?address.?town.orValue('') == 'Oslo'"}]
"""
REFUSED: dict[str, Callable[..., str]] = {
    "forged": tokens.forged,
    "expired": tokens.expired,
    "unsigned": tokens.unsigned,
    "of another issuer": partial(tokens.token, iss="https://another.example"),
}


def somebody() -> str:
    """A name that nobody has had before: counters outlive what made them."""
    return f"user-{uuid.uuid4().hex[:12]}"


def nobody() -> tuple[str, str]:
    """The words by which curl sends a request that is told from others though it is nobody's."""
    return "-H", f"x-case: {uuid.uuid4().hex}"


def warned(walk: Walk) -> str:
    """What the policy warns of."""
    path = "jsonpath={.status.conditions[?(@.type=='kuadrant.io/Warnings')].message}"
    return walk.lab.run("kubectl", "get", "ratelimitpolicy", "toystore", "-o", path)


def takes_tokens(walk: Walk) -> bool:
    """Whether the gateway has been told by its control plane whose tokens it takes."""
    return walk.status(*of(tokens.forged(sub=somebody()))) == "401"


@pytest.fixture(scope="module")
def users(walk: Walk) -> Iterator[Walk]:
    """The gateway takes the tokens of one issuer, and says so."""
    with applied(walk, BY_TOKENS[walk.provided]), known_by(walk, SOURCES[walk.provided]):
        wait(lambda: takes_tokens(walk))
        yield walk


@IN_EVERY_WAY
def test_a_claim_that_nobody_has_verified_is_nobodys(walk: Walk) -> None:
    """And the policy says that nobody verifies it, until somebody does."""
    with known_by(walk, SOURCES[walk.provided]):
        limited_by(walk, V1)
        alice, none = of(tokens.token(sub=somebody())), nobody()
        assert walk.statuses(3, *alice, *none) == ["200", "429", "429"]
        wait(lambda: "nothing authenticates tokens" in warned(walk))

        with applied(walk, BY_TOKENS[walk.provided]):
            wait(lambda: takes_tokens(walk))
            assert walk.statuses(3, *alice, *none) == ["200", "200", "429"]
            wait(lambda: not warned(walk))


@IN_EVERY_WAY
def test_users_are_limited_each_by_their_tokens(users: Walk) -> None:
    limited_by(users, V1)
    for _ in range(2):
        user = of(tokens.token(sub=somebody()))
        assert users.statuses(3, *user, *nobody()) == ["200", "200", "429"]
    none = nobody()
    assert users.statuses(2, *none) == ["200", "429"]
    # A token that does not say who it is of.
    assert users.status(*of(tokens.token(name="dave")), *none) == "429"


@IN_EVERY_WAY
@pytest.mark.parametrize("refused", REFUSED)
def test_the_gateway_refuses_a_token_before_limits_are_looked_at(users: Walk, refused: str) -> None:
    limited_by(users, V1)
    user, none = somebody(), nobody()
    assert users.statuses(2, *none) == ["200", "429"]
    # Neither counted as somebody's, nor let through as nobody's, nor limited: it never gets to the limits.
    assert users.statuses(3, *of(REFUSED[refused](sub=user)), *none) == ["401"] * 3
    good = of(tokens.token(sub=user))
    assert users.statuses(3, *good) == ["200", "200", "429"]
    assert users.status(*of(REFUSED[refused](sub=user))) == "401"


@IN_EVERY_WAY
def test_the_same_by_a_policy_of_v1beta2(users: Walk) -> None:
    users.lab.run("kubectl", "delete", "ratelimitpolicy", "toystore", "--ignore-not-found")
    limited_by(users, V1BETA2)
    for _ in range(2):
        assert users.statuses(3, *of(tokens.token(sub=somebody()))) == ["200", "200", "429"]
    # Who is nobody is not limited by a limit for each user.
    assert users.statuses(4) == ["200"] * 4
    assert users.status(*of(tokens.forged(sub="a"))) == "401"


@IN_EVERY_WAY
def test_claims_keep_their_kinds(users: Walk) -> None:
    limited_by(users, KINDS)
    reached: tuple[dict[str, Any], ...] = (
        {"teams": ["toys", "dolls"]},
        {"level": 3},
        {"address": {"town": "Oslo"}},
    )
    spared: tuple[dict[str, Any], ...] = (
        {"teams": ["toys"]},
        {"level": 2.5},
        {"address": {"town": "Rome"}},
        {},
    )
    assert [users.status(*of(tokens.token(sub="a", **one))) for one in reached] == ["429"] * 3
    assert [users.status(*of(tokens.token(sub="a", **one))) for one in spared] == ["200"] * 4


@IN_EVERY_WAY
def test_a_header_is_the_gateways_own_word_where_it_writes_a_claim_there(walk: Walk) -> None:
    limits = LIMITS.replace("NAME", "username")
    with applied(walk, BY_TOKENS[walk.provided]), known_by(walk, "header:x-user"):
        limited_by(walk, limits)
        wait(lambda: takes_tokens(walk))
        user, own = somebody(), ("-H", f"x-user: {somebody()}")
        token = of(tokens.token(name=user))
        assert walk.statuses(3, *token) == ["200", "200", "429"]
        # What a client writes there himself is taken away or overwritten.
        assert walk.status(*token, *own) == "429"
        assert walk.statuses(2, *own, *nobody()) == ["200", "429"]
        assert walk.statuses(2, *of(tokens.token(sub="a")), *own, *nobody()) == ["200", "429"]


@OF_ENVOY_GATEWAY
@pytest.mark.parametrize("by", ["keys", "passwords"])
def test_a_header_is_the_gateways_own_word_where_it_asks_for_a_key_or_a_password(walk: Walk, by: str) -> None:
    alice, bob = somebody(), somebody()
    secrets = {alice: "alices", bob: "bobs"}
    made = by_keys(secrets) if by == "keys" else by_passwords(secrets)

    def shown(user: str, secret: str) -> tuple[str, str]:
        return ("-H", f"x-api-key: {secret}") if by == "keys" else ("--user", f"{user}:{secret}")

    with applied(walk, made), known_by(walk, "header:x-user"):
        limited_by(walk, LIMITS.replace("NAME", "username"))
        wait(lambda: walk.status() == "401")
        own = ("-H", f"x-user: {somebody()}")
        assert walk.statuses(3, *shown(alice, "alices"), *own) == ["200", "200", "429"]
        # Neither counted nor limited: it never gets to the limits.
        assert walk.statuses(3, *shown(bob, "wrong"), "-H", f"x-user: {bob}") == ["401"] * 3
        assert walk.statuses(3, *shown(bob, "bobs")) == ["200", "200", "429"]
        assert walk.status(*shown(bob, "wrong")) == "401"


@IN_EVERY_WAY
def test_the_kuadrant_says_it_for_gateways_that_say_nothing(walk: Walk) -> None:
    kuadrant = ("kuadrant", "kuadrant", "-n", "kuadrant-system", "--type=merge", "-p")
    with applied(walk, BY_TOKENS[walk.provided]):
        change = {"spec": {"identity": SOURCES[walk.provided]}}
        walk.lab.run("kubectl", "patch", *kuadrant, json.dumps(change))
        try:
            wait(lambda: takes_tokens(walk))
            limited_by(walk, V1)
            assert walk.statuses(3, *of(tokens.token(sub=somebody()))) == ["200", "200", "429"]
            assert walk.statuses(2, *nobody()) == ["200", "429"]
        finally:
            walk.lab.run("kubectl", "patch", *kuadrant, json.dumps({"spec": {"identity": None}}))


@BOTH
def test_clients_are_limited_each_by_the_certificate_that_it_shows(walk: Walk, tmp_path: Path) -> None:
    answers = client_certificates.answers
    with client_certificates.secured(walk, tmp_path) as secured:
        limited_by(walk, LIMITS.replace("NAME", "san"))
        assert answers(secured.tls, secured.alice, 3) == ["200", "200", "429"]
        # Over another connection he is still the same.
        assert answers(secured.tls, secured.alice) == ["429"]
        assert answers(secured.tls, secured.bob, 3) == ["200", "200", "429"]
        # Who shows none, or one that nobody vouches for, does not get in.
        assert answers(secured.tls, None) == ["000"]
        assert answers(secured.tls, secured.stranger) == ["000"]
        # Where nobody is asked for a certificate, everybody is nobody, whatever he says.
        own = ("-H", "x-forwarded-client-cert: URI=spiffe://lab/alice")
        assert walk.statuses(2, *own, *nobody()) == ["200", "429"]
