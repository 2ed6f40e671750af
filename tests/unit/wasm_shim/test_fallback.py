"""What becomes of a request that a service gives no answer to, and who waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .call_errors import NOT_SENT
from .examples import (
    OK,
    OVER_LIMIT,
    action,
    calls,
    configuration,
    configure,
    counted,
    entry,
    fields,
    limit,
    paused,
    request,
    rule,
    service,
)

if TYPE_CHECKING:
    from .examples import Json
    from .proxy_wasm_host import GrpcCall, Host, Stream

UNAVAILABLE = 14
TIMEOUT = "upstream request timeout{response_timeout}"
SCOPE = "scope"


def falling_back(fallback: str, key: str = "k", **more: Any) -> Json:
    return {**limit(entry(key), **more), "fallback": fallback}


def document(*limits: Json, mode: str = "deny") -> Json:
    return configuration(rule(action(*limits)), services={"limiter": service(failureMode=mode)})


def is_probe(call: GrpcCall) -> bool:
    return b"kuadrant:probe" in call.message


@pytest.fixture
def away(host: Host) -> Host:
    """A service that could not be reached for a tenth of a second, behind a limit that allows."""
    configure(host, document(falling_back("allow")))
    stream, call = paused(host)
    host.fail(call, UNAVAILABLE, NOT_SENT[0])
    lose(host, stream)
    return host


def lose(host: Host, stream: Stream) -> None:
    """Let each try fail until the stream goes on."""
    while stream.state == "paused":
        tried = len(host.calls)
        host.tick(20)
        for call in host.calls[tried:]:
            host.fail(call, UNAVAILABLE, NOT_SENT[0])


@pytest.mark.parametrize(
    ("mode", "fallbacks", "goes_on"),
    [
        ("deny", ["allow"], True),
        ("allow", ["deny"], False),
        ("deny", ["allow", "allow"], True),
        ("deny", ["allow", None], False),
        ("allow", ["allow", None], True),
        ("allow", ["deny", None], False),
        ("deny", [None], False),
        ("allow", [None], True),
    ],
)
def test_a_request_goes_on_if_all_limits_that_ask_let_it(
    host: Host, mode: str, fallbacks: list[str | None], goes_on: bool
) -> None:
    """One that says nothing is as the service's failure mode."""
    limits = [
        limit(entry(f"k{number}")) if one is None else falling_back(one, f"k{number}")
        for number, one in enumerate(fallbacks)
    ]
    configure(host, document(*limits, mode=mode))
    stream, call = paused(host)
    host.fail(call, 13)
    assert stream.state == ("continued" if goes_on else "answered")


def test_a_limit_that_does_not_apply_has_no_say(host: Host) -> None:
    other = falling_back(
        "deny", "other", when=[{"selector": "request.method", "operator": "eq", "value": "PUT"}]
    )
    configure(host, document(falling_back("allow"), other))
    stream, call = paused(host)
    host.fail(call, 13)
    assert stream.state == "continued"


def test_it_is_for_a_service_without_an_answer_and_for_nothing_else(host: Host) -> None:
    broken = falling_back("allow", when=[{"expression": "request.headers['x-user'] == 'a'"}])
    configure(host, document(broken))
    assert host.request(request()).response.status == 500


def test_what_is_over_the_limit_is_refused_all_the_same(host: Host) -> None:
    configure(host, document(falling_back("allow")))
    stream, call = paused(host)
    host.answer(call, OVER_LIMIT)
    assert stream.response.status == 429


def test_who_can_go_on_waits_a_tenth_of_a_second_for_a_service_that_cannot_be_reached(host: Host) -> None:
    configure(host, document(falling_back("allow")))
    stream, call = paused(host)
    host.fail(call, UNAVAILABLE, NOT_SENT[0])
    began = host.clock
    lose(host, stream)
    assert (stream.state, host.clock - began) == ("continued", 100_000_000)


def test_who_cannot_waits_for_as_long_as_the_service_may_take(host: Host) -> None:
    configure(host, document(limit()))
    stream, call = paused(host)
    host.fail(call, UNAVAILABLE, NOT_SENT[0])
    began = host.clock
    lose(host, stream)
    assert (stream.response.status, host.clock - began) == (500, 1_000_000_000)


