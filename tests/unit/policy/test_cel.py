"""Expressions are checked against what the gateway has when it evaluates them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.policy.cel import ExpressionError, check_counter, check_predicate


@pytest.mark.parametrize(
    "expression",
    [
        "request.method == 'POST'",
        "request.headers['x-tenant'] == 'a'",
        "request.headers.exists(h, h.startsWith('x-') && request.headers[h] != '')",
        "has(request.referer) && request.size < 1000",
        "request.time.getHours() < 8",
        "request.path.matches('^/v[0-9]+')",
        "source.port == 80 || connection.mtls",
        "'a' in metadata.filter_metadata",
        "metadata.filter_metadata['a'].b",
        "request.method in ['GET', 'HEAD']\n&& true",
        "true // and so on",
    ],
)
def test_a_predicate_over_the_attributes_of_a_request_is_taken(expression: str) -> None:
    check_predicate(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "request.path",
        "request.size",
        "source.address",
        "connection.id",
        "1.5",
        "true",
        "request.time",
        "metadata.a",
    ],
)
def test_a_counter_with_a_value_that_can_be_written_is_taken(expression: str) -> None:
    check_counter(expression)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "request.metod == 'a'",
            "line 1, column 8: request has no attribute 'metod' while the gateway looks at a request",
        ),
        ("nope", "line 1, column 1: undeclared reference to 'nope'"),
        ("true &&\n  nope", "line 2, column 3: undeclared reference to 'nope'"),
        ("'é' == nope", "line 1, column 8: undeclared reference to 'nope'"),
        ("request.method = 'POST'", "line 1, column 16: Syntax error: token recognition error at: '= '"),
        ("request.path.lowerAscii() == 'a'", "line 1, column 24: the gateway has no function 'lowerAscii'"),
        ("true\n&& queryMap('') == {}", "line 2, column 12: the gateway has no function 'queryMap'"),
        (
            "request.method == 1",
            "line 1, column 16: found no matching overload for '_==_' applied to '(string, int)'",
        ),
        ("request.method", "a predicate must be true or false, this is of type string"),
        ("", "line 1, column 1: Syntax error: mismatched input '<EOF>'"),
    ],
)
def test_a_mistake_is_told_with_its_place(expression: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        check_predicate(expression)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "call",
    [
        "request.path.lowerAscii()",
        "request.path.split('/')[0]",
        "queryMap(request.query)['a']",
        "request.path.charAt(0)",
        "request.path.indexOf('a')",
        "request.path.replace('a', 'b')",
        "request.path.substring(1)",
        "request.path.trim()",
        "['a'].join()",
        "'%s'.format([request.path])",
        "getHostProperty(['a'])",
        "requestBodyJSON('/a')",
        "math.greatest(1, 2)",
        "cel.bind(x, 1, x)",
        "request.headers[?'a'].orValue('')",
        "request.?referer",
    ],
)
def test_a_function_that_the_gateway_does_not_have_is_refused(call: str) -> None:
    with pytest.raises(ExpressionError):
        check_counter(call)


@pytest.mark.parametrize(
    "attribute",
    ["source.remote_address", "auth.identity.username", "request.body", "response.code", "request.duration"],
)
def test_an_attribute_that_does_not_exist_in_the_request_phase_is_refused(attribute: str) -> None:
    with pytest.raises(ExpressionError):
        check_counter(attribute)


@pytest.mark.parametrize("expression", ["[request.path]", "request.headers", "null", "type(1)", "request"])
def test_a_counter_without_a_value_that_can_be_written_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError, match="a counter must have a value that can be written as text"):
        check_counter(expression)


@pytest.mark.row(159)
@pytest.mark.parametrize("expression", ["true) || (true", "(" * 32 + "true" + ")" * 32])
def test_an_expression_that_does_not_stand_in_parentheses_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        check_predicate(expression)


@pytest.mark.parametrize(
    "expression", ["kuadrant.attributes.request{} == request", "type(request) == kuadrant.attributes.request"]
)
def test_a_type_that_only_this_check_knows_is_refused(expression: str) -> None:
    with pytest.raises(
        ExpressionError, match=r"line 1, column \d+: undeclared reference to 'kuadrant.attributes.request'"
    ):
        check_predicate(expression)


@given(st.text())
def test_no_text_is_anything_but_taken_or_refused(text: str) -> None:
    for check in (check_predicate, check_counter):
        with suppress(ExpressionError):
            check(text)
