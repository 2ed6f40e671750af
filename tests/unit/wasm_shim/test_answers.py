"""What becomes of a request when its answer comes, or does not come."""

from __future__ import annotations

import pytest

from .examples import (
    OK,
    OVER_LIMIT,
    UNKNOWN,
    action,
    configuration,
    configure,
    counted,
    entry,
    field,
    header,
    limit,
    paused,
    request,
    rule,
    service,
)
from .proxy_wasm_host import Host, LocalResponse, Program, Stream


def error(details: str) -> LocalResponse:
    """What a request gets that cannot be decided."""
    return LocalResponse(500, b"Internal Server Error.\n", (), -1, f"kuadrant_failed{{{details}}}")


BAD_ANSWER = error("bad_answer,k,scope")
ALLOW = {"limiter": service(failureMode="allow")}


@pytest.fixture
def denying(host: Host) -> Host:
    configure(host, configuration())
    return host


@pytest.fixture
def allowing(host: Host) -> Host:
    configure(host, configuration(services=ALLOW))
    return host


def test_ok_lets_the_request_go_on(denying: Host) -> None:
    stream, call = paused(denying)
    denying.answer(call, OK)
    assert (stream.state, stream.continued) == ("continued", 1)
    assert denying.respond(stream) == []
    assert counted(denying) == {"requests": 1, "allowed": 1}


def test_over_limit_is_429(denying: Host) -> None:
    stream, call = paused(denying)
    denying.answer(call, OVER_LIMIT + header(b"x-ratelimit-limit", b"5") + header(b"retry-after", b"10"))
    assert stream.response == LocalResponse(
        429,
        b"Too Many Requests\n",
        ((b"x-ratelimit-limit", b"5"), (b"retry-after", b"10")),
        8,  # RESOURCE_EXHAUSTED, for a gRPC request only
        "kuadrant_limited{k,scope}",
    )
    assert counted(denying) == {"requests": 1, "limited": 1}


def test_the_headers_of_ok_are_added_to_the_response_once(denying: Host) -> None:
    stream, call = paused(denying)
    denying.answer(
        call,
        OK + header(b"x-ratelimit-limit", b"5") + header(b"set-cookie", b"a") + header(b"set-cookie", b"b"),
    )
    expected = [(b"set-cookie", b"a"), (b"set-cookie", b"b"), (b"x-ratelimit-limit", b"5")]
    assert denying.respond(stream) == expected
    assert denying.respond(stream) == expected


def test_headers_are_not_added_to_our_own_answers(host: Host) -> None:
    configure(host, configuration(rule(action(scope="a"), action(scope="b"))))
    for answer, status in ((OVER_LIMIT + header(b"own", b"1"), 429), (UNKNOWN, 500)):
        stream, call = paused(host)
        host.answer(call, OK + header(b"of-the-first", b"1"))
        host.answer(host.calls[-1], answer)
        assert stream.response.status == status
        assert stream.response.headers == (((b"own", b"1"),) if status == 429 else ())
        assert stream.response_headers == []


def test_the_headers_of_all_answers_are_added_in_their_order(host: Host) -> None:
    configure(host, configuration(rule(action(scope="a"), action(scope="b"))))
    stream, call = paused(host)
    host.answer(call, OK + header(b"first", b"1"))
    host.answer(host.calls[-1], OK + header(b"second", b"2"))
    assert host.respond(stream) == [(b"first", b"1"), (b"second", b"2")]


def test_a_header_may_have_a_raw_value(denying: Host) -> None:
    stream, call = paused(denying)
    denying.answer(call, OK + field(3, field(1, b"raw") + field(3, b"\xff")))
    assert denying.respond(stream) == [(b"raw", b"\xff")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"", b"x"),
        (b":status", b"200"),
        (b"a b", b"x"),
        (b"a\n", b"x"),
        (b"a", b"x\r\ny: z"),
        (b"a", b"\0"),
        (b"\xff", b"x"),
    ],
)
def test_what_is_no_header_is_left_out(denying: Host, name: bytes, value: bytes) -> None:
    stream, call = paused(denying)
    denying.answer(call, OK + header(name, value) + header(b"good", b"1"))
    assert denying.respond(stream) == [(b"good", b"1")]
    stream, call = paused(denying)
    denying.answer(call, OVER_LIMIT + header(name, value))
    assert stream.response.headers == ()