def test_a_service_that_is_away_is_asked_by_nobody(away: Host) -> None:
    assert [calls(away, request()) for _ in range(50)] == [[]] * 50
    assert counted(away) == {"requests": 51, "allowed": 51, "errors": 51}


def test_a_probe_asks_whether_it_is_back(away: Host) -> None:
    """By an entry that no limit is about; the first at once, and then ten in a second, one at a time."""
    probes = [call for call in away.calls if is_probe(call)]
    assert [field[:2] for field in fields(probes[0].message)][:1] == [(1, SCOPE.encode())]
    before = len(away.calls)
    for _ in range(50):
        away.tick(20)
        for call in away.calls[-1:]:
            if call is not probes[-1]:
                assert is_probe(call)
                probes.append(call)
                away.fail(call, UNAVAILABLE, NOT_SENT[0])
    assert len(away.calls) - before == 10


def test_an_answer_to_a_probe_ends_it(away: Host) -> None:
    for _ in range(5):
        away.tick(20)
    probe = away.calls[-1]
    assert is_probe(probe)
    away.answer(probe, OK)
    stream, call = paused(away)
    assert not is_probe(call)
    away.answer(call, OVER_LIMIT)
    assert stream.response.status == 429
    away.tick(20)
    assert away.tick_periods == {away.root: 0}, "nothing is left to be done"


@pytest.mark.parametrize("status", [2, 9, 13])
def test_an_error_of_its_own_is_an_answer_to_a_probe(away: Host, status: int) -> None:
    for _ in range(5):
        away.tick(20)
    away.fail(away.calls[-1], status)
    _, call = paused(away)
    assert not is_probe(call)


def test_a_service_that_is_silent_is_away_after_the_first_question(host: Host) -> None:
    configure(host, document(falling_back("allow")))
    stream, call = paused(host)
    host.clock += 1_000_000_000
    host.fail(call, UNAVAILABLE, TIMEOUT)
    assert stream.state == "continued"
    assert calls(host, request()) == []


def test_one_silence_of_a_service_that_answers_others_is_no_sign(host: Host) -> None:
    configure(host, document(falling_back("allow")))
    _, silent = paused(host)
    host.clock += 500_000_000
    _, call = paused(host)
    host.answer(call, OK)
    host.clock += 500_000_000
    host.fail(silent, UNAVAILABLE, TIMEOUT)
    assert len(calls(host, request())) == 1


def test_a_silent_service_is_asked_for_who_is_refused_without_it(host: Host) -> None:
    there = rule(action(limit()), path={"type": "exact", "value": "/strict"})
    configure(host, configuration(there, rule(action(falling_back("allow")))))
    _, call = paused(host)
    host.clock += 1_000_000_000
    host.fail(call, UNAVAILABLE, TIMEOUT)
    strict, call = paused(host, request("/strict"))
    host.answer(call, OK)
    assert strict.state == "continued"
    assert len(calls(host, request())) == 1, "its answer is one for all"


def test_what_only_limits_in_shadow_ask_is_not_asked(away: Host) -> None:
    shadow = {**limit(entry("s")), "shadow": True}
    there = rule(action(shadow), path={"type": "exact", "value": "/watched"})
    configure(away, configuration(there, rule(action(falling_back("allow")))))
    _, call = paused(away)
    away.clock += 1_000_000_000
    away.fail(call, UNAVAILABLE, TIMEOUT)
    assert calls(away, request("/watched")) == []


def test_a_configuration_that_nobody_has_any_more_is_probed_by_nobody(away: Host) -> None:
    configure(away, document(falling_back("allow")))
    for call in away.calls:
        if is_probe(call) and call is away.calls[-1]:
            away.fail(call, UNAVAILABLE, NOT_SENT[0])
    before = len(away.calls)
    for _ in range(20):
        away.tick(20)
    assert len(away.calls) == before
    assert away.tick_periods == {away.root: 0}


def test_the_probe_of_a_root_context_goes_with_it(away: Host) -> None:
    away.delete_root(away.root)
    away.root = away.create_root()
    configure(away, document(falling_back("allow")))
    assert len(calls(away, request())) == 1
