"""What official modules are told of expressions, each of their evaluators does as told.

Where an evaluator does it in another way, it is told in other words, or the policy is refused.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from kuadrant.compiler.program import (
    Action,
    GatewayProgram,
    HostProgram,
    LimitAction,
    ListenerProgram,
    RuleProgram,
)
from kuadrant.dialects import DIALECTS, InexpressibleError, Service
from kuadrant.dialects.official.user_expressions import limit_words
from kuadrant.policy.condition import (
    ExpressionCondition,
    ExpressionCounter,
    SelectorCondition,
    SelectorCounter,
)
from kuadrant.policy.match import RequestMatch
from kuadrant.reference_model import Counters, Request, decide

from .official_evaluators import EVALUATORS, V0_9, V0_12, V0_14, Evaluator, FailureError
from .official_readers import read_action_sets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.policy.condition import Counter, PolicyCondition

SERVICE = Service("kuadrant-ratelimit-service")
VERSIONS = [
    pytest.param(name, evaluator, id=version)
    for name in ("action-sets", "action-sets-conditional-data")
    for version, evaluator in EVALUATORS[name].items()
]

Outcome = str | list[tuple[str, dict[str, str]]]
"""What is asked, or ``failed``."""


def _hosts(when: Iterable[PolicyCondition], counters: Iterable[Counter]) -> tuple[HostProgram, ...]:
    limit = LimitAction("limit.a__1", tuple(when), tuple(counters), ("ns/p",))
    rule = RuleProgram("rule", "ns/route", RequestMatch(), (Action("ns/route", (limit,)),))
    return (HostProgram("*", (rule,)),)


def _decided(hosts: tuple[HostProgram, ...], request: Request) -> Outcome:
    program = GatewayProgram("ns", "gw", (ListenerProgram(("http",), 80, "HTTP", hosts),), ())
    decision = decide(program, request, Counters(()), 0)
    if decision.outcome == "failed":
        return "failed"
    return [(question.scope, dict(question.entries)) for question in decision.questions]


def _carried_out(
    name: str, evaluator: Evaluator, hosts: tuple[HostProgram, ...], request: Request
) -> Outcome:
    configuration = json.loads(DIALECTS[name].render(hosts, SERVICE))
    try:
        return read_action_sets(configuration, request, evaluator, merges=name == "action-sets")
    except FailureError:
        return "failed"


# ---------------------------------------------------------------------- the table

X_NONE = "request.headers['x-none']"
# Seen: GET /p, without a query and without the header, run beside the real v0.9.0, v0.12.3 and v0.14.1.
TABLE = [
    ("", "request.method == 'GET'", ("true", "true", "failed"), "true"),
    ("request.query == ''", "", ("free", "free", "free"), "counted"),
    ("", "request.query", ("null", "null", "failed"), ""),
    ("!request.query.contains('debug')", "", ("counted", "counted", "failed"), "counted"),
    (f"{X_NONE} == 'x' || request.method == 'GET'", "", ("counted", "failed", "counted"), "counted"),
    (f"{X_NONE} == 'x' && request.method == 'POST'", "", ("free", "failed", "free"), "free"),
    (f"{X_NONE} == 'x'", "", ("free", "failed", "failed"), "failed"),
    ("", X_NONE, ("null", "failed", "failed"), "failed"),
]
SEEN = Request(authority="a.com", target="/p", attributes={("source", "port"): 80})


def _alone(evaluator: Evaluator, when: str, counter: str) -> str:
    """What becomes of a limit of which the expressions are told as they are."""
    try:
        if when:
            return "counted" if evaluator.predicates_hold([when], SEEN) else "free"
        return evaluator.counted(counter, SEEN)
    except FailureError:
        return "failed"


@pytest.mark.parametrize(("when", "counter", "seen", "own"), TABLE)
def test_each_version_differs_as_it_was_seen_to(
    when: str, counter: str, seen: tuple[str, ...], own: str
) -> None:
    assert tuple(_alone(one, when, counter) for one in (V0_9, V0_12, V0_14)) == seen
    assert len({own, *seen}) > 1


@pytest.mark.parametrize(("name", "evaluator"), VERSIONS)
@pytest.mark.parametrize("row", TABLE)
def test_each_version_is_told_what_it_does_as_our_own(
    name: str, evaluator: Evaluator, row: tuple[str, str, tuple[str, ...], str]
) -> None:
    when, counter, _, own = row
    hosts = _hosts(
        [ExpressionCondition(when)] if when else [], [ExpressionCounter(counter)] if counter else []
    )
    assert DIALECTS[name].unsupported((), hosts, "deny") == ()
    for target, headers, method in (
        ("/p", (), "GET"),
        ("/p?debug", (("x-none", "x"),), "GET"),
        ("/p", (("x-none", "y"),), "POST"),
        ("/p?", (), "POST"),
    ):
        request = Request(authority="a.com", target=target, headers=headers, method=method)
        assert _carried_out(name, evaluator, hosts, request) == _decided(hosts, request), request
    entries = {"limit.a__1": "1"} | ({counter: own} if counter else {})
    expected = {"free": [], "failed": "failed"}.get(own, [("ns/route", entries)])
    assert _decided(hosts, SEEN) == expected


# ---------------------------------------------------------------------- the words


@pytest.mark.parametrize(
    ("predicates", "words"),
    [
        (
            ["request.method == 'GET' && request.path == '/a'"],
            ["request.method == 'GET'", "request.path == '/a'"],
        ),
        # What is asked for first is there.
        (
            ["'x' in request.headers && request.headers['x'] != 'a'"],
            ["'x' in request.headers", "request.headers['x'] != 'a'"],
        ),
        (
            ["request.headers.X == 'a'", "has(request.headers.x)"],
            ["'x' in request.headers", "request.headers['x'] == 'a'"],
        ),
        (["request.headers['x'] == 'a'"], ["string(request.headers['x']) == 'a'"]),
        (["request.headers['host'] == 'a'"], ["string(request.headers[':authority']) == 'a'"]),
        # What may fail is last.
        (
            ["request.headers['x'] == 'a' || request.method == 'GET'"],
            ["request.method == 'GET' || string(request.headers['x']) == 'a'"],
        ),
        (
            ["request.headers['x'] == 'a'", "request.method == 'GET'"],
            ["request.method == 'GET'", "string(request.headers['x']) == 'a'"],
        ),
        # Both fail without the header.
        (
            ["request.headers['x'] == 'a' || request.headers['x'] == 'b'"],
            ["string(request.headers['x']) == 'a' || request.headers['x'] == 'b'"],
        ),
        # Both sides of && would be looked at.
        (
            ["!('x' in request.headers && request.headers['x'].startsWith('a'))"],
            ["!(!(!('x' in request.headers) || !(request.headers['x'].startsWith('a'))))"],
        ),
        # A choice beside others would take them for its own.
        (
            ["request.method == 'GET' ? true : request.path == '/a'"],
            ["(request.method == 'GET' ? true : request.path == '/a')"],
        ),
        (["request.query.contains('a')"], ["(request.query == null ? '' : request.query).contains('a')"]),
    ],
)
def test_predicates_in_words(predicates: list[str], words: list[str]) -> None:
    assert limit_words(tuple(predicates), ()).predicates == tuple(words)


@pytest.mark.parametrize(
    ("counter", "words"),
    [
        ("request.method == 'GET'", "request.method == 'GET' ? 'true' : 'false'"),
        ("string(request.method == 'GET') + '!'", "(request.method == 'GET' ? 'true' : 'false') + '!'"),
        ("source.port", "source.port"),
        ("request.headers['X']", "string(request.headers['x'])"),
    ],
)
def test_a_counter_in_words(counter: str, words: str) -> None:
    assert limit_words((), (counter,)).counters == (words,)


def test_a_counter_of_a_header_that_a_predicate_asked_for() -> None:
    words = limit_words(("'x' in request.headers",), ("request.headers['x']",))
    assert (words.counters, words.may_fail) == (("request.headers['x']",), False)


TWO_THAT_FAIL = [
    ["request.headers['x'] == 'a'", "request.headers['y'] == 'b'"],
    ["request.headers['x'] == 'a' || request.headers['y'] == 'b'"],
    ["int(request.method) == 1 || int(request.path) == 2"],
]


@pytest.mark.parametrize("predicates", TWO_THAT_FAIL)
@pytest.mark.parametrize("name", ["action-sets", "action-sets-conditional-data"])
def test_of_two_parts_that_may_fail_none_can_be_first(name: str, predicates: list[str]) -> None:
    (found,) = DIALECTS[name].unsupported((), _hosts(map(ExpressionCondition, predicates), ()), "deny")
    assert (found.policy, found.field) == ("ns/p", "spec")
    assert "more than one part of it may fail" in found.reason
    with pytest.raises(InexpressibleError):
        DIALECTS[name].render(_hosts(map(ExpressionCondition, predicates), ()), SERVICE)


# ---------------------------------------------------------------------- selectors


@pytest.mark.parametrize("name", EVALUATORS)
@pytest.mark.parametrize("operator", ["eq", "neq", "startswith", "endswith", "matches", "incl", "excl"])
@pytest.mark.parametrize("selector", ["request.headers.x", "request.query"])
def test_a_selector_of_what_is_not_there_fails_in_no_version(name: str, operator: str, selector: str) -> None:
    for value in ("", "a", "b"):
        hosts = _hosts([SelectorCondition(selector, operator, value)], [SelectorCounter("request.query")])  # type: ignore[arg-type]
        for evaluator in EVALUATORS[name].values():
            for request in (SEEN, Request(authority="a.com", target="/p?a", headers=(("x", "a"),))):
                assert _carried_out(name, evaluator, hosts, request) == _decided(hosts, request)


# ---------------------------------------------------------------------- at random

_TEXTS = st.sampled_from(
    ["'a'", "'b'", "''", "request.method", "request.query", "request.path"]
) | st.sampled_from(["request.headers['x']", "request.headers['y']", "request.headers.X"])
_TRUTHS = st.recursive(
    st.one_of(
        st.sampled_from(
            ["'x' in request.headers", "has(request.headers.y)", "request.method == 'GET'", "true", "false"]
        ),
        st.builds("{} {} {}".format, _TEXTS, st.sampled_from(["==", "!=", "<", ">="]), _TEXTS),
        st.builds(
            "{}.{}({})".format, _TEXTS, st.sampled_from(["startsWith", "endsWith", "contains"]), _TEXTS
        ),
        st.builds("int({}) == 1".format, _TEXTS),
        st.builds("string({} == 'GET') == 'true'".format, _TEXTS),
        st.builds("{} in ['a', request.query]".format, _TEXTS),
    ),
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
    ),
    max_leaves=6,
)
_COUNTERS = st.lists(_TEXTS | _TRUTHS | st.builds("{} + {}".format, _TEXTS, _TEXTS), max_size=2)
_REQUESTS = st.builds(
    Request,
    authority=st.just("a.com"),
    method=st.sampled_from(["GET", "POST"]),
    target=st.sampled_from(["/a", "/a?a", "/1?1"]),
    headers=st.sampled_from([(), (("x", "a"),), (("y", "1"),), (("x", "b"), ("y", "a"))]),
)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "evaluator"), VERSIONS)
@settings(max_examples=300, deadline=None)
@given(
    predicates=st.lists(_TRUTHS, max_size=3),
    counters=_COUNTERS,
    requests=st.lists(_REQUESTS, min_size=4, max_size=8),
)
def test_any_expression_is_carried_out_as_told_or_refused(
    name: str, evaluator: Evaluator, predicates: list[str], counters: list[str], requests: list[Request]
) -> None:
    hosts = _hosts(map(ExpressionCondition, predicates), map(ExpressionCounter, counters))
    if DIALECTS[name].unsupported((), hosts, "deny"):
        event("refused")
        return
    event("told")
    for request in requests:
        assert _carried_out(name, evaluator, hosts, request) == _decided(hosts, request), request
