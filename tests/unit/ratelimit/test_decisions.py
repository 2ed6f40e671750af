"""What gateways report is kept while somebody follows, within bounds, and changes no answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.api.caller_token import HEADER, fingerprint, shown
from kuadrant.api.decision_page import (
    FOLLOWED_SECONDS,
    MOST,
    DecisionPage,
    DecisionQuestion,
    ReportedDecision,
)
from kuadrant.api.tap_headers import MOST_HEADERS
from kuadrant.policy.identifiers import limit_identifier
from kuadrant.ratelimit import DecisionAnswers, RateLimitService, make_server
from kuadrant.ratelimit.decision_reports import SERVICE
from kuadrant.ratelimit.decision_ring import KEPT, MOST_BYTES, MOST_EACH_SECOND, DecisionRing
from tests.unit.ratelimit.asking import RESPONSE, Clock, asking
from tests.unit.ratelimit.standing import ALL, EACH

if TYPE_CHECKING:
    from kuadrant.ratelimit.server import Core

NOBODY = b"0"
AT = 1_700_000_000.0
ASKED = asking(limit_identifier("ns/p", "all"), domain="ns/route")


def line(**more: Any) -> bytes:
    return json.dumps({"verdict": "allowed", **more}).encode() + b"\n"


def followed(*headers: str) -> DecisionRing:
    ring = DecisionRing()
    ring.follow(headers, 0.0)
    return ring


# ------------------------------------------------------------------ the word


def test_an_answer_says_that_somebody_follows_for_as_long_as_he_does() -> None:
    clock = Clock()
    service = RateLimitService((ALL,), clock=clock)
    plain = service.decide(ASKED)
    service.decisions.follow(("x-user", "x-tenant"), clock.now)

    told = service.decide(ASKED)
    clock.now += FOLLOWED_SECONDS
    assert service.decide(ASKED) == plain

    answer = RESPONSE.FromString(told)
    assert answer.overall_code == RESPONSE.OK
    assert dict(answer.dynamic_metadata) == {"kuadrant.follow": "3 x-tenant,x-user"}


def test_answers_to_those_who_are_refused_and_with_headers_say_so_too() -> None:
    service = RateLimitService((ALL,), clock=Clock(), headers=True)
    service.decisions.follow((), 0.0)
    answers = [RESPONSE.FromString(service.decide(ASKED)) for _ in range(11)]
    assert {one.overall_code for one in answers} == {RESPONSE.OK, RESPONSE.OVER_LIMIT}
    assert all("kuadrant.follow" in one.dynamic_metadata for one in answers)
    assert all(one.response_headers_to_add for one in answers)


def test_of_the_headers_that_are_asked_for_the_last_ones_are_reported_and_no_secret() -> None:
    ring = followed("authorization", "cookie", "X-Upper", "a b", "x" * 65, "")
    assert ring.report(b"", "", AT, 0.0) == b"3 "
    ring.follow([f"h{number}" for number in range(20)], 1.0)
    assert len(ring.report(b"", "", AT, 1.0).split(b",")) == MOST_HEADERS
    ring.follow(["late"], 1.0 + FOLLOWED_SECONDS)
    assert ring.report(b"", "", AT, 1.0 + FOLLOWED_SECONDS) == b"3 late"


# ------------------------------------------------------------------ what is kept


def test_what_was_reported_since_the_last_question_is_told_once_and_in_order() -> None:
    ring = followed()
    begin = ring.page(None)
    ring.report(line(path="/a") + line(path="/b"), "ns/gw", AT, 1.0)
    first = ring.page(begin.next)
    ring.report(line(path="/c"), "", AT, 2.0)
    second = ring.page(first.next)

    assert begin.decisions == ()
    assert [(one.path, one.gateway, one.time) for one in first.decisions] == [
        ("/a", "ns/gw", AT),
        ("/b", "ns/gw", AT),
    ]
    assert [one.path for one in second.decisions] == ["/c"]
    assert ring.page(second.next) == DecisionPage(next=second.next, masked=False)


def test_while_nobody_follows_nothing_is_kept_and_the_gateway_hears_that() -> None:
    ring = DecisionRing()
    assert ring.report(line(), "", AT, 0.0) == NOBODY
    ring.follow((), 1.0)
    begin = ring.page(None)
    assert ring.report(line(), "", AT, 1.0 + FOLLOWED_SECONDS) == NOBODY
    assert ring.page(begin.next).decisions == ()


def test_who_comes_later_sees_nothing_of_what_was_reported_for_others_before() -> None:
    ring = followed()
    ring.report(line(path="/secret"), "", AT, 1.0)
    ring.follow((), 1.0 + FOLLOWED_SECONDS)
    assert ring.page(0).decisions == ()


def test_pages_are_bounded_and_what_is_gone_is_counted() -> None:
    ring = followed()
    begin = ring.page(None)
    for number in range(KEPT + 700):
        ring.report(line(path=str(number)), "", AT, number / 1000)
    pages = [ring.page(begin.next)]
    while pages[-1].decisions:
        pages.append(ring.page(pages[-1].next))
    told = [one.path for page in pages for one in page.decisions]
    assert told == [str(number) for number in range(700, KEPT + 700)]
    assert max(len(page.decisions) for page in pages) == MOST
    assert sum(page.missed for page in pages) == 700


def test_what_comes_too_fast_is_counted_by_both_sides() -> None:
    ring = followed()
    begin = ring.page(None)
    ring.report(line() * (MOST_EACH_SECOND + 5) + b'{"left_out":37}', "", AT, 0.5)
    assert ring.page(begin.next).missed == MOST_EACH_SECOND - KEPT + 5 + 37
    ring.report(line(), "", AT, 1.6)
    assert len(ring.page(ring.page(begin.next).next).decisions) == MOST


@pytest.mark.parametrize(
    "wrong",
    [
        b"\xff",
        b"[]",
        b'{"verdict": "maybe"}',
        b'{"verdict": "allowed", "path": 7}',
        b'{"verdict": "allowed", "headers": {"a": []}}',
        line(path="x" * MOST_BYTES).rstrip(),
        b'{"left_out": "many"}',
    ],
)
def test_what_is_no_decision_is_left_out_and_what_is_beside_it_is_not(wrong: bytes) -> None:
    ring = followed()
    begin = ring.page(None)
    ring.report(wrong + b"\n" + line(path="/good"), "", AT, 0.0)
    page = ring.page(begin.next)
    assert ([one.path for one in page.decisions], page.missed) == (["/good"], 1)


@given(st.lists(st.binary(max_size=200)), st.one_of(st.none(), st.integers()))
def test_whatever_is_reported_or_asked_for_there_is_a_page(reports: list[bytes], after: int | None) -> None:
    ring = followed()
    for one in reports:
        ring.report(one, "", AT, 0.0)
    assert len(ring.page(after).decisions) <= MOST


def test_fields_of_a_newer_module_are_passed_over() -> None:
    ring = followed()
    begin = ring.page(None)
    ring.report(line(newer={"a": 1}, time=5, gateway="forged"), "ns/gw", AT, 0.0)
    assert ring.page(begin.next).decisions == (ReportedDecision(verdict="allowed", time=AT, gateway="ns/gw"),)


# ------------------------------------------------------------------ who asks


def answers(service: RateLimitService) -> DecisionAnswers:
    return DecisionAnswers(service, Clock())


def test_values_of_headers_are_masked_and_those_of_others_are_not_told() -> None:
    service = RateLimitService((ALL,), clock=Clock())
    asks = answers(service)
    begin = asks.page(DecisionQuestion(headers=("x-user",)))
    asks.page(DecisionQuestion(headers=("x-other",)))
    for user in ("alice", "alice", "bob"):
        service.decisions.report(line(headers={"x-user": user, "x-other": "1"}), "", AT, 0.0)

    masked = asks.page(DecisionQuestion(after=begin.next, headers=("x-user",)))
    plain = asks.page(DecisionQuestion(after=begin.next, headers=("x-user",), values=True))

    one, other, third = (decision.headers["x-user"] for decision in masked.decisions)
    assert masked.masked
    assert one == other != third
    assert one.startswith("(masked ")
    assert [decision.headers for decision in plain.decisions][2] == {"x-user": "bob"}


def test_decisions_about_limits_of_a_policy_are_found_by_their_keys_and_by_what_gateways_say() -> None:
    service = RateLimitService((ALL, EACH), clock=Clock())
    asks = answers(service)
    begin = asks.page(DecisionQuestion())
    key = limit_identifier("ns/p", "all")
    for more in (
        {"limit": key},
        {"asked": [key]},
        {"policies": ["ns/p"]},
        {"asked": ["limit.b__01234567"]},
        {},
    ):
        service.decisions.report(line(**more), "", AT, 0.0)
    of_policy = asks.page(DecisionQuestion(after=begin.next, policy="ns/p"))
    assert len(of_policy.decisions) == 3
    assert asks.page(DecisionQuestion(after=begin.next, policy="ns/other")).decisions == ()


def test_who_asks_too_often_gets_an_empty_page_and_loses_nothing() -> None:
    class Slow(Clock):
        def __call__(self) -> float:
            self.now += 0.01
            return self.now

    service = RateLimitService((ALL,), clock=Clock())
    asks = DecisionAnswers(service, clock := Slow())
    begin = asks.page(DecisionQuestion())
    service.decisions.report(line(), "", AT, 0.0)
    assert asks.page(DecisionQuestion(after=begin.next)) == DecisionPage(next=begin.next)
    clock.now += 1.0
    assert len(asks.page(DecisionQuestion(after=begin.next)).decisions) == 1


# ------------------------------------------------------------------ over gRPC


@pytest.mark.parametrize("core", ["native", "grpcio"])
async def test_a_gateway_reports_and_a_stranger_is_refused(core: Core) -> None:
    key = b"k" * 32
    service = RateLimitService((ALL,))
    service.callers.hold((key,), fingerprint(key))
    server = make_server(service, "127.0.0.1", 0, core)
    await server.start()
    asks = DecisionAnswers(service, lambda: 0.0)
    begin = asks.page(DecisionQuestion())
    token = ((HEADER, shown((key,), "ns/gw")),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        report = channel.unary_unary(f"/{SERVICE}/Report")
        assert await report(line(path="/a"), timeout=10, metadata=token) == b"3 "
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await report(line(path="/forged"), timeout=10)
    await server.stop(0)

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    page = asks.page(DecisionQuestion(after=begin.next))
    assert [(one.path, one.gateway) for one in page.decisions] == [("/a", "ns/gw")]
