"""The filter CORS: pages of other origins are told what they may send, and read what limits say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .documents import GATEWAY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Answer, Kuadrant

pytestmark = pytest.mark.e2e

FOLDER = (
    GATEWAY
    + """---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: gw}]
  hostnames: [a.example]
  rules:
  - filters: [{type: CORS, cors: {CORS}}]
    backendRefs: [{name: app, port: 80}]
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: p}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}
  RESPONSE
  limits: {all: {rates: [{limit: 2, window: 1h}]}}
"""
)
CORS = """allowOrigins: ["https://shop.example", "https://*.friends.example", "http://local:3000"],
    allowMethods: [GET, POST], allowHeaders: [x-user, x-team], exposeHeaders: [x-told], maxAge: 60"""
OF_LIMITS = "x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset"
SHOP = "https://shop.example"


def folder(cors: str, response: str = "") -> str:
    return FOLDER.replace("CORS}", f"{cors}}}").replace("RESPONSE", response)


def begun(start: Callable[..., Kuadrant], tmp_path: Path, cors: str, response: str = "") -> Kuadrant:
    (tmp_path / "all.yaml").write_text(folder(cors, response))
    return start(tmp_path, "--echo")


def preflight(kuadrant: Kuadrant, origin: str = SHOP) -> Answer:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "x-user,x-odd"}
    return kuadrant.request("OPTIONS", "/", "a.example", origin=origin, **asked)


def told(answer: Answer) -> dict[str, str]:
    """What an answer says to browsers."""
    return {
        name.removeprefix("access-control-"): value
        for name, value in answer.headers.items()
        if name.startswith("access-control-")
    }


def test_a_page_is_told_what_it_may_send_and_reads_what_limits_say(
    start: Callable[..., Kuadrant], tmp_path: Path
) -> None:
    kuadrant = begun(start, tmp_path, CORS, "response: {headers: RateLimit}")

    # A preflight is the gateway's to answer: neither limits nor the backend see it.
    answers = [preflight(kuadrant) for _ in range(5)]
    assert [(one.status, one.body) for one in answers] == [(200, b"")] * 5
    assert told(answers[0]) == {
        "allow-origin": SHOP,
        "allow-methods": "GET, POST",
        "allow-headers": "x-user, x-team",
        "expose-headers": "x-told, ratelimit, ratelimit-policy, retry-after",
        "max-age": "60",
    }
    first, _, limited = (kuadrant.request("GET", "/", "a.example", origin=SHOP) for _ in range(3))
    assert (first.status, limited.status) == (200, 429)
    for answer in (first, limited):
        assert told(answer)["allow-origin"] == SHOP
        assert told(answer)["expose-headers"] == told(answers[0])["expose-headers"]
    assert "retry-after" in limited.headers


ALLOWED = (SHOP, "https://a.friends.example", "https://a.b.friends.example", "http://local:3000")
REFUSED = (
    "https://shop.example:8443",
    "http://shop.example",
    "https://shopXexample",
    "https://friends.example",
    "https://evil.example/.friends.example",
    "https://a.friends.example.evil.example",
    "null",
)


def test_an_origin_that_is_not_named_is_told_nothing(start: Callable[..., Kuadrant], tmp_path: Path) -> None:
    kuadrant = begun(start, tmp_path, CORS.replace("RESPONSE", ""))
    for origin in (*ALLOWED, *REFUSED):
        answer = preflight(kuadrant, origin)
        assert answer.status == 200
        assert told(answer).get("allow-origin") == (origin if origin in ALLOWED else None)
    assert [told(kuadrant.request("GET", "/", "a.example", origin=one)) for one in (REFUSED[0], SHOP)] == [
        {},
        {"allow-origin": SHOP, "expose-headers": f"x-told, {OF_LIMITS}, retry-after"},
    ]


def test_preflights_that_count_are_limited_before_they_are_answered(
    start: Callable[..., Kuadrant], tmp_path: Path
) -> None:
    kuadrant = begun(start, tmp_path, CORS, "response: {preflights: Count}")
    answers = [preflight(kuadrant) for _ in range(3)]
    assert [one.status for one in answers] == [200, 200, 429]
    assert told(answers[0])["allow-origin"] == SHOP


def test_with_credentials_any_method_and_header_are_named_one_by_one(
    start: Callable[..., Kuadrant], tmp_path: Path
) -> None:
    any_of_all = 'allowOrigins: ["*"], allowMethods: ["*"], allowHeaders: ["*"], allowCredentials: true'
    answer = told(preflight(begun(start, tmp_path, any_of_all)))
    assert (answer["allow-origin"], answer["allow-credentials"]) == (SHOP, "true")
    # A browser would take `*` for the name of one.
    assert {"GET", "POST", "DELETE"} <= set(answer["allow-methods"].split(", "))
    assert answer["allow-headers"] == "x-user,x-odd"


def test_where_it_counts_preflights_each_that_the_limit_admits_is_answered(
    start: Callable[..., Kuadrant], tmp_path: Path
) -> None:
    """Also the other filter stays out of the way of a rule without."""
    kuadrant = begun(start, tmp_path, CORS, "response: {preflights: Count}")
    first, _, limited = (kuadrant.request("GET", "/", "a.example", origin=SHOP) for _ in range(3))
    assert told(first)["allow-origin"] == SHOP
    # What is refused before the filter is not marked by it, as on Istio.
    assert (limited.status, told(limited)) == (429, {})