def test_other_fields_of_an_answer_are_passed_over(denying: Host) -> None:
    stream, call = paused(denying)
    statuses, raw_body, fixed = (
        field(2, b"\x08\x01"),
        field(5, b"body"),
        b"\x39" + b"x" * 8 + b"\x3d" + b"x" * 4,
    )
    denying.answer(call, statuses + raw_body + OK + fixed)
    assert stream.state == "continued"


def test_the_code_of_the_whole_decides_as_in_envoys_own_filter(denying: Host) -> None:
    stream, call = paused(denying)
    denying.answer(call, OK + field(2, OVER_LIMIT))
    assert stream.state == "continued"
    stream, call = paused(denying)
    denying.answer(call, OVER_LIMIT + field(2, OK))
    assert stream.response.status == 429
    stream, call = paused(denying)
    denying.answer(call, field(2, OK))
    assert stream.response == BAD_ANSWER


NO_ANSWERS = [
    pytest.param(UNKNOWN, id="unknown"),
    pytest.param(b"", id="empty"),
    pytest.param(b"\x08\x03", id="another code"),
    pytest.param(b"\x08\x81\x80\x80\x80\x10", id="a code that is OK but for its 33rd bit"),
    pytest.param(b"\x08", id="cut in a number"),
    pytest.param(b"\x08\x01\x1a\x05\x0a", id="cut in a header"),
    pytest.param(OK + b"\x1a\x02\x0a\x05", id="cut inside of a header"),
    pytest.param(b"\x08" + b"\xff" * 10 + b"\x01", id="a number of 11 bytes"),
    pytest.param(OK + b"\x38" + b"\xff" * 9 + b"\x02", id="a number of 65 bits"),
    pytest.param(b"\x0a\x01\x01", id="a code that is a string"),
    pytest.param(OK + b"\x18\x01", id="headers that are a number"),
    pytest.param(OK + b"\x0b\x0c", id="a group"),
    pytest.param(OK + b"\x00\x00", id="field 0"),
    pytest.param(b"\xff" * 100, id="noise"),
    pytest.param(b"<html>502</html>", id="text"),
    pytest.param(OK + b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f", id="a length of 2**63 - 1"),
]


@pytest.mark.parametrize("answer", NO_ANSWERS)
def test_an_answer_that_says_nothing_is_500_where_failure_is_denied(denying: Host, answer: bytes) -> None:
    stream, call = paused(denying)
    denying.answer(call, answer)
    assert stream.response == BAD_ANSWER
    assert counted(denying) == {"requests": 1, "errors": 1}


@pytest.mark.parametrize("answer", NO_ANSWERS)
def test_and_goes_on_without_headers_where_it_is_allowed(allowing: Host, answer: bytes) -> None:
    stream, call = paused(allowing)
    allowing.answer(call, answer)
    assert stream.state == "continued"
    assert allowing.respond(stream) == []
    assert counted(allowing) == {"requests": 1, "errors": 1, "allowed": 1}


@pytest.mark.parametrize("status", [1, 4, 14, 0, 0xFFFFFFFF])
def test_a_call_that_fails_follows_the_failure_mode(program: Program, status: int) -> None:
    denying, allowing = Host(program), Host(program)
    configure(denying, configuration())
    configure(allowing, configuration(services=ALLOW))
    stream, call = paused(denying)
    denying.fail(call, status)
    assert stream.response.status == 500
    stream, call = paused(allowing)
    allowing.fail(call, status)
    assert stream.state == "continued"


def test_a_failure_that_is_allowed_does_not_skip_the_later_calls(host: Host) -> None:
    services = {**ALLOW, "strict": service()}
    configure(
        host, configuration(rule(action(scope="a"), action(scope="b", service="strict")), services=services)
    )
    stream, call = paused(host)
    host.fail(call, 14)
    assert stream.state == "paused"
    host.answer(host.calls[-1], OVER_LIMIT)
    assert stream.response.status == 429


def test_a_limit_that_is_reached_ends_the_request_before_the_later_calls(host: Host) -> None:
    configure(host, configuration(rule(action(scope="a"), action(scope="b"))))
    _, call = paused(host)
    host.answer(call, OVER_LIMIT)
    assert len(host.calls) == 1


@pytest.mark.parametrize("answer", [OK, OVER_LIMIT, UNKNOWN])
def test_an_answer_and_the_end_of_its_call_are_told_once(denying: Host, answer: bytes) -> None:
    stream, call = paused(denying)
    denying.answer(call, answer)
    before = (stream.state, len(stream.local_responses))
    denying.fail(call, 0)
    denying.fail(call, 14)
    denying.answer(call, OVER_LIMIT)
    assert (stream.state, len(stream.local_responses)) == before


def test_an_answer_to_no_call_is_nothing(denying: Host) -> None:
    stream, call = paused(denying)
    denying.answer(type(call)(999, b"", "", (), b"", 0), OVER_LIMIT)
    assert stream.state == "paused"


def test_a_client_that_leaves_takes_its_call_with_it(denying: Host) -> None:
    stream, call = paused(denying)
    denying.end(stream)
    assert denying.cancelled == [call.token]
    denying.answer(call, OK)
    denying.fail(call, 1)
    assert stream.continued == 0


def test_a_response_from_elsewhere_takes_the_call_with_it(denying: Host) -> None:
    # Envoy itself answers a request that waits too long.
    stream, call = paused(denying)
    denying.respond(stream)
    assert denying.cancelled == [call.token]
    denying.answer(call, OVER_LIMIT)
    assert stream.local_responses == []
    denying.end(stream)


def test_answers_find_their_requests_in_any_order(denying: Host) -> None:
    waiting = [paused(denying) for _ in range(50)]
    for number, (_, call) in enumerate(reversed(waiting)):
        denying.answer(call, OVER_LIMIT if number % 2 else OK)
    assert [stream.state for stream, _ in waiting] == ["answered", "continued"] * 25


def serve(host: Host, answer: bytes) -> Stream:
    stream, call = paused(host, request("/" + "x" * 1000))
    host.answer(call, answer)
    host.respond(stream)
    host.end(stream)
    return stream


def test_a_thousand_requests_leave_nothing_behind(host: Host) -> None:
    configure(host, configuration(rule(action(limit(entry(), {"key": "p", "expression": "request.path"})))))
    answers = [OK, OK + header(b"a", b"b"), OVER_LIMIT, b"\xff"]
    for answer in answers:
        serve(host, answer)
    size = host.memory_size
    for number in range(1000):
        serve(host, answers[number % 4])
    for _ in range(100):
        host.end(paused(host)[0])
    assert host.memory_size == size


def test_a_hundred_configurations_leave_nothing_behind(host: Host) -> None:
    document = configuration(
        *[rule(name=str(number), path={"type": "prefix", "value": f"/{number}"}) for number in range(200)]
    )
    for _ in range(5):
        configure(host, document)
    size = host.memory_size
    for _ in range(100):
        configure(host, document)
        assert not host.configure(b'{"version": 1, "services": {}, "hosts": [{}]}')
    assert host.memory_size == size


@pytest.mark.parametrize("mode", ["deny", "allow"])
def test_a_request_that_there_is_no_memory_for_is_not_let_through(program: Program, mode: str) -> None:
    host = Host(program, memory=3 << 20)
    counter = {"key": "k", "selector": "request.headers.x"}
    configure(
        host, configuration(rule(action(limit(counter))), services={"limiter": service(failureMode=mode)})
    )
    stream = host.request(request("/" + "x" * (4 << 20), x="1"))
    assert stream.response == error("memory")
    assert paused(host, request(x="1"))[0].state == "paused", "and the next one is served"


def test_a_service_that_fails_is_logged_once_a_minute(denying: Host) -> None:
    for _ in range(3):
        denying.fail(paused(denying)[1], 14)
    warnings = [text for level, text in denying.logs if level == "warn"]
    assert warnings == [
        (
            'service "limiter": the call ended with gRPC status 14; scope "scope", limit "k"; its failure '
            "mode is deny; more of this within a minute is not logged"
        )
    ]
    denying.clock += 60_000_000_000
    denying.fail(paused(denying)[1], 14)
    assert len([level for level, _ in denying.logs if level == "warn"]) == 2


def test_a_request_is_logged_at_debug_at_most(denying: Host) -> None:
    serve(denying, OK)
    serve(denying, OVER_LIMIT)
    denying.request(request("/", "GET"))
    assert {level for level, _ in denying.logs} <= {"debug"}
