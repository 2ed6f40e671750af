"""While somebody follows decisions the module reports them, and nothing that it decides depends on that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.envoy_api import message

from .examples import (
    OK,
    OVER_LIMIT,
    action,
    configuration,
    configure,
    entry,
    limit,
    paused,
    request,
    rule,
    service,
)

if TYPE_CHECKING:
    from .examples import Json
    from .proxy_wasm_host import GrpcCall, Host, Stream

RESPONSE: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")
TOYS = "limit.toys__0a1b2c3d"
METHOD = "kuadrant.decisions.v1.Decisions/Report"
SECRET = "a-secret-of-the-client"
BUFFER = 32 * 1024


def following(word: str = "5 x-user", answer: bytes = OK) -> bytes:
    """An answer of a service whose decisions somebody follows."""
    return answer + bytes(RESPONSE(dynamic_metadata={"kuadrant.follow": word}).SerializeToString())


@pytest.fixture
def limited(host: Host) -> Host:
    one = rule(action(limit(entry(TOYS)), scope="default/toys"))
    services = {"limiter": service(metadata={"x-kuadrant-token": "t"})}
    configure(host, configuration(one, services=services))
    return host


def reports(host: Host) -> list[GrpcCall]:
    return [call for call in host.calls if METHOD in call.method]


def told(call: GrpcCall) -> list[Json]:
    return [json.loads(line) for line in call.message.splitlines()]


def decided(host: Host, answer: bytes = OK, path: str = "/toys", **headers: str) -> Stream:
    """A request, asked for and answered."""
    stream, _ = paused(host, request(path, **headers))
    asked = [call for call in host.calls if "ShouldRateLimit" in call.method][-1]
    host.answer(asked, answer)
    return stream


def test_while_nobody_follows_nothing_is_reported_and_the_host_is_asked_for_nothing_more(
    limited: Host,
) -> None:
    decided(limited)
    before = len(limited.host_calls)
    decided(limited)
    first = limited.host_calls[before:]
    before = len(limited.host_calls)
    decided(limited, OVER_LIMIT)
    assert not reports(limited)
    assert "proxy_set_property" not in limited.host_calls
    assert first.count("proxy_grpc_call") == 1


def test_what_is_decided_is_told_with_the_request_and_the_headers_that_are_asked_for(limited: Host) -> None:
    stream = decided(limited, following(answer=OVER_LIMIT), f"/toys?{SECRET}", x_user="alice", x_other=SECRET)
    (call,) = reports(limited)
    assert told(call) == [
        {
            "verdict": "limited",
            "limit": TOYS,
            "scope": "default/toys",
            "rule": "rule",
            "asked": [TOYS],
            "method": "GET",
            "host": "example.com",
            "path": "/toys",
            "headers": {"x-user": "alice"},
        }
    ]
    assert (b"x-kuadrant-token", b"t") in call.metadata
    assert stream.response.status == 429
    assert not stream.properties, "access logs get records where the configuration says so"


def test_what_is_decided_meanwhile_goes_with_the_next_call(limited: Host) -> None:
    decided(limited, following())
    for path in ("/a", "/b"):
        decided(limited, following(), path)
    (first,) = reports(limited)
    limited.answer(first, b"5 x-user")
    _, second = reports(limited)
    assert [one["path"] for one in told(second)] == ["/a", "/b"]
    limited.answer(second, b"5 x-user")
    limited.fail(second, 0)
    assert len(reports(limited)) == 2


@pytest.mark.parametrize("end", ["0", "", "nonsense", "-1 x"])
def test_when_nobody_follows_any_more_that_is_the_end_of_it(limited: Host, end: str) -> None:
    decided(limited, following())
    decided(limited)
    (call,) = reports(limited)
    limited.answer(call, end.encode())
    told_then = len(reports(limited))
    limited.clock += 6_000_000_000
    decided(limited)
    assert len(reports(limited)) == told_then


def test_a_word_holds_for_its_seconds(limited: Host) -> None:
    decided(limited, following("2 x-user"))
    limited.answer(reports(limited)[0], b"2 x-user")
    limited.clock += 1_900_000_000
    decided(limited)
    assert len(reports(limited)) == 2
    limited.clock += 200_000_000
    decided(limited)
    assert len(reports(limited)) == 2


@pytest.mark.parametrize("answer", [OK, OVER_LIMIT])
@pytest.mark.parametrize("status", [4, 12, 14, 16])
def test_a_report_that_fails_changes_no_verdict_and_is_the_last_one(
    limited: Host, answer: bytes, status: int
) -> None:
    first = decided(limited, following(answer=answer))
    limited.fail(reports(limited)[0], status, "no healthy upstream")
    again = decided(limited, answer)
    refusals = 1 if answer == OVER_LIMIT else 0
    assert [len(stream.local_responses) for stream in (first, again)] == [refusals] * 2
    assert [stream.continued for stream in (first, again)] == [1 - refusals] * 2
    assert len(reports(limited)) == 1
    assert not [text for level, text in limited.logs if level == "warn"]


def test_a_call_that_never_ends_keeps_others_waiting_for_ten_seconds(limited: Host) -> None:
    decided(limited, following("30 "))
    decided(limited, following("30 "))
    assert len(reports(limited)) == 1
    limited.clock += 11_000_000_000
    decided(limited, following("30 "))
    assert len(reports(limited)) == 2


def test_what_waits_and_what_is_told_in_a_second_have_a_bound(limited: Host) -> None:
    decided(limited, following())
    for number in range(1000):
        limited.end(decided(limited, following(), f"/{number}"))
    memory = limited.memory_size
    for number in range(1000):
        limited.end(decided(limited, following(), f"/{number}"))
    assert limited.memory_size == memory
    (first,) = reports(limited)
    limited.answer(first, b"5 x-user")
    call = reports(limited)[-1]
    assert len(call.message) <= BUFFER + 40
    *some, last = told(call)
    assert last == {"left_out": 2000 - len(some)}


def test_a_decision_that_was_made_before_any_question_is_told_too(host: Host) -> None:
    absent = {"expression": "request.headers['x-plan'] == 'free'"}
    configure(host, configuration(rule(action(limit(entry(TOYS), when=(absent,)), scope="default/toys"))))
    decided(host, following(), x_plan="free")
    host.answer(reports(host)[0], b"5 x-user")
    host.request(request(x_plan="gold"))
    assert host.request(request()).response.status == 500
    found = [one for call in reports(host) for one in told(call)]
    host.answer(reports(host)[-1], b"5 x-user")
    found = [one for call in reports(host) for one in told(call)]
    assert [(one["verdict"], one.get("error"), one.get("part")) for one in found] == [
        ("allowed", None, None),
        ("allowed", None, None),
        ("failed", "expression", "condition 1"),
    ]


@pytest.mark.parametrize(
    "value", ["\x1b[31m", 'a"b\\', "\xff\xfe", "é" * 300, "", "a" * 10_000], ids=lambda value: value[:5]
)
def test_whatever_a_client_sends_a_report_is_one_line_of_json(limited: Host, value: str) -> None:
    decided(limited, following(), "/" + value, x_user=value)
    (call,) = reports(limited)
    assert len(told(call)) == 1
    assert len(call.message) < 8 * 1024


@pytest.mark.parametrize(
    "word",
    ["5", "5 ", "5 ,,,", "5 :path", "5 " + ",".join(f"h{n}" for n in range(100)), "300 x", "5 " + "x" * 5000],
)
def test_a_strange_word_is_taken_for_what_it_can_mean(limited: Host, word: str) -> None:
    decided(limited, following(word), **{f"h{n}": "1" for n in range(100)})
    found = [one for call in reports(limited) for one in told(call)]
    assert all(len(one["headers"]) <= 8 for one in found)
