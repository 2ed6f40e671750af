"""Limits that count what a request costs: several hits, of which all are counted or none."""

from __future__ import annotations

from typing import Any

import pytest

from kuadrant.api.limit_keys import MOST_HITS, hits_key, hits_of
from kuadrant.ratelimit import RateLimitService
from kuadrant.ratelimit.question import InvalidRequestError

from .asking import RESPONSE, Clock, asking, code, limit

ONE, OTHER = "limit.one__00000001", "limit.other__00000002"


def costing(hits: str, *keys: str) -> bytes:
    cost: dict[str, Any] = {hits_key(ONE): hits}
    return asking(*(keys or (ONE,)), **cost)


@pytest.mark.parametrize("algorithm", ["FixedWindow", "SlidingWindow", "TokenBucket"])
def test_a_request_takes_as_many_hits_as_it_costs(algorithm: str) -> None:
    service = RateLimitService([limit(10, ONE, algorithm=algorithm)], clock=Clock())
    assert [code(service, costing(hits)) for hits in ("6", "5", "4", "1")] == [
        "OK",
        "OVER_LIMIT",
        "OK",
        "OVER_LIMIT",
    ]


def test_the_limits_of_one_question_have_costs_of_their_own() -> None:
    service = RateLimitService([limit(10, ONE), limit(3, OTHER)], clock=Clock())
    assert [code(service, costing("2", ONE, OTHER)) for _ in range(4)] == ["OK", "OK", "OK", "OVER_LIMIT"]


def test_what_costs_more_than_a_limit_is_never_admitted_and_told_no_time() -> None:
    service = RateLimitService([limit(10, ONE)], clock=Clock(), headers=True)
    answer = RESPONSE.FromString(service.decide(costing("11")))
    told = {one.key: one.value for one in answer.response_headers_to_add}
    assert answer.overall_code == RESPONSE.OVER_LIMIT
    assert "retry-after" not in told
    assert told["x-ratelimit-remaining"] == "10"


def test_limits_that_have_some_left_and_too_little_are_named_to_who_asks_for_fields() -> None:
    limits = [limit(10, ONE, name="one"), limit(9, OTHER, name="two")]
    service = RateLimitService(limits, clock=Clock())
    more: dict[str, Any] = {"kuadrant:headers": "RateLimit", hits_key(OTHER): "10"}

    def violated(hits: str) -> str | None:
        costs: dict[str, Any] = {hits_key(ONE): hits, **more}
        answer = RESPONSE.FromString(service.decide(asking(ONE, OTHER, **costs)))
        assert answer.overall_code == RESPONSE.OVER_LIMIT
        told = {one.key: one.value for one in answer.response_headers_to_add}
        return told.get("kuadrant-violated")

    assert violated("11") == '"one";r=0, "two";r=0'
    assert violated("10") == '"two";r=0'
    more[hits_key(OTHER)] = "9"
    assert code(service, asking(ONE, OTHER, **more)) == "OK"
    # The field itself says of what nothing is left.
    assert violated("1") is None


def test_of_a_cost_without_end_as_much_is_counted_as_the_protocol_has() -> None:
    assert hits_of({hits_key(ONE): "9" * 10_000, hits_key(OTHER): "7"}) == {ONE: MOST_HITS, OTHER: 7}


@pytest.mark.parametrize("hits", ["-1", "1.5", "", "x", "²"])
def test_what_is_no_number_of_hits_is_no_question(hits: str) -> None:
    service = RateLimitService([limit(10, ONE)], clock=Clock())
    with pytest.raises(InvalidRequestError, match="is no whole number"):
        service.decide(costing(hits))
