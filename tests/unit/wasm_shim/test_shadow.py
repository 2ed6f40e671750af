"""Limits in shadow: whatever becomes of them, a request gets what it would get without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .call_errors import NOT_SENT
from .examples import (
    OK,
    OVER_LIMIT,
    UNKNOWN,
    action,
    configuration,
    configure,
    entries,
    entry,
    header,
    limit,
    request,
    rule,
    service,
)

if TYPE_CHECKING:
    from .examples import Json
    from .proxy_wasm_host import Host

FAILS = {"expression": "request.headers['x-user'] == 'a'"}
HEADERS = header(b"x-ratelimit-limit", b"5")


def shadow(*of: Json, **more: Any) -> Json:
    """A limit in shadow, with the key ``s``."""
    return {**limit(*(of or [entry("s")]), **more), "shadow": True}


@pytest.fixture
def alone(host: Host) -> Host:
    configure(host, configuration(rule(action(shadow()))))
    return host


def test_a_request_does_not_wait_for_what_only_a_limit_in_shadow_asks(alone: Host) -> None:
    stream = alone.request(request())
    assert stream.state == "continued"
    (call,) = alone.calls
    assert entries(call) == [("s", "1")]
    assert alone.metrics["kuadrant.allowed"] == 1


@pytest.mark.parametrize("answer", [OK + HEADERS, OVER_LIMIT + HEADERS, UNKNOWN, b"\xff"])
def test_nothing_of_the_answer_is_for_the_request(alone: Host, answer: bytes) -> None:
    stream = alone.request(request())
    alone.answer(alone.calls[0], answer)
    assert (stream.state, alone.respond(stream)) == ("continued", [])


@pytest.mark.parametrize("answer", [UNKNOWN, b"\xff"])
def test_an_answer_that_says_nothing_is_counted_and_told(alone: Host, answer: bytes) -> None:
    alone.request(request())
    alone.answer(alone.calls[0], answer)
    assert alone.metrics["kuadrant.errors"] == 1
    told = (
        'service "limiter": its answer says neither OK nor OVER_LIMIT; scope "scope", limit "s"; '
        "only limits in shadow asked, which refuse nobody; more of this within a minute is not logged"
    )
    assert told in [text for _, text in alone.logs]


@pytest.mark.parametrize(("status", "message"), [(4, ""), (13, "no"), *((14, one) for one in NOT_SENT)])
def test_a_call_without_an_answer_is_counted_and_not_made_again(
    alone: Host, status: int, message: str
) -> None:
    stream = alone.request(request())
    alone.fail(alone.calls[0], status, message)
    alone.tick(20)
    assert (stream.state, len(alone.calls), alone.metrics["kuadrant.errors"]) == ("continued", 1, 1)


def test_the_call_outlives_its_request(alone: Host) -> None:
    stream = alone.request(request())
    alone.respond(stream)
    alone.end(stream)
    assert alone.calls[0].context == alone.root
    alone.answer(alone.calls[0], OK)
    assert alone.metrics["kuadrant.errors"] == 0


def test_so_many_calls_wait_for_a_service_that_is_silent(alone: Host) -> None:
    for _ in range(300):
        assert alone.request(request()).state == "continued"
    assert (len(alone.calls), alone.metrics["kuadrant.errors"]) == (256, 44)
    assert any("too many questions that nobody waits for" in text for _, text in alone.logs)
    alone.answer(alone.calls[0], OK)
    alone.request(request())
    assert len(alone.calls) == 257


def test_a_call_that_cannot_be_started_keeps_nobody(alone: Host) -> None:
    alone.refuse_calls = True
    assert alone.request(request()).state == "continued"
    assert alone.metrics["kuadrant.errors"] == 1


def test_a_configuration_may_go_while_calls_are_under_way(alone: Host) -> None:
    alone.request(request())
    configure(alone, configuration())
    alone.answer(alone.calls[0], UNKNOWN)
    assert alone.metrics["kuadrant.errors"] == 1


def test_what_is_over_a_limit_that_enforces_asks_in_order_and_waits(host: Host) -> None:
    configure(host, configuration(rule(action(shadow(), scope="a"), action(scope="b"))))
    stream = host.request(request())
    assert (stream.state, [entries(call) for call in host.calls]) == ("paused", [[("s", "1")], [("k", "1")]])
    host.answer(host.calls[1], OVER_LIMIT)
    assert stream.response.status == 429
    host.answer(host.calls[0], OK)


def test_beside_a_limit_that_enforces_it_is_named_to_the_service(host: Host) -> None:
    other = shadow(entry("t"), when=[{"selector": "request.method", "operator": "eq", "value": "POST"}])
    configure(host, configuration(rule(action(shadow(), limit(), other))))
    stream = host.request(request())
    assert entries(host.calls[0]) == [("k", "1"), ("s", "1"), ("kuadrant:shadow", "s,t")]
    assert stream.state == "paused"


def test_beside_one_that_does_not_apply_nobody_waits(host: Host) -> None:
    never = limit(when=[{"selector": "request.method", "operator": "eq", "value": "POST"}])
    configure(host, configuration(rule(action(shadow(), never))))
    assert host.request(request()).state == "continued"
    assert entries(host.calls[0]) == [("s", "1")]


@pytest.mark.parametrize("failing", [shadow(when=[FAILS]), shadow({"key": "u", **FAILS})])
def test_one_that_fails_is_left_out_counted_and_told(host: Host, failing: Json) -> None:
    configure(host, configuration(rule(action(failing, limit()))))
    stream = host.request(request())
    assert (stream.state, entries(host.calls[0])) == ("paused", [("k", "1")])
    assert host.metrics["kuadrant.errors"] == 1
    assert any("the limit is left out, as it is in shadow" in text for _, text in host.logs)


def test_one_that_fails_alone_asks_nothing(host: Host) -> None:
    configure(host, configuration(rule(action(shadow(when=[FAILS])))))
    assert host.request(request()).state == "continued"
    assert host.calls == []


def test_one_that_enforces_and_fails_is_refused_as_without(host: Host) -> None:
    configure(host, configuration(rule(action(shadow(), limit(when=[FAILS])))))
    assert host.request(request()).response.status == 500


def test_one_that_makes_the_question_too_large_is_left_out(host: Host) -> None:
    large = [{"key": f"{number}", "selector": "request.path"} for number in range(10)]
    configure(host, configuration(rule(action(shadow(*large), limit()))))
    stream = host.request(request(path="/" + "x" * 60_000))
    assert (stream.state, entries(host.calls[0])) == ("paused", [("k", "1")])
    assert host.metrics["kuadrant.errors"] == 1


def test_a_rule_of_limits_in_shadow_that_cannot_be_tried_is_none(host: Host) -> None:
    match = {"type": "regex", "value": "/a.*"}
    configure(host, configuration(rule(action(shadow()), path=match), services={"limiter": service()}))
    for token in [*host.expressions]:
        host.break_expression(token)
    assert host.request(request()).state == "continued"


def test_headers_are_asked_for_only_where_somebody_waits(host: Host) -> None:
    configure(host, configuration({**rule(action(shadow())), "response": {"headers": "Both"}}))
    host.request(request())
    assert entries(host.calls[0]) == [("s", "1")]
