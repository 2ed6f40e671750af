"""What a refused request leaves behind: response code details, a line of the log, a counter of its limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.expressions import programs

from .examples import (
    OK,
    OVER_LIMIT,
    action,
    configuration,
    configure,
    entry,
    field,
    limit,
    paused,
    request,
    rule,
    service,
)
from .slow_host import SlowHost

if TYPE_CHECKING:
    from .examples import Json
    from .proxy_wasm_host import Host, Program, Stream

ABSENT = {"expression": "request.headers['x-plan'] == 'free'"}
COSTLY = {"program": programs.predicate("request.headers['x'].matches('(a?){60}b') || true")}
WAIT = "; more of this within a minute is not logged"


def refused(host: Host, *limits: Json, mode: str = "deny", **headers: str) -> str:
    """The details of a request that is answered with 500 before any call."""
    services = {"limiter": service(failureMode=mode)}
    configure(host, configuration(rule(action(*limits, scope="default/toys")), services=services))
    stream = host.request(request(**headers))
    assert stream.response.status == 500
    return stream.response.details


def warnings(host: Host) -> list[str]:
    return [text.removesuffix(WAIT) for level, text in host.logs if level == "warn"]


# ---------------------------------------------------------------------- 500, without a call


@pytest.mark.parametrize(
    ("kind", "words", "wrong", "part"),
    [
        ("expression", "an expression could not be evaluated", {"when": [ABSENT]}, "condition 1"),
        (
            "too_costly",
            "an expression takes too many steps or too much memory for it",
            {"when": [{"selector": "request.method", "operator": "neq", "value": "POST"}, COSTLY]},
            "condition 2",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_named(host: Host, kind: str, words: str, wrong: Json, part: str) -> None:
    details = refused(host, limit(entry("a")), limit(entry("b"), **wrong), x="a" * 20_000)
    assert details == f"kuadrant_failed{{{kind},b,default/toys}}"
    assert warnings(host) == [
        f'{words}; scope "default/toys", limit "b", {part}; the request is answered with 500'
    ]


def test_a_counter_is_named_by_its_own_text(host: Host) -> None:
    user = {"key": "request.headers['x-user']", "expression": "request.headers['x-user']"}
    assert refused(host, limit(entry("b"), user)) == "kuadrant_failed{expression,b,default/toys}"
    (line,) = warnings(host)
    assert 'limit "b", counter 1 "request.headers[\'x-user\']"; the request is answered' in line


def test_a_rule_whose_expression_fails_is_named(host: Host) -> None:
    configure(host, configuration(rule(name="5aec", path={"type": "regex", "value": "/a.*"})))
    for token in list(host.expressions):
        host.break_expression(token)
    assert host.request(request("/a")).response.details == "kuadrant_failed{rule,5aec}"
    assert warnings(host) == [
        'a regular expression of a rule could not be evaluated; rule "5aec"; the request is answered with 500'
    ]


def test_who_has_taken_too_much_time_is_named(program: Program) -> None:
    host = SlowHost(program)
    host.milliseconds = 3000
    when = [{"expression": "request.method == 'GET'"}]
    configure(host, configuration(rule(action(limit(entry("b"), when=when), scope="default/toys"))))
    large = request(x="x" * 5000)
    assert host.request(large).state == "paused"
    assert host.request(large).response.details == "kuadrant_failed{budget,b,default/toys}"
    (line,) = warnings(host)
    assert line.startswith("expressions of its namespace have taken too much of this worker's time")


@pytest.mark.parametrize("mode", ["deny", "allow"])
def test_a_question_that_is_too_large_is_named_by_its_scope(host: Host, mode: str) -> None:
    details = refused(
        host, limit(entry("b"), {"key": "k", "selector": "request.headers.x"}), mode=mode, x="x" * 300_000
    )
    assert details == "kuadrant_failed{too_large,default/toys}"


def test_a_worker_without_a_configuration_says_so(host: Host) -> None:
    assert host.request(request()).response.details == "kuadrant_failed{no_configuration}"
    assert warnings(host) == ["this worker has no configuration; the request is answered with 500"]


def test_a_limit_that_is_left_out_is_told_of(host: Host) -> None:
    services = {"limiter": service(failureMode="allow")}
    configure(host, configuration(rule(action(limit(entry("b"), when=[ABSENT]), limit())), services=services))
    paused(host)
    assert warnings(host) == [
        (
            'an expression could not be evaluated; scope "scope", limit "b", condition 1; '
            "the limit is left out, as the failure mode is allow"
        )
    ]


def test_one_request_is_not_blamed_for_another(host: Host) -> None:
    refused(host, limit(entry("b"), when=[ABSENT]))
    configure(host, configuration(rule(action(scope="other"))))
    stream, call = paused(host)
    host.fail(call, 8)
    assert stream.response.details == "kuadrant_failed{refused,grpc_status_8,k,other}"


def test_each_thing_is_logged_once_a_minute(host: Host) -> None:
    for key in ("a", "b", "a", "b"):
        refused(host, limit(entry(key), when=[ABSENT]))
    assert len(warnings(host)) == 2
    host.tick(60_000)
    refused(host, limit(entry("a"), when=[ABSENT]))
    assert len(warnings(host)) == 3


def test_however_many_limits_fail_the_log_has_a_bound(host: Host) -> None:
    rules = [
        rule(action(limit(entry(f"k{n}"), when=[ABSENT])), path={"type": "exact", "value": f"/{n}"})
        for n in range(200)
    ]
    configure(host, configuration(*rules))
    for n in range(200):
        host.request(request(f"/{n}"))
    assert len(warnings(host)) == 64


# ---------------------------------------------------------------------- 429


def status(name: bytes, code: bytes = OVER_LIMIT) -> bytes:
    """The status of a limit in an answer."""
    return field(2, code + field(2, b"\x08\x05" + field(3, name)))


def limited(host: Host, answer: bytes) -> str:
    """The details of a request that is answered with 429."""
    stream, call = paused(host)
    host.answer(call, answer)
    assert stream.response.status == 429
    return stream.response.details


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (OVER_LIMIT + status(b"b"), "b,scope"),
        (status(b"b") + OVER_LIMIT, "b,scope"),
        (OVER_LIMIT + status(b"a", OK) + status(b"b"), "b,scope"),
        (OVER_LIMIT + status(b""), "scope"),
        (OVER_LIMIT + status(b"c"), "scope"),
        (OVER_LIMIT + field(2, b"\xff"), "scope"),
        (OVER_LIMIT, "scope"),
    ],
    ids=["named", "before the code", "the one that is reached", "no name", "another's", "malformed", "none"],
)
def test_the_limit_that_the_answer_names(host: Host, answer: bytes, named: str) -> None:
    configure(host, configuration(rule(action(limit(entry("a")), limit(entry("b"))))))
    assert limited(host, answer) == f"kuadrant_limited{{{named}}}"


def test_a_limit_that_was_asked_for_alone_needs_no_name(host: Host) -> None:
    other = {"selector": "request.method", "operator": "eq", "value": "POST"}
    configure(host, configuration(rule(action(limit(entry("a")), limit(entry("b"), when=[other])))))
    assert limited(host, OVER_LIMIT) == "kuadrant_limited{a,scope}"


def test_of_several_scopes_the_one_that_refuses_is_named(host: Host) -> None:
    configure(host, configuration(rule(action(scope="a"), action(scope="b"))))
    stream, call = paused(host)
    host.answer(call, OK)
    host.answer(host.calls[-1], OVER_LIMIT)
    assert stream.response.details == "kuadrant_limited{k,b}"


def by_limit(host: Host) -> dict[str, int]:
    return {name: value for name, value in host.metrics.items() if name.endswith("limited_by_limit")}


def name_of(key: str, scope: str) -> str:
    return f"kuadrant.kuadrant_limit.=.{key};.kuadrant_scope.=.{scope};.limited_by_limit"


def test_a_limit_has_a_counter_from_its_first_refusal_on(host: Host) -> None:
    configure(host, configuration(rule(action(limit(entry("limit.a b;c__0a1b2c3d")), scope="default/toys"))))
    assert by_limit(host) == {}
    for _ in range(3):
        limited(host, OVER_LIMIT)
    assert by_limit(host) == {name_of("limit.a_b_c__0a1b2c3d", "default/toys"): 3}


def test_another_configuration_goes_on_with_the_counter(host: Host) -> None:
    for _ in range(2):
        configure(host, configuration())
        limited(host, OVER_LIMIT)
    assert by_limit(host) == {name_of("k", "scope"): 2}


def refuse(host: Host, path: str) -> Stream:
    stream, call = paused(host, request(path))
    host.answer(call, OVER_LIMIT)
    return stream


def test_beyond_a_thousand_limits_count_in_one(host: Host) -> None:
    rules = [
        rule(action(limit(entry(f"k{n}"))), path={"type": "exact", "value": f"/{n}"}) for n in range(1100)
    ]
    configure(host, configuration(*rules))
    for _ in range(2):
        for n in range(1100):
            refuse(host, f"/{n}")
    counters = by_limit(host)
    assert len(counters) == 1001
    assert counters.pop(name_of("other", "other")) == 200
    assert set(counters.values()) == {2}
