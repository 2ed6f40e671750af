"""Soft limits: a request waits for what they say, none of them refuses it, and those exceeded mark it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

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
    paused,
    request,
    rule,
)

if TYPE_CHECKING:
    from .examples import Json
    from .proxy_wasm_host import Host, Stream

FAILS = {"expression": "request.headers['x-user'] == 'a'"}
MARK = {"name": "X-Over", "value": "s"}
TOLD = ("kuadrant:soft", "told")


def soft(*of: Json, signal: tuple[Json, ...] = (MARK,), **more: Any) -> Json:
    """A soft limit, with the key ``s``."""
    return {**limit(*(of or [entry("s")]), **more), "signal": list(signal)}


def exceeded(*keys: str) -> bytes:
    return header(b"kuadrant-soft", ",".join(keys).encode())


def marks(stream: Stream) -> list[tuple[bytes, bytes]]:
    return [one for one in stream.headers if one[0].startswith(b"x-")]


def test_a_request_waits_and_goes_on_with_the_mark_of_the_limit_that_is_exceeded(host: Host) -> None:
    configure(host, configuration(rule(action(soft()))))
    stream, call = paused(host)
    assert entries(call) == [("s", "1"), ("kuadrant:shadow", "s"), TOLD]
    host.answer(call, OK + exceeded("s"))
    assert (stream.state, marks(stream)) == ("continued", [(b"x-over", b"s")])
    assert host.metrics["kuadrant.allowed"] == 1
    # Nothing of it is for the client.
    assert host.respond(stream) == []


@pytest.mark.parametrize("answer", [OK, OK + exceeded("t"), OK + exceeded("ss", "")])
def test_it_is_not_marked_by_a_limit_that_is_not_named(host: Host, answer: bytes) -> None:
    configure(host, configuration(rule(action(soft()))))
    stream, call = paused(host)
    host.answer(call, answer)
    assert (stream.state, marks(stream)) == ("continued", [])


def test_marks_of_several_limits_and_scopes_are_joined_each_value_once(host: Host) -> None:
    slow = {"name": "x-class", "value": "slow"}
    one = soft(entry("s"), signal=(MARK, slow))
    two = soft(entry("t"), signal=({"name": "x-over", "value": "t"}, slow))
    configure(
        host, configuration(rule(action(one, two, scope="a"), action(limit(), soft(entry("u")), scope="b")))
    )
    stream, call = paused(host)
    host.answer(call, OK + exceeded("s", "t"))
    host.answer(host.calls[-1], OK + exceeded("u"))
    assert marks(stream) == [(b"x-over", b"s,t"), (b"x-class", b"slow")]


@pytest.mark.parametrize(("status", "message"), [(4, ""), (9, "not held"), (13, "no")])
def test_where_only_soft_limits_ask_nobody_is_refused_for_an_answer_that_there_is_not(
    host: Host, status: int, message: str
) -> None:
    configure(host, configuration(rule(action(soft()))))
    stream, call = paused(host)
    host.fail(call, status, message)
    assert (stream.state, marks(stream), host.metrics["kuadrant.errors"]) == ("continued", [], 1)


def test_beside_a_limit_that_enforces_the_failure_is_that_ones(host: Host) -> None:
    configure(host, configuration(rule(action(soft(), limit()))))
    stream, call = paused(host)
    assert entries(call) == [("k", "1"), ("s", "1"), ("kuadrant:shadow", "s"), TOLD]
    host.fail(call, 13, "no")
    assert stream.response.status == 500


@pytest.mark.parametrize("answer", [UNKNOWN, b"\xff"])
def test_an_answer_that_says_nothing_refuses_nobody(host: Host, answer: bytes) -> None:
    configure(host, configuration(rule(action(soft()))))
    stream, call = paused(host)
    host.answer(call, answer)
    assert (stream.state, marks(stream)) == ("continued", [])


def test_a_request_that_another_limit_refuses_is_marked_by_none(host: Host) -> None:
    configure(host, configuration(rule(action(soft(), limit()))))
    stream, call = paused(host)
    host.answer(call, OVER_LIMIT + exceeded("s"))
    assert (stream.response.status, stream.response.headers, marks(stream)) == (429, (), [])


def test_one_that_fails_is_left_out(host: Host) -> None:
    configure(host, configuration(rule(action(soft(when=[FAILS])))))
    assert (host.request(request()).state, host.calls) == ("continued", [])
    assert host.metrics["kuadrant.errors"] == 1


def test_what_a_client_marks_itself_with_is_taken_away(host: Host) -> None:
    never = soft(when=[{"selector": "request.method", "operator": "eq", "value": "POST"}])
    configure(host, configuration(rule(action(never))))
    spoofed = request("/", "GET", "example.com", ("x-over", "me"), ("X-Over", "and me"), ("x-other", "1"))
    stream = host.request(spoofed)
    assert (stream.state, marks(stream)) == ("continued", [(b"x-other", b"1")])


def test_conditions_see_the_request_as_its_client_sent_it(host: Host) -> None:
    seen = soft(when=[{"selector": "request.headers.x-over", "operator": "eq", "value": "me"}])
    configure(host, configuration(rule(action(seen))))
    stream, call = paused(host, request(x_over="me"))
    host.answer(call, OK + exceeded("s"))
    assert marks(stream) == [(b"x-over", b"s")]


def test_of_a_rule_without_soft_limits_headers_stay(host: Host) -> None:
    configure(host, configuration(rule(action(limit()))))
    stream, call = paused(host, request(x_over="me"))
    host.answer(call, OK)
    assert marks(stream) == [(b"x-over", b"me")]


@pytest.mark.parametrize("signal", [{"name": "x over", "value": "a"}, {"name": "x", "value": "a\r\nb"}])
def test_what_http_does_not_take_is_refused(host: Host, signal: Json) -> None:
    assert not host.configure(json.dumps(configuration(rule(action(soft(signal=(signal,)))))).encode())
    assert any("has a name or a value that HTTP does not take" in one for one in host.errors)
