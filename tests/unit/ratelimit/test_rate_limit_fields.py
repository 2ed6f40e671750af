"""RateLimit and RateLimit-Policy, read by a parser of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import http_sf
import pytest

from kuadrant.api.limitador import Limit
from kuadrant.api.response import HEADERS_KEY
from kuadrant.policy.identifiers import limit_condition
from kuadrant.ratelimit import RateLimitService

from .sequences import SCOPE, Call, key
from .sides import decoded, encoded

if TYPE_CHECKING:
    from collections.abc import Sequence


Members = list[tuple[str, dict[str, int]]]


def limit(number: int = 0, most: int = 5, seconds: int = 10, name: str = "a", **more: Any) -> Limit:
    conditions = (limit_condition(key(number)),)
    return Limit(
        namespace=SCOPE, max_value=most, seconds=seconds, conditions=conditions, name=name, **more
    )  # fmt: skip


def members(text: str) -> Members:
    read: Any = http_sf.parse(text.encode(), tltype="list")
    return [(str(name), dict(parameters)) for name, parameters in read]


def fields(limits: Sequence[Limit], requests: int = 1, form: str = "RateLimit") -> tuple[Members, Members]:
    service = RateLimitService(limits, clock=lambda: 100.0)
    entries = (
        *((key(number), "1") for number in range(len({one.conditions for one in limits}))),
        (HEADERS_KEY, form),
    )
    told = [dict(decoded(service.decide(encoded(Call(0, entries))))[1]) for _ in range(requests)][-1]
    assert told.keys() - {"retry-after"} == {"ratelimit-policy", "ratelimit"}
    return members(told["ratelimit-policy"]), members(told["ratelimit"])


def test_each_limit_is_a_member_and_the_most_restrictive_one_is_first() -> None:
    policies, limits = fields([limit(0, 100, 60, "many"), limit(1, 2, 10, "few")])
    assert policies == [("few", {"q": 2, "w": 10}), ("many", {"q": 100, "w": 60})]
    assert limits == [("few", {"r": 1, "t": 10}), ("many", {"r": 99, "t": 60})]


def test_of_a_limit_with_several_rates_each_has_a_name_of_its_own() -> None:
    policies, _ = fields([limit(0, 5, 10), limit(0, 50, 3600), limit(1, 9, 10, "b")])
    assert [name for name, _ in policies] == ["a/10s", "b", "a/3600s"]


@pytest.mark.parametrize(
    ("name", "sent"),
    [('say "a\\b"', 'say "a\\b"'), ("größe\n", "gr??e?"), ("", "limit"), ("x" * 253, "x" * 253)],
)
def test_whatever_a_limit_is_called_a_parser_reads_it(name: str, sent: str) -> None:
    policies, limits = fields([limit(name=name)])
    assert [one for one, _ in policies] == [one for one, _ in limits] == [sent]


@pytest.mark.parametrize(
    ("of", "requests", "policy", "left"),
    [
        (limit(most=0), 1, {"q": 0, "w": 10}, {"r": 0}),
        (limit(most=2**63 - 1), 1, {"q": 10**15 - 1, "w": 10}, {"r": 10**15 - 1, "t": 10}),
        (limit(most=1), 2, {"q": 1, "w": 10}, {"r": 0, "t": 10}),
        # Of a bucket: its burst, and the next token.
        (limit(most=5, algorithm="TokenBucket", burst=2), 2, {"q": 2, "w": 4}, {"r": 0, "t": 2}),
        (limit(most=5, algorithm="TokenBucket", burst=2), 3, {"q": 2, "w": 4}, {"r": 0, "t": 2}),
        (limit(most=1, algorithm="SlidingWindow"), 2, {"q": 1, "w": 10}, {"r": 0, "t": 11}),
    ],
)
def test_numbers_are_those_that_a_field_can_have(
    of: Limit, requests: int, policy: dict[str, int], left: dict[str, int]
) -> None:
    assert fields([of], requests) == ([("a", policy)], [("a", left)])


DRAFT = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}


@pytest.mark.parametrize("headers", [False, True])
def test_a_request_may_ask_for_another_form_than_the_service_is_set_to(headers: bool) -> None:
    service = RateLimitService([limit()], headers=headers)
    set_to = DRAFT if headers else set()
    for form, names in (
        ("Draft03", DRAFT),
        ("RateLimit", {"ratelimit", "ratelimit-policy"}),
        ("Both", {*DRAFT, "ratelimit", "ratelimit-policy"}),
        ("another", set_to),
    ):
        asked = encoded(Call(0, ((key(0), "1"), (HEADERS_KEY, form))))
        assert {name for name, _ in decoded(service.decide(asked))[1]} == names


def test_nothing_is_told_where_no_limit_applies() -> None:
    service = RateLimitService([limit()], headers=True)
    assert decoded(service.decide(encoded(Call(0, (("other", "1"), (HEADERS_KEY, "Both")))))) == (False, ())
