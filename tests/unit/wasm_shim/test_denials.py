"""Denials that the module remembers: it asks again when they may be over, and not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.envoy_api import message
from kuadrant.ratelimit.denial_term import encoded_term

from .examples import (
    OK,
    OVER_LIMIT,
    action,
    configuration,
    configure,
    counted,
    field,
    header,
    paused,
    request,
    rule,
    service,
)

if TYPE_CHECKING:
    from .proxy_wasm_host import GrpcCall, Header, Host, Stream

RESPONSE: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")
LIMIT = field(2, b"\x08\x02" + field(2, field(3, b"k")))
"""The status that names the limit which is reached."""
COUNTED = "kuadrant.kuadrant_limit.=.k;.kuadrant_scope.=.scope;.limited_by_limit"


def denial(term: str = "999 0 0", *headers: Header) -> bytes:
    told = b"".join(header(name, value) for name, value in headers)
    return OVER_LIMIT + LIMIT + told + (encoded_term(term) if term else b"")


def remembered(host: Host, headers: list[Header] | None = None) -> Stream:
    """A request that is answered without a call."""
    before = len(host.calls)
    stream = host.request(headers or request())
    assert len(host.calls) == before
    return stream


def asked(host: Host, headers: list[Header] | None = None) -> GrpcCall:
    """The call of a request that has one."""
    before = len(host.calls)
    _, call = paused(host, headers)
    assert len(host.calls) == before + 1
    return call


def after(host: Host, milliseconds: float) -> None:
    host.clock += int(milliseconds * 1_000_000)


@pytest.fixture
def limited(host: Host) -> Host:
    """A host of which the first request was denied just now."""
    configure(host, configuration())
    host.answer(asked(host), denial("999 400 0", (b"retry-after", b"7")))
    return host


def test_a_denial_is_the_same_answer_until_its_term_is_over(limited: Host) -> None:
    (first,) = limited.streams[min(limited.streams)].local_responses
    assert remembered(limited).response == first
    after(limited, 399)
    assert remembered(limited).response == first
    after(limited, 600)
    asked(limited)


def test_its_numbers_go_down(limited: Host) -> None:
    after(limited, 400)
    assert remembered(limited).response.headers == ((b"retry-after", b"6"),)


def test_one_that_ends_is_not_known_any_more_whatever_time_the_answer_took(host: Host) -> None:
    configure(host, configuration())
    call = asked(host)
    after(host, 200)
    host.answer(call, denial("300 0 0"))
    after(host, 99)
    remembered(host)
    after(host, 1)
    asked(host)


def test_one_that_goes_on_is_asked_for_by_one_and_answered_to_all_others(limited: Host) -> None:
    after(limited, 600)
    renewal = asked(limited)
    remembered(limited)
    limited.answer(renewal, denial())
    after(limited, 599)
    remembered(limited)


def test_a_renewal_that_is_admitted_ends_it(limited: Host) -> None:
    after(limited, 600)
    limited.answer(asked(limited), OK)
    asked(limited)


def test_a_renewal_that_fails_follows_the_failure_mode_and_ends_nothing(limited: Host) -> None:
    after(limited, 600)
    call = asked(limited)
    limited.fail(call, 4)
    remembered(limited)
    after(limited, 400)
    asked(limited)


def test_each_is_counted_as_one_that_its_limit_refused(limited: Host) -> None:
    for _ in range(9):
        remembered(limited)
    assert counted(limited) == {"requests": 10, "limited": 10, "remembered": 9}
    assert limited.metrics[COUNTED] == 10


def test_the_service_is_told_of_them_when_it_is_asked_again(limited: Host) -> None:
    for _ in range(3):
        remembered(limited)
    after(limited, 600)
    renewal = asked(limited)
    assert renewal.metadata == ((b"kuadrant-remembered", b"3 k"),)
    remembered(limited)
    limited.answer(renewal, denial())
    remembered(limited)
    # Long after its end.
    after(limited, 5000)
    call = asked(limited)
    assert call.metadata == ((b"kuadrant-remembered", b"2 k"),)
    limited.answer(call, OK)
    assert asked(limited).metadata == ()


def test_it_leaves_the_record_and_the_reasons_of_one_that_was_asked_for(host: Host) -> None:
    configure(host, configuration(rule(route="default/toys")) | {"decisionRecords": True})
    first, call = paused(host)
    host.answer(call, denial())
    later = remembered(host)
    assert later.properties == first.properties
    assert '"verdict":"limited","limit":"k"' in later.properties["kuadrant.decision"]
    assert later.response.details == "kuadrant_limited{k,scope}"


def test_who_follows_decisions_is_told_of_it(host: Host) -> None:
    configure(host, configuration())
    word = RESPONSE(dynamic_metadata={"kuadrant.follow": "5 x-user"}).SerializeToString()
    host.answer(asked(host), denial() + word)
    before = len(host.calls)
    host.answer(host.calls[-1], word)
    host.request(request(x_user="b"))
    (report,) = host.calls[before:]
    assert b'"verdict":"limited"' in report.message
    assert b'"headers":{"x-user":"b"}' in report.message


def test_what_is_made_of_the_request_is_made_of_each(host: Host) -> None:
    made = {"body": [{"value": "not "}, {"selector": "request.path"}]}
    configure(host, configuration(rule(response={"overLimit": {"made": made}})))
    host.answer(asked(host, request("/a")), denial())
    assert remembered(host, request("/b")).response.body == b"not /b"


def test_a_client_of_grpc_gets_its_status(limited: Host) -> None:
    response = remembered(limited, request(content_type="application/grpc")).response
    assert (response.grpc_status, response.body) == (8, b"Too Many Requests")
    assert (b"grpc-retry-pushback-ms", b"7000") in response.headers


def test_another_question_is_asked(host: Host) -> None:
    by_path = {"key": "path", "selector": "request.path"}
    configure(host, configuration(rule(action({"entries": [{"key": "k", "value": "1"}, by_path]}))))
    host.answer(asked(host, request("/a")), denial())
    remembered(host, request("/a"))
    asked(host, request("/b"))


def test_another_configuration_forgets_it(limited: Host) -> None:
    configure(limited, configuration())
    asked(limited)


def test_it_can_be_turned_off(host: Host) -> None:
    configure(host, configuration(services={"limiter": service(rememberDenials=False)}))
    host.answer(asked(host), denial())
    asked(host)


def test_an_answer_without_a_term_is_asked_for_again(host: Host) -> None:
    configure(host, configuration())
    host.answer(asked(host), denial(""))
    asked(host)


def test_limitador_says_no_more_than_a_reset_that_it_has_cut(host: Host) -> None:
    configure(host, configuration())
    triple = [(b"x-ratelimit-limit", b'5, 5;w=10;name="a"'), (b"x-ratelimit-remaining", b"0")]
    host.answer(asked(host), denial("", *triple, (b"x-ratelimit-reset", b"0")))
    host.answer(asked(host), denial("", *triple, (b"x-ratelimit-reset", b"1")))
    after(host, 599)
    told = dict(remembered(host).response.headers)
    assert (told[b"x-ratelimit-reset"], told[b"retry-after"]) == (b"1", b"2")


def test_what_was_asked_before_a_denial_is_asked_and_counted_each_time(host: Host) -> None:
    configure(host, configuration(rule(action(scope="a"), action(scope="b"))))
    host.answer(asked(host), OK)
    host.answer(host.calls[-1], denial())
    host.answer(asked(host), OK)
    assert [call.message[2:3] for call in host.calls] == [b"a", b"b", b"a"]
    assert host.streams[max(host.streams)].response.status == 429


def test_when_to_come_again_is_kept_for_all_questions(host: Host) -> None:
    configure(host, configuration(rule(action(scope="a"), action(scope="b"))))
    again = (b"kuadrant-again", b"7")
    host.answer(asked(host), denial("999 500 0", (b"retry-after", b"7"), again))
    host.answer(host.calls[-1], OK + header(b"kuadrant-again", b"9") + encoded_term("999 400 0"))
    assert dict(host.streams[max(host.streams)].response.headers)[b"retry-after"] == b"9"
    after(host, 450)
    assert dict(remembered(host).response.headers)[b"retry-after"] == b"8"


@pytest.mark.parametrize(("path", "words", "known"), [(200, 600, True), (2000, 600, True), (20, 1200, False)])
def test_of_a_long_question_and_a_long_answer_one_may_be_so(
    host: Host, path: int, words: int, *, known: bool
) -> None:
    by_path = {"key": "path", "selector": "request.path"}
    configure(host, configuration(rule(action({"entries": [{"key": "k", "value": "1"}, by_path]}))))
    long = request("/" + "p" * path)
    told = b"".join(header(b"x-told", b"w" * 100) for _ in range(words // 100))
    host.answer(asked(host, long), denial() + told)
    (remembered if known else asked)(host, long)
    asked(host, request("/" + "p" * path + "q"))


@pytest.mark.slow
def test_however_many_are_denied_memory_has_a_bound(host: Host) -> None:
    by_path = {"key": "path", "selector": "request.path"}
    configure(host, configuration(rule(action({"entries": [{"key": "k", "value": "1"}, by_path]}))))
    sizes = []
    for part in range(2):
        for number in range(2200):
            stream, call = paused(host, request(f"/{part}/{number}"))
            host.answer(call, denial("999 400 0", (b"retry-after", b"7")))
            host.end(stream)
        sizes.append(host.memory_size)
    assert sizes[0] == sizes[1]
    assert sizes[0] < 5 << 20
