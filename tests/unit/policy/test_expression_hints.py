"""A mistake in an expression is told with what was meant."""

from __future__ import annotations

import re

import pytest

from kuadrant.expressions.functions import OWN, STANDARD, STRINGS
from kuadrant.policy.cel_environment import NOT_EVALUATED
from kuadrant.policy.expression_check import check_predicate, checked
from kuadrant.policy.expression_error import ExpressionError
from kuadrant.policy.expression_hints import USES


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("request.path.lowerascii() == 'a'", "lowerAscii"),
        ("request.path.toLowerCase() == 'a'", "lowerAscii"),
        ("request.path.substr(1) == 'a'", "substring"),
        ("request.path.startswith('/a')", "startsWith"),
        ("request.path.length() > 3", "size"),
        ("len(request.path) > 3", "size"),
        ("request.path.match('a')", "matches"),
        ("request.time.hours() > 1", "getHours"),
        ("request.path.split('/').exist(x, x == 'a')", "exists"),
        ("request.path.reverse == 'a'", "reverse()"),
        ("request.headers.x-user == 'a'", "request.headers['x-user']"),
        ("request.headers.x-request-id == 'a'", "request.headers['x-request-id']"),
        ("request.metod == 'GET'", "request.method"),
        ("request.Method == 'GET'", "request.method"),
        ("request.user_agent == 'a'", "request.useragent"),
        ("request.referrer == 'a'", "request.referer"),
        ("req.method == 'GET'", "request.method"),
        ("Request.method == 'GET'", "request.method"),
        ("headers['x'] == 'a'", "request.headers"),
        ("source.ip == '1'", "source.remote_address"),
        ("source.remoteAddress == '1'", "source.remote_address"),
        ("request.query.page == '1'", "queryMap(request.query)['page']"),
        ("request.auth.identity == 'a'", "auth.identity"),
        ("request.auth.identity.sub == 'a'", "auth.identity.sub"),
        ("request.auth.claims.sub == 'a'", "auth.identity.sub"),
        ("request.auth.sub == 'a'", "auth.identity.sub"),
        ("auth.claims.sub == 'a'", "auth.identity.sub"),
        ("request.jwt.claims.sub == 'a'", "auth.identity.sub"),
        ("request.source.address == 'a'", "source.address"),
        ("request.source.address.startsWith('a')", "source.address"),
        ("!request.headers['x-user']", "!('x-user' in request.headers)"),
        ("!request.headers[?'x-user']", "!('x-user' in request.headers)"),
        ('request.headers["x-user"] && true', '"x-user" in request.headers'),
        ("true || request.headers['x-user']", "'x-user' in request.headers"),
        ("!request.referer", "!has(request.referer)"),
        ("auth.identiy.sub == 'a'", "auth.identity"),
        ("requst.path == 'a'", "request.path"),
    ],
)
def test_a_name_that_is_near_is_meant(expression: str, meant: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        check_predicate(expression, identity=True)
    assert str(refused.value).endswith(f"; did you mean {meant}?")
    assert refused.value.written == meant


@pytest.mark.parametrize("expression", ["request.user == 'a'", "request.userId == 'a'"])
def test_who_a_request_is_from_is_no_single_attribute(expression: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        check_predicate(expression, identity=True)
    assert "auth.identity.sub by a token and auth.identity.userid by a header" in str(refused.value)
    assert refused.value.written == ""


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("request.method = 'GET'", "line 1, column 16: = is no operator; == compares"),
        ("request.method == 'GET' and true", "line 1, column 25: and is written &&"),
        ("request.path =~ 'a'", "=~ is no operator; a regular expression is asked as in text.matches('^a')"),
        ("request.path.startsWith('/a'", "a ) is missing here, or what it would end"),
        ('request.method == "a', "the text that begins here has no end"),
        ("request.method == 'a' &&", "it ends where something is still to come"),
        ("request.method == \u2018GET\u2019", "this is no quotation mark of expressions; write '"),
        ("request.method == GET", "undeclared reference to 'GET'; a text is in quotes: 'GET'"),
        ("'a' in request.path", "of a text that is .contains(..)"),
        ("request.headers['x'] == 3", "write the number in quotes, or int(..) around the text"),
        ("request.headers['x'] > 3", "write int(..) around the text; as texts '10' would come before '5'"),
        ("3 <= request.headers['x']", "write int(..) around the text; as texts '10' would come before '5'"),
        ("request.query >= 1.5", "write double(..) around the text; as texts '10' would come before '5'"),
        ("request.time > '2024'", "as in request.time > timestamp('2026-01-02T03:04:05Z')"),
        ("true && request.headers['x'].size()", "so compare first, as in request.path == '/'"),
        ("!request.path", "so compare first, as in request.path == '/'"),
        ("request.path.split()[0] == 'a'", "it is called as in text.split(',')"),
        ("request.headers.get('x') == 'a'", "an entry is read as in request.headers['x-user']"),
        ("request.headers.contains('x')", "is asked as in 'x-user' in request.headers"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(expression: str, words: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        check_predicate(expression)
    assert str(refused.value).endswith(words)
    assert "Syntax error" not in str(refused.value)


@pytest.mark.parametrize(
    "expression",
    ["!request.headers['x-user']", "!request.referer", "request.headers['a'] || request.headers['b']"],
)
def test_a_presence_that_is_offered_is_one_that_is_taken(expression: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        check_predicate(expression)
    check_predicate(refused.value.written)


@pytest.mark.parametrize("expression", ["foo(request.path)", "request.context == 'a'", "zzz.yyy == 'a'"])
def test_where_nothing_is_near_nothing_is_guessed(expression: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        check_predicate(expression)
    assert "did you mean" not in str(refused.value)
    assert refused.value.written in ("", "'zzz.yyy'")


@pytest.mark.parametrize(
    "expression",
    [
        " + ".join(["request.path"] * 34) + " == ''",
        "request.path" + ".lowerAscii()" * 40 + " == ''",
        "(" * 40 + "true" + ")" * 40,
        "[" * 40 + "]" * 40 + " == []",
    ],
)
def test_one_that_is_too_deep_is_told_once_and_what_to_do(expression: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        check_predicate(expression)
    assert str(refused.value) == (
        "it is more than 32 levels deep, where each call and each operator after another one is a level; put "
        "parts of it in brackets, such as (a + b) + (c + d), or write it as several shorter ones"
    )
    assert refused.value.at == (0, 0)


def test_brackets_make_one_that_is_too_deep_shallower() -> None:
    half = " + ".join(["request.method"] * 17)
    with pytest.raises(ExpressionError, match="32 levels"):
        check_predicate(f"size({half} + {half}) > 200")
    checked(f"size(({half}) + ({half})) > 200")


@pytest.mark.parametrize("text", ["Exceeded max recursion depth", "Expression recursion limit exceeded"])
def test_a_text_in_these_words_is_no_depth(text: str) -> None:
    with pytest.raises(ExpressionError, match="line 1, column 8"):
        check_predicate(f"request.recursion == ': {text}'")


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        (
            r"'^[a-z]{1,63}(\\.[a-z]{1,63}){0,10}$'",
            "write * or + in place of a count in {..}, or a smaller one",
        ),
        (
            r"'\\p{L}'",
            r"write the characters that are meant in place of \p{..}, such as [a-z\\x{c0}-\\x{24f}]",
        ),
        (r"'^\\pL+$'", r"in place of \p{..}"),
        ("request.headers['x-a']", "a pattern has to be written as a text, such as matches('^/toys')"),
    ],
)
def test_a_pattern_over_the_budget_is_told_with_what_takes_less(pattern: str, instead: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        check_predicate(f"request.path.matches({pattern})")
    before, _, after = str(refused.value).partition(" are possible (expression-steps); ")
    assert before
    assert instead in after


@pytest.mark.parametrize(
    "pattern",
    [r"'^[a-z\\x{c0}-\\x{24f}]+$'", r"'^([a-z]+\\.)*[a-z]+$'", "'^/toys'", r"'\\p{Greek}'", r"'\\p{Z}'"],
)
def test_what_takes_less_is_taken(pattern: str) -> None:
    check_predicate(f"request.path.matches({pattern})")


def test_every_function_is_known() -> None:
    named = {name for name in (*STANDARD, *STRINGS, *OWN) if "." not in name}
    assert named - USES.keys() <= NOT_EVALUATED


@pytest.mark.parametrize("name", USES)
def test_what_is_shown_of_a_function_is_right(name: str) -> None:
    use = USES[name]
    for word, value in (("text", "'a'"), ("list", "['a']"), ("optional", "optional.of('a')")):
        use = re.sub(rf"\b{word}(?=[.)])(?!\.(none|of))", value, use)
    checked(use)
