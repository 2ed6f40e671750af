"""What a client is told of limits: each header once, however many have something to say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .examples import (
    OK,
    OVER_LIMIT,
    UNKNOWN,
    action,
    configuration,
    configure,
    entries,
    header,
    limit,
    paused,
    request,
    rule,
)

if TYPE_CHECKING:
    from .examples import Json
    from .proxy_wasm_host import GrpcCall, Header, Host, LocalResponse, Stream

FIVE = b'5, 5;w=10;name="a"'
NINE = b'9, 9;w=60;name="b"'


def triple(limit: bytes = FIVE, remaining: int = 4, reset: int = 10) -> list[Header]:
    return [
        (b"x-ratelimit-limit", limit),
        (b"x-ratelimit-remaining", b"%d" % remaining),
        (b"x-ratelimit-reset", b"%d" % reset),
    ]


def told(headers: list[Header]) -> bytes:
    return b"".join(header(name, value) for name, value in headers)


def two_questions(host: Host) -> None:
    configure(host, configuration(rule(action(scope="a"), action(scope="b"))))


def limited(host: Host, *headers: Header, content_type: str = "text/plain") -> Stream:
    configure(host, configuration())
    stream, call = paused(host, request(content_type=content_type))
    host.answer(call, OVER_LIMIT + told([*headers]))
    return stream


# ------------------------------------------------------------------ a request that goes on


@pytest.mark.parametrize(
    ("first", "second", "sent"),
    [
        (triple(FIVE, 4, 10), triple(NINE, 2, 60), triple(NINE + b", " + FIVE[3:], 2, 60)),
        (triple(FIVE, 2, 10), triple(NINE, 4, 60), triple(FIVE + b", " + NINE[3:], 2, 10)),
        (triple(FIVE, 2, 10), triple(NINE, 2, 60), triple(FIVE + b", " + NINE[3:], 2, 10)),
        ([], triple(NINE, 4, 60), triple(NINE, 4, 60)),
        (triple(FIVE, 2, 10), [], triple(FIVE, 2, 10)),
    ],
)
def test_the_triple_of_several_answers_is_one_by_the_limit_that_leaves_least(
    host: Host, first: list[Header], second: list[Header], sent: list[Header]
) -> None:
    two_questions(host)
    stream, call = paused(host)
    host.answer(call, OK + told(first))
    host.answer(host.calls[-1], OK + told(second))
    assert host.respond(stream) == sent


@pytest.mark.parametrize(
    ("theirs", "kept"),
    [
        (triple(NINE, 3, 60), triple(NINE, 3, 60)),
        (triple(NINE, 4, 60), triple()),
        (triple(NINE, 5, 60), triple()),
        ([(b"X-RateLimit-Limit", b"9"), (b"X-RateLimit-Remaining", b"100")], triple()),
        ([(b"x-ratelimit-remaining", b"3")], [(b"x-ratelimit-remaining", b"3")]),
        ([(b"x-ratelimit-remaining", b"many"), (b"x-ratelimit-reset", b"soon")], triple()),
        ([(b"x-ratelimit-remaining", b"-1")], triple()),
        ([], triple()),
    ],
)
def test_of_the_upstreams_triple_and_ours_the_tighter_one_is_sent_whole(
    host: Host, theirs: list[Header], kept: list[Header]
) -> None:
    configure(host, configuration())
    stream, call = paused(host)
    stream.response_headers += [*theirs, (b"server", b"x")]
    host.answer(call, OK + told(triple()))
    assert sorted(host.respond(stream)) == sorted([*kept, (b"server", b"x")])


def test_an_answer_that_lets_pass_has_no_say_in_when_to_come_again(host: Host) -> None:
    configure(host, configuration())
    stream, call = paused(host)
    host.answer(call, OK + told([(b"retry-after", b"7")]))
    assert host.respond(stream) == []


# ------------------------------------------------------------------ one that is refused


def test_a_refusal_says_when_to_come_again(host: Host) -> None:
    assert limited(host, (b"retry-after", b"7")).response.headers == ((b"retry-after", b"7"),)
    assert limited(host).response.headers == ()


def test_of_several_times_the_latest_holds(host: Host) -> None:
    stream = limited(host, (b"retry-after", b"7"), (b"Retry-After", b"9"), (b"retry-after", b"8"))
    assert stream.response.headers == ((b"retry-after", b"9"),)


def test_a_date_of_the_service_is_handed_on(host: Host) -> None:
    date = (b"retry-after", b"Wed, 21 Oct 2026 07:28:00 GMT")
    assert limited(host, date).response.headers == (date,)
    assert limited(host, date, content_type="application/grpc").response.headers == (date,)


def test_limitador_says_when_the_window_is_over_and_cuts_its_seconds(host: Host) -> None:
    seen = limited(host, *triple(FIVE, 0, 6)).response.headers
    assert seen == (*triple(FIVE, 0, 6), (b"retry-after", b"7"))


def test_nobody_is_invited_to_what_is_never_admitted(host: Host) -> None:
    never = triple(b"0, 0;w=10", 0, 6)
    assert limited(host, *never).response.headers == tuple(never)


def test_a_refusal_tells_of_the_limits_of_earlier_answers_too(host: Host) -> None:
    two_questions(host)
    stream, call = paused(host)
    host.answer(call, OK + told([*triple(FIVE, 4, 10), (b"x-other", b"1")]))
    host.answer(host.calls[-1], OVER_LIMIT + told([*triple(NINE, 0, 60), (b"retry-after", b"60")]))
    both = triple(b'9, 9;w=60;name="b", 5;w=10;name="a"', 0, 60)
    assert stream.response.headers == (*both, (b"retry-after", b"60"))


@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto"])
def test_grpc_gets_a_message_without_a_line_feed_and_the_same_time_for_its_retry_policy(
    host: Host, kind: str
) -> None:
    response = limited(host, (b"retry-after", b"7"), content_type=kind).response
    assert (response.status, response.grpc_status, response.body) == (429, 8, b"Too Many Requests")
    assert response.headers == ((b"retry-after", b"7"), (b"grpc-retry-pushback-ms", b"7000"))
    assert limited(host, content_type=kind).response.headers == ()


# ------------------------------------------------------------------ when to come again, of several questions


def again(seconds: str) -> bytes:
    return header(b"kuadrant-again", seconds.encode())


def three_questions(host: Host, response: Json | None = None) -> tuple[Stream, GrpcCall]:
    actions = [action(scope=name) for name in "abc"]
    configure(host, configuration(rule(*actions, response=response or {})))
    return paused(host)


def test_a_refusal_says_when_all_questions_have_room_and_asks_those_that_are_left(host: Host) -> None:
    stream, call = three_questions(host)
    assert entries(call) == [("k", "1"), ("kuadrant:again", "told")]
    host.answer(call, OK + again("60"))
    host.answer(host.calls[-1], OVER_LIMIT + told([(b"retry-after", b"7")]) + again("7"))
    assert stream.state == "paused"
    look = host.calls[-1]
    assert entries(look) == [("k", "1"), ("kuadrant:again", "only")]
    assert look.message == host.calls[-2].message.replace(b"b", b"c", 1).replace(b"told", b"only")
    host.answer(look, OK + again("3600"))
    assert (stream.response.status, stream.response.headers) == (429, ((b"retry-after", b"3600"),))
    assert len(host.calls) == 3


def test_where_one_never_has_room_nothing_is_said(host: Host) -> None:
    stream, call = three_questions(host)
    host.answer(call, OVER_LIMIT + told([(b"retry-after", b"7")]) + again("7"))
    host.answer(host.calls[-1], OK + again("never"))
    host.answer(host.calls[-1], OK + again("5"))
    assert stream.response.headers == ()


def test_one_that_does_not_answer_does_not_hold_up_the_refusal_or_change_it(host: Host) -> None:
    stream, call = three_questions(host)
    host.answer(call, OVER_LIMIT + told([(b"retry-after", b"7")]) + again("7"))
    host.fail(host.calls[-1], 14, "no healthy upstream")
    host.answer(host.calls[-1], UNKNOWN)
    assert (stream.response.status, stream.response.headers) == (429, ((b"retry-after", b"7"),))


def test_a_service_that_does_not_say_it_is_not_asked_for_what_it_would_count(host: Host) -> None:
    stream, call = three_questions(host)
    host.answer(call, OVER_LIMIT + told([(b"retry-after", b"7")]))
    assert stream.response.headers == ((b"retry-after", b"7"),)
    assert len(host.calls) == 1


def test_a_client_that_goes_while_it_is_asked_is_forgotten(host: Host) -> None:
    stream, call = three_questions(host)
    host.answer(call, OVER_LIMIT + again("7"))
    host.end(stream)
    assert host.cancelled == [host.calls[-1].token]


def test_it_is_asked_only_where_it_is_told_and_there_are_several(host: Host) -> None:
    _, call = three_questions(host, response={"retryAfter": False})
    assert entries(call) == [("k", "1")]
    configure(host, configuration(rule(action(scope="a"), action({**limit(), "shadow": True}, scope="b"))))
    assert entries(paused(host)[1]) == [("k", "1")]


def test_a_client_that_is_admitted_is_told_nothing_of_it(host: Host) -> None:
    stream, _ = three_questions(host)
    for _ in range(3):
        host.answer(host.calls[-1], OK + again("0"))
    assert stream.state == "continued"


@pytest.mark.parametrize("kind", ["application/grpc-web", "application/grpcx", "text/plain"])
def test_what_is_not_grpc_gets_a_body(host: Host, kind: str) -> None:
    response = limited(host, (b"retry-after", b"7"), content_type=kind).response
    assert (response.body, response.headers) == (b"Too Many Requests\n", ((b"retry-after", b"7"),))


# ------------------------------------------------------------------ RateLimit and RateLimit-Policy


def fields(name: str = "a", remaining: int = 4) -> list[Header]:
    return [
        (b"ratelimit-policy", f'"{name}";q=5;w=10'.encode()),
        (b"ratelimit", f'"{name}";r={remaining};t=10'.encode()),
    ]


def both(first: list[Header], second: list[Header]) -> list[Header]:
    return [(name, value + b", " + other) for (name, value), (_, other) in zip(first, second, strict=True)]


@pytest.mark.parametrize(
    ("theirs", "ours", "sent"),
    [
        ([], fields("a"), fields("a")),
        (fields("theirs"), fields("a"), both(fields("theirs"), fields("a"))),
        (fields("a"), fields("a"), both(fields("a"), fields("gateway/a"))),
        (
            both(fields("a"), fields("gateway/a")),
            both(fields("a"), fields("b")),
            both(both(fields("a"), fields("gateway/a")), both(fields("gateway/gateway/a"), fields("b"))),
        ),
        (fields('a\\"'), fields('a\\"'), both(fields('a\\"'), fields('gateway/a\\"'))),
        (fields("a"), fields("aa"), both(fields("a"), fields("aa"))),
        (
            [(b"RateLimit", b'"a";r=1')],
            fields("b"),
            [fields("b")[0], (b"ratelimit", b'"a";r=1, "b";r=4;t=10')],
        ),
        (
            [(b"ratelimit", b'"a";r=1'), (b"ratelimit", b'"c";r=1')],
            fields("b"),
            [fields("b")[0], (b"ratelimit", b'"a";r=1, "c";r=1, "b";r=4;t=10')],
        ),
        # What is of an earlier draft.
        ([(b"ratelimit", b"limit=9, remaining=1")], fields(), [(b"ratelimit", b"limit=9, remaining=1")]),
        ([(b"ratelimit-policy", b"9;w=10")], fields(), [(b"ratelimit-policy", b"9;w=10")]),
    ],
)
def test_members_of_the_upstream_stay_and_ours_follow_under_names_that_are_free(
    host: Host, theirs: list[Header], ours: list[Header], sent: list[Header]
) -> None:
    configure(host, configuration())
    stream, call = paused(host)
    stream.response_headers += theirs
    host.answer(call, OK + told(ours))
    assert sorted(host.respond(stream)) == sorted(sent)


def test_members_of_several_answers_are_one_list(host: Host) -> None:
    for last, read in (
        (OK, host.respond),
        (OVER_LIMIT, lambda s: [*s.response.headers]),
    ):
        two_questions(host)
        stream, call = paused(host)
        host.answer(call, OK + told(fields("a")))
        host.answer(host.calls[-1], last + told(fields("b", 0)))
        assert read(stream) == both(fields("a"), fields("b", 0))


# ------------------------------------------------------------------ what a rule says of it


def answering(host: Host, response: dict[str, object], *headers: Header) -> list[Header]:
    configure(host, configuration(rule(response=response)))
    stream, call = paused(host)
    host.answer(call, OK + told([*headers]))
    return host.respond(stream)


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ("None", []),
        ("Draft03", triple()),
        ("RateLimit", fields()),
        ("Both", [*triple(), *fields()]),
    ],
)
def test_a_rule_sends_the_headers_of_its_form_and_no_others(
    host: Host, form: str, sent: list[Header]
) -> None:
    other = (b"x-other", b"1")
    assert answering(host, {"headers": form}, *triple(), *fields(), other) == [other, *sent]


@pytest.mark.parametrize("form", ["None", "Draft03", "RateLimit", "Both"])
def test_the_service_is_asked_for_the_form(host: Host, form: str) -> None:
    configure(host, configuration(rule(response={"headers": form})))
    _, call = paused(host)
    asked = [] if form == "None" else [("kuadrant:headers", form)]
    assert entries(call) == [("k", "1"), *asked]


def test_nothing_is_asked_for_where_no_limit_applies(host: Host) -> None:
    never = limit(when=[{"selector": "request.method", "operator": "eq", "value": "PUT"}])
    configure(host, configuration(rule(action(never), response={"headers": "Both"})))
    stream = host.request(request())
    assert (stream.state, host.calls, host.respond(stream)) == ("continued", [], [])


@pytest.mark.parametrize("headers", [[(b"retry-after", b"7")], triple(FIVE, 0, 6)])
def test_a_rule_may_leave_out_when_to_come_again(host: Host, headers: list[Header]) -> None:
    configure(host, configuration(rule(response={"retryAfter": False})))
    stream, call = paused(host, request(content_type="application/grpc"))
    host.answer(call, OVER_LIMIT + told(headers))
    assert [*stream.response.headers] == [one for one in headers if one[0] != b"retry-after"]


@pytest.mark.parametrize("response", [{"headers": "draft03"}, {"retryAfter": "no"}, {"other": 1}, []])
def test_another_response_refuses_the_configuration(host: Host, response: object) -> None:
    assert not host.configure(json.dumps(configuration(rule(response=response))).encode())
    assert "hosts[0].rules[0].response" in host.errors[0]


# ------------------------------------------------------------------ pages of other origins

ALLOW = (b"access-control-allow-origin", b"https://shop.example")
EXPOSE = b"access-control-expose-headers"
OURS = b"ratelimit-policy, ratelimit"


@pytest.mark.parametrize(
    ("theirs", "exposed"),
    [
        ([ALLOW], [OURS]),
        ([], []),
        ([(EXPOSE, b"x-own")], [b"x-own"]),
        ([ALLOW, (EXPOSE, b"x-own")], [b"x-own, " + OURS]),
        (
            [ALLOW, (EXPOSE, b"x-own"), (b"Access-Control-Expose-Headers", b"RateLimit")],
            [b"x-own, RateLimit, ratelimit-policy"],
        ),
        ([ALLOW, (EXPOSE, b"RateLimit-Policy , ratelimit")], [b"RateLimit-Policy , ratelimit"]),
        ([ALLOW, (EXPOSE, b"*")], [b"*"]),
        ([ALLOW, (EXPOSE, b"*"), (b"access-control-allow-credentials", b"true")], [b"*, " + OURS]),
    ],
)
def test_a_browser_shows_our_headers_to_a_page_that_may_have_the_response(
    host: Host, theirs: list[Header], exposed: list[bytes]
) -> None:
    configure(host, configuration())
    stream, call = paused(host)
    stream.response_headers += theirs
    host.answer(call, OK + told(fields()))
    sent = host.respond(stream)
    assert [value for name, value in sent if name.lower() == EXPOSE] == exposed


def preflight(**changes: str) -> list[Header]:
    headers = {"origin": "https://shop.example", "access_control_request_method": "POST"} | changes
    return request("/", "OPTIONS", **headers)


def test_a_preflight_is_not_asked_for_and_counts_nowhere(host: Host) -> None:
    configure(host, configuration())
    stream = host.request(preflight())
    assert (stream.state, host.calls, host.respond(stream)) == ("continued", [], [])
    assert not host.metrics["kuadrant.requests"]


@pytest.mark.parametrize(
    "headers",
    [
        request("/", "OPTIONS"),
        request("/", "OPTIONS", origin="https://shop.example"),
        request("/", "OPTIONS", access_control_request_method="POST"),
        preflight(origin=""),
        [*preflight()[:2], (b":method", b"GET"), *preflight()[3:]],
        [*preflight()[:2], (b":method", b"options"), *preflight()[3:]],
    ],
)
def test_what_only_looks_like_a_preflight_counts(host: Host, headers: list[Header]) -> None:
    configure(host, configuration())
    paused(host, headers)


def test_a_rule_may_count_preflights(host: Host) -> None:
    configure(host, configuration(rule(response={"preflights": "Count"})))
    paused(host, preflight())


def test_a_preflight_is_exempt_before_anything_is_evaluated(host: Host) -> None:
    needs_more = limit(when=[{"expression": "request.headers['x-absent'] == '1'"}])
    configure(host, configuration(rule(action(needs_more))))
    assert host.request(preflight()).state == "continued"
    assert host.request(request("/", "OPTIONS")).response.status == 500


# ------------------------------------------------------------------ the answer that a rule has of its own


def refused(host: Host, over: Json, *headers: Header, kind: str = "text/plain") -> LocalResponse:
    configure(host, configuration(rule(response={"overLimit": over})))
    stream, call = paused(host, request(content_type=kind))
    host.answer(call, OVER_LIMIT + told([*headers]))
    return stream.response


def test_a_rule_has_a_status_headers_and_a_body_of_its_own(host: Host) -> None:
    over = {"code": 503, "headers": {"content-type": "application/json"}, "body": '{"a":1}'}
    response = refused(host, over, (b"retry-after", b"7"), (b"x-other", b"1"))
    assert (response.status, response.body, response.grpc_status) == (503, b'{"a":1}', 8)
    assert response.headers == (
        (b"x-other", b"1"),
        (b"content-type", b"application/json"),
        (b"retry-after", b"7"),
    )


def test_its_header_takes_the_place_of_the_services(host: Host) -> None:
    response = refused(host, {"headers": {"x-other": "ours"}}, (b"X-Other", b"theirs"))
    assert response.headers == ((b"x-other", b"ours"),)


def test_a_message_is_the_body_and_that_of_grpc(host: Host) -> None:
    over: Json = {"message": "Slow down", "headers": {"content-type": "text/html", "x-a": "1"}}
    assert refused(host, over).body == b"Slow down\n"
    grpc = refused(host, over, kind="application/grpc")
    assert (grpc.body, grpc.headers) == (b"Slow down", ((b"x-a", b"1"),))
    assert refused(host, over | {"body": "b"}, kind="application/grpc").body == b"Slow down"


@pytest.mark.parametrize(
    ("limits", "violated"),
    [
        (b'"a";r=0;t=5', ["a"]),
        (b'"a";r=0', ["a"]),
        (b'"a";r=0, "b";r=0;t=5, "c";r=01, "d";r=10;t=1', ["a", "b"]),
        (b'"say \\"x\\\\\\", ;r=0";r=3;t=1, "\\"";r=0;t=1', ['"']),
        (b"", []),
    ],
)
def test_a_problem_names_the_limits_that_are_reached(host: Host, limits: bytes, violated: list[str]) -> None:
    for form in (None, "None", "Draft03", "Both"):
        response: Json = {"overLimit": {"problem": True}} | ({} if form is None else {"headers": form})
        configure(host, configuration(rule(response=response)))
        stream, call = paused(host)
        asked = {None: "FieldsToo", "None": "RateLimit", "Draft03": "Both", "Both": "Both"}[form]
        assert entries(call)[-1] == ("kuadrant:headers", asked)
        host.answer(call, OVER_LIMIT + (header(b"ratelimit", limits) if limits else b""))
        answer = stream.response
        assert json.loads(answer.body) == {
            "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
            "title": "Request cannot be satisfied as assigned quota has been exceeded",
            "status": 429,
            "violated-policies": violated,
        }
        assert (b"content-type", b"application/problem+json") in answer.headers
        assert (b"ratelimit" in dict(answer.headers)) is (form == "Both" and bool(limits))


def test_a_problem_names_limits_with_less_left_than_a_request_costs_and_tells_that_to_nobody_else(
    host: Host,
) -> None:
    configure(host, configuration(rule(response={"overLimit": {"problem": True}, "headers": "RateLimit"})))
    stream, call = paused(host)
    limits = header(b"ratelimit", b'"a";r=3;t=5, "b";r=9;t=0')
    host.answer(call, OVER_LIMIT + limits + header(b"kuadrant-violated", b'"a";r=0'))
    assert json.loads(stream.response.body)["violated-policies"] == ["a"]
    assert b"kuadrant-violated" not in dict(stream.response.headers)
    assert dict(stream.response.headers)[b"ratelimit"] == b'"a";r=3;t=5, "b";r=9;t=0'


@pytest.mark.parametrize(
    "over",
    [
        {"code": 200},
        {"code": 399},
        {"code": 600},
        {"headers": {"a b": "x"}},
        {"headers": {":status": "200"}},
        {"headers": {"a": "x\r\ny: z"}},
        {"body": 1},
        {"other": 1},
    ],
)
def test_an_answer_that_cannot_be_refuses_the_configuration(host: Host, over: dict[str, object]) -> None:
    document = configuration(rule(response={"overLimit": over}))
    assert not host.configure(json.dumps(document).encode())
    assert "hosts[0].rules[0].response.overLimit" in host.errors[0]
