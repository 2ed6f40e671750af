"""Headers that the gateway removes are seen by no policy, and it is told that they are removed."""

from __future__ import annotations

from msgspec import structs

from kuadrant.explanation import ClientRequest
from kuadrant.explanation.short_text import short_text

from .asking import asked, configuration, policy

RETRIED = policy(
    "retried: {rates: [{limit: 2, window: 10s}], "
    "when: [{predicate: \"'x-envoy-retry-on' in request.headers\"}]}"
)
KEPT = policy(
    "kept: {rates: [{limit: 2, window: 10s}], when: [{predicate: \"'keep-alive' in request.headers\"}]}"
)
SENT = (("X-Envoy-Retry-On", "5xx"), ("Keep-Alive", "7"))


def test_no_policy_sees_it_and_one_line_tells_that() -> None:
    found = asked(RETRIED, headers=SENT)
    assert found.limits[0].applies == "no"
    assert found.notes == (
        "the gateway removes keep-alive, x-envoy-retry-on of the client before any policy looks at it",
    )
    assert found.notes[0] in " ".join(short_text(found).split())


def test_nothing_is_told_of_a_request_that_is_seen_as_it_is_sent() -> None:
    assert asked(RETRIED, headers=(("x-user", "a"), ("Host", "toys.x"), ("x-request-id", "1"))).notes == ()


def test_where_another_sets_up_the_gateway_it_is_not_known_whom_that_trusts() -> None:
    of_provider = structs.replace(configuration(RETRIED), own_router=False)
    url = "http://toys.x/toys"
    found = of_provider.explain(ClientRequest(url=url, headers=SENT)).explanation
    assert found.outcome == "unknown"
    assert [fact.name for fact in found.unknown] == ["request.headers.x-envoy-retry-on"]
    assert found.notes == ("the gateway removes keep-alive of the client before any policy looks at it",)
    assert of_provider.explain(ClientRequest(url=url)).explanation.limits[0].applies == "no"


def test_what_belongs_to_a_connection_is_removed_by_every_gateway() -> None:
    of_provider = structs.replace(configuration(KEPT), own_router=False)
    found = of_provider.explain(ClientRequest(url="http://toys.x/toys", headers=SENT)).explanation
    assert found.limits[0].applies == "no"
