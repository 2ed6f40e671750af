"""A call of which nothing was sent is tried again within its time.

One that may have been counted never is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.wasm_shim.call_errors import NOT_SENT, PERHAPS_SENT

from .examples import OK, OVER_LIMIT, action, configuration, configure, paused, request, rule, service

if TYPE_CHECKING:
    from .proxy_wasm_host import GrpcCall, Host, Stream

UNAVAILABLE = 14


@pytest.fixture
def waiting(host: Host) -> tuple[Host, Stream, GrpcCall]:
    configure(host, configuration())
    stream, call = paused(host)
    host.fail(call, UNAVAILABLE, NOT_SENT[0])
    return host, stream, call


@pytest.mark.parametrize("message", NOT_SENT)
def test_it_is_asked_again_with_what_is_left_of_its_time(host: Host, message: str) -> None:
    configure(host, configuration())
    stream, call = paused(host)
    host.clock += 250_000_000
    host.fail(call, UNAVAILABLE, message)
    assert stream.state == "paused"
    host.tick(20)
    again = host.calls[-1]
    assert (again.message, again.target, again.metadata) == (call.message, call.target, call.metadata)
    assert (call.timeout_ms, again.timeout_ms) == (1000, 730)
    host.answer(again, OK)
    assert (stream.state, stream.continued) == ("continued", 1)
    assert host.metrics["kuadrant.errors"] == 0


@pytest.mark.parametrize("message", PERHAPS_SENT)
def test_what_may_have_been_counted_is_not_asked_again(host: Host, message: str) -> None:
    configure(host, configuration())
    stream, call = paused(host)
    host.fail(call, UNAVAILABLE, message)
    assert stream.response.status == 500
    host.tick(20)
    assert host.calls == [call]


@pytest.mark.parametrize("status", [0, 1, 2, 4, 8, 13])
def test_no_other_status_says_that_nothing_was_sent(host: Host, status: int) -> None:
    configure(host, configuration())
    stream, call = paused(host)
    host.fail(call, status, NOT_SENT[0])
    assert stream.response.status == 500


def test_it_is_given_up_when_its_time_is_over(waiting: tuple[Host, Stream, GrpcCall]) -> None:
    host, stream, _ = waiting
    for _ in range(49):
        host.tick(20)
        host.fail(host.calls[-1], UNAVAILABLE, NOT_SENT[0])
    assert stream.state == "paused"
    host.tick(20)
    assert stream.response.status == 500
    assert len(host.calls) == 50
    assert host.metrics["kuadrant.errors"] == 1
    assert [text for level, text in host.logs if level == "warn"] == [
        (
            'service "limiter": it could not be reached; scope "scope", limit "k"; its failure mode is deny; '
            "more of this within a minute is not logged"
        )
    ]


def test_a_call_that_cannot_be_started_waits_for_its_failure_mode(host: Host) -> None:
    for mode in ("deny", "allow"):
        configure(host, configuration(services={"limiter": service(failureMode=mode, timeoutMs=100)}))
        host.refuse_calls = True
        stream = host.request(request())
        assert stream.state == "paused"
        for _ in range(4):
            host.tick(20)
        assert stream.state == "paused"
        host.tick(20)
        assert stream.state == ("answered" if mode == "deny" else "continued")


def test_one_that_can_be_started_later_is(host: Host) -> None:
    configure(host, configuration())
    host.refuse_calls = True
    stream = host.request(request())
    host.tick(20)
    host.refuse_calls = False
    host.tick(20)
    host.answer(host.calls[-1], OVER_LIMIT)
    assert stream.response.status == 429
    assert len(host.calls) == 1


def test_of_many_that_wait_one_is_tried_and_new_ones_wait_with_them(
    waiting: tuple[Host, Stream, GrpcCall],
) -> None:
    host, first, _ = waiting
    streams = [first, *(host.request(request()) for _ in range(50))]
    assert len(host.calls) == 1, "new ones ask nothing"
    for _ in range(3):
        host.tick(20)
    assert len(host.calls) == 2, "the one that is tried has no answer yet"
    host.fail(host.calls[-1], UNAVAILABLE, NOT_SENT[0])
    host.tick(20)
    assert len(host.calls) == 3
    host.answer(host.calls[-1], OK)
    assert len(host.calls) == 53, "the answer lets all of them ask"
    for call in host.calls[3:]:
        host.answer(call, OK)
    assert [stream.continued for stream in streams] == [1] * 51


def test_a_service_that_is_lost_holds_up_no_other(host: Host) -> None:
    services = {"limiter": service(), "other": service(cluster="second")}
    there = rule(action(service="other"), path={"type": "exact", "value": "/other"})
    configure(host, configuration(there, rule(), services=services))
    stream, call = paused(host)
    host.fail(call, UNAVAILABLE, NOT_SENT[0])
    other, call = paused(host, request("/other"))
    host.answer(call, OK)
    assert (other.state, stream.state) == ("continued", "paused")


def test_the_timer_goes_off_only_while_somebody_waits(waiting: tuple[Host, Stream, GrpcCall]) -> None:
    host, _, _ = waiting
    assert host.tick_periods == {host.root: 20}
    host.tick(20)
    assert host.tick_periods == {host.root: 0}, "the one that is tried waits for its answer"
    host.fail(host.calls[-1], UNAVAILABLE, NOT_SENT[0])
    assert host.tick_periods == {host.root: 20}
    host.tick(20)
    host.answer(host.calls[-1], OK)
    assert host.tick_periods == {host.root: 0}
    _, call = paused(host)
    assert len(host.calls) == 4, "afterwards nothing waits"
    host.answer(call, OK)


@pytest.mark.parametrize("tried", [False, True])
def test_a_client_that_leaves_is_forgotten(waiting: tuple[Host, Stream, GrpcCall], tried: bool) -> None:
    host, stream, _ = waiting
    behind = host.request(request())
    if tried:
        host.tick(20)
    host.end(stream)
    host.tick(20)
    host.answer(host.calls[-1], OK)
    assert behind.state == "continued"
    for _ in range(60):
        host.tick(20)
    assert stream.local_responses == []


def test_each_call_of_a_request_has_its_own_time(host: Host) -> None:
    services = {
        "limiter": service(failureMode="allow", timeoutMs=40),
        "other": service(cluster="b", timeoutMs=60),
    }
    configure(host, configuration(rule(action(), action(service="other")), services=services))
    host.refuse_calls = True
    stream = host.request(request())
    for state in ["paused"] * 4 + ["answered"]:
        host.tick(20)
        assert stream.state == state


def test_a_clock_that_is_set_back_keeps_nobody_waiting_for_ever(
    waiting: tuple[Host, Stream, GrpcCall],
) -> None:
    host, stream, _ = waiting
    host.clock -= 3_600_000_000_000
    for _ in range(52):
        host.tick(20)
        host.fail(host.calls[-1], UNAVAILABLE, NOT_SENT[0])
    assert stream.response.status == 500


def test_a_root_that_goes_takes_no_other_with_it(waiting: tuple[Host, Stream, GrpcCall]) -> None:
    host, stream, _ = waiting
    second = host.create_root()
    assert host.configure(b'{"version": 1, "services": {}, "hosts": []}', second)
    host.delete_root(second)
    host.tick(20)
    host.answer(host.calls[-1], OK)
    assert stream.state == "continued"
