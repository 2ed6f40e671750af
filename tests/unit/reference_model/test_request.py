"""What a request looks like to selectors, conditions and expressions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kuadrant.policy.condition import SelectorCondition
from kuadrant.reference_model import EvaluationError, Expressions, Request
from kuadrant.reference_model.conditions import holds

REQUEST = Request(
    authority="A.x:8080",
    method="PUT",
    target="/toys/1?a=b&c",
    headers=(("x-user", "bob"), ("x-list", "1"), ("user-agent", "curl"), ("x-list", " 2")),
    attributes={
        ("source", "address"): "[::1]:4000",
        ("source", "port"): 4000,
        ("connection", "mtls"): False,
        ("request", "time"): datetime(2024, 6, 12, 8, 0, 0, 500000, tzinfo=UTC),
        ("metadata", "filter_metadata"): {"jwt.authn": {"sub": "alice", "level": 3.0, "groups": ["a", "b"]}},
    },
)


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ("request.method", "PUT"),
        ("request.path", "/toys/1?a=b&c"),
        ("request.url_path", "/toys/1"),
        ("request.query", "a=b&c"),
        ("request.host", "a.x"),
        ("request.useragent", "curl"),
        ("request.referer", None),
        ("request.size", "0"),
        ("request.headers.X-User", "bob"),
        ("request.headers.x-list", "1, 2"),
        ("request.headers.absent", None),
        ("source.remote_address", "::1"),
        ("source.port", "4000"),
        ("connection.mtls", "false"),
        ("request.time", "2024-06-12T08:00:00.5Z"),
        ("auth.identity.username", None),
        ("request..method", None),
        (r"metadata.filter_metadata.jwt\.authn.sub", "alice"),
        (r"metadata.filter_metadata.jwt\.authn.sub.more", None),
        (r"metadata.filter_metadata.jwt\.authn.level", None),
        ("metadata.filter_metadata.other.sub", None),
    ],
)
def test_a_selector_gives_text_or_nothing(selector: str, text: str | None) -> None:
    assert REQUEST.text(selector) == text


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("request.host == 'A.x:8080'", True),
        ("request.headers['x-list'] == '1, 2'", True),
        ("request.time < timestamp('2024-06-12T08:00:01Z')", True),
        ("'b' in metadata.filter_metadata['jwt.authn'].groups", True),
        ("metadata.filter_metadata['jwt.authn'].level == 3.0", True),
        ("metadata.filter_metadata['jwt.authn'].absent == ''", None),
        ("has(request.referer)", False),
        ("source.remote_address == '::1'", True),
        ("source.address == source.remote_address", False),
        ("request.referer == ''", None),
        ("request.headers['absent'] == ''", None),
        ("request.method", None),
        ("nothing", None),
    ],
)
def test_an_expression_holds_does_not_or_fails(expression: str, result: bool | None) -> None:
    expressions = Expressions(REQUEST)
    if result is None:
        with pytest.raises(EvaluationError):
            expressions.holds(expression)
    else:
        assert expressions.holds(expression) is result


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("source.port", "4000"),
        ("connection.mtls", "false"),
        ("1.5", "1.5"),
        ("request.time", "2024-06-12T08:00:00.500Z"),
        ('request.method + "\'"', "PUT'"),
    ],
)
def test_the_value_of_an_expression_is_text(expression: str, text: str) -> None:
    assert Expressions(REQUEST).text(expression) == text


@pytest.mark.parametrize(
    ("operator", "value", "result"),
    [
        ("eq", "1, 2", True),
        ("neq", "1, 2", False),
        ("startswith", "1", True),
        ("endswith", "1", False),
        ("incl", "2", True),
        ("excl", "2", False),
        ("matches", "1*", True),
        ("matches", "?, ?", True),
        ("matches", "1", False),
        ("matches", "+,+", True),
        ("matches", r"1\*", False),
    ],
)
def test_a_condition_compares_the_text(operator: Any, value: str, result: bool) -> None:
    condition = SelectorCondition("request.headers.x-list", operator, value)
    assert holds(condition, REQUEST, Expressions(REQUEST)) is result


@pytest.mark.parametrize(
    ("pattern", "text"), [("a\\", "a\\"), (r"\?", "?"), ("B?cher", "Bücher"), ("?", ""), ("*", "")]
)
def test_a_glob_is_about_the_whole_value(pattern: str, text: str) -> None:
    request = Request(authority="a.x", headers=(("x", text),))
    assert holds(SelectorCondition("request.headers.x", "matches", pattern), request, Expressions(request))


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("/?q=1&q=2", "1"),
        ("/?q", ""),
        ("/?q=", ""),
        ("/?p=q", None),
        ("/", None),
        ("/?%71=1", None),
        ("/?q=a=b", "a=b"),
    ],
)
def test_the_first_value_of_a_query_parameter_counts(target: str, value: str | None) -> None:
    assert Request(authority="a.x", target=target).parameter("q") == value


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("a.x", "a.x"),
        ("A.X:80", "a.x"),
        ("a.x:", "a.x"),
        ("[::1]", "[::1]"),
        ("[::1]:80", "[::1]"),
        ("a.x.", "a.x."),
    ],
)
def test_the_host_has_no_port(authority: str, host: str) -> None:
    assert Request(authority=authority).host == host
