"""What an expression may cost is known before any request, and what costs too much is refused at once."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

import pytest
from cel_expr_python import cel
from hypothesis import given, settings
from hypothesis import strategies as st

from kuadrant.api.fields import LONGEST_EXPRESSION
from kuadrant.policy.attributes import REQUEST_BYTES
from kuadrant.policy.budgets import DEFAULT
from kuadrant.policy.expression_check import check_counter, check_predicate
from kuadrant.policy.expression_error import ExpressionError
from tests.effort import times_as_long

if TYPE_CHECKING:
    from collections.abc import Callable

HEADERS = "request.headers"
BOMBS = {
    "doubling": "[request.path]" + ".map(a, a+a)" * 24 + "[0] == 'x'",
    "doubling within": f"{HEADERS}.map(a, [a].map(b, [b+b].map(c, c+c+c+c)[0] + b + b)[0] + a) == []",
    "doubling a constant": "['aaaaaaaaaaaaaaaa']" + ".map(a, a+a)" * 22 + "[0] == 'x'",
    "doubling a list": "[[1]]" + ".map(a, a+a)" * 24 + "[0].size() == 1",
    "doubling bytes": "[bytes(request.path)]" + ".map(a, a+a)" * 12 + "[0] == b'x'",
    "doubling a number as text": "[string(request.size)]" + ".map(a, a+a)" * 20 + "[0] == 'x'",
    "doubling what is not known": "[metadata.a]" + ".map(a, a+a)" * 12 + "[0] == 'x'",
    "nested all": f"{HEADERS}.all(a, {HEADERS}.all(b, {HEADERS}.all(c, a == b || b == c)))",
    "nested exists": f"{HEADERS}.exists(a, {HEADERS}.exists(b, {HEADERS}[a] + {HEADERS}[b] == 'x'))",
    "nested exists_one": (
        f"{HEADERS}.exists_one(a, {HEADERS}.exists_one(b, {HEADERS}.exists_one(c, a != b && b != c)))"
    ),
    "nested filter": f"{HEADERS}.filter(a, {HEADERS}.filter(b, {HEADERS}.filter(c, true) != []) != []) != []",
    "nested map": f"{HEADERS}.map(a, {HEADERS}.map(b, a + b)) == []",
    "deep map": f"{HEADERS}.map(a, {HEADERS}.map(b, {HEADERS}.map(c, {HEADERS}.map(d, 1)))) == []",
    "a list that is gone through again and again": f"{HEADERS}.map(a, {HEADERS}.map(b, 1)).map(x, x + x + x + x).map(y, {HEADERS}.map(z, [y] + [y] + [y] + [y] + [y])) == []",  # noqa: E501 - to be read as one
    "numbers": "["
    + "1," * 200
    + "1].all(a, ["
    + "1," * 200
    + "1].all(b, ["
    + "1," * 200
    + "1].all(c, a + b + c > 0)))",
    "a sum of texts in a loop": f"{HEADERS}.map(h, request.path + request.path) == []",
    "a header in a loop": f"{HEADERS}.map(h, {HEADERS}['x'] + h) == []",
    "copies": f"{HEADERS}.map(h, string(bytes(request.path))) == []",
    "the same by index": f"{HEADERS}.map(h, h).map(x, {HEADERS}.map(h, h)[0] + request.path) == []",
    "looking for a text": "request.path.contains(request.query)",
    "looking for texts": f"{HEADERS}.exists(h, {HEADERS}[h].contains(request.path + request.path))",
    "a pattern over everything": "request.path.matches('" + "a?" * 250 + "')",
    "a pattern that repeats": "request.path.matches('((a{10}){10}){9}')",
    "a pattern in a loop": f"{HEADERS}.exists(h, request.path.matches('^/[a-z]+$'))",
    "many patterns": " || ".join(["request.path.matches('^/[^/]+/[^/]+$')"] * 40),
    "a sum of texts": "(" + " + ".join(["request.path"] * 22) + ") == 'x'",
    "sums in a list": "[" + ", ".join(["request.path + request.query"] * 33) + "].size() == 1",
    "a map of sums": "{"
    + ", ".join(f"'{key}': request.path + request.query" for key in range(33))
    + "} == {}",
    "choices": "["
    + "request.method == 'a' ? request.path + 'a' : " * 20
    + "'x'].map(a, a+a).map(a, a+a).map(a, a+a).map(a, a+a).map(a, a+a).map(a, a+a) == []",
    # Envoy copies what it is asked for, each time; of a header that came several times also to find out
    # whether it is there.
    "reading a text in loops": f"{HEADERS}.all(a, {HEADERS}.all(b, request.query != 'x'))",
    "reading one header in loops": f"{HEADERS}.all(a, {HEADERS}.all(b, {HEADERS}['a'] != 'x'))",
    "reading one header in other words": f"{HEADERS}.all(a, {HEADERS}.all(b, {HEADERS}.a != 'x'))",
    "reading headers of two names": f"{HEADERS}.all(a, {HEADERS}.all(b, {HEADERS}['a'] != {HEADERS}['b']))",
    "reading a header whose name is made": f"{HEADERS}.all(a, {HEADERS}.all(b, {HEADERS}[dyn('a' + 'b')] != 'x'))",  # noqa: E501 - to be read as one
    "asking whether a header is there": f"{HEADERS}.all(a, {HEADERS}.all(b, 'a' in {HEADERS}))",
    "asking for it in other words": f"{HEADERS}.all(a, {HEADERS}.all(b, has({HEADERS}.a)))",
    "reading a header of what is dynamic": f"{HEADERS}.all(a, {HEADERS}.all(b, dyn(request)['headers']['a'] != 'x'))",  # noqa: E501 - to be read as one
    "reading a header of a choice": f"{HEADERS}.all(a, {HEADERS}.all(b, (a == b ? {HEADERS} : {HEADERS})['a'] != 'x'))",  # noqa: E501 - to be read as one
    "reading a header from a list": f"[{HEADERS}, {HEADERS}].all(m, {HEADERS}.all(a, {HEADERS}.all(b, m['a'] != 'x')))",  # noqa: E501 - to be read as one
    "messages": f"{HEADERS}.all(h, google.protobuf.StringValue{{value: request.path}} != 'x')",
    "messages that are texts": "[google.protobuf.StringValue{value: request.path}]"
    + ".map(a, a+a)" * 12
    + "[0] == 'x'",
}


@pytest.mark.row(172)
@pytest.mark.parametrize("name", BOMBS)
def test_what_would_take_too_much_is_refused_with_the_number_and_the_budget(name: str) -> None:
    def refuse() -> None:
        with pytest.raises(
            ExpressionError, match=r"line 1, column \d+: it may take \d+ (bytes|steps) of a gateway"
        ):
            check_predicate(BOMBS[name])

    assert times_as_long(refuse, _a_usual_check) < 500


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        (
            "request.method == 'a' && request.path.matches('(a|b|c){1,200}(d|e){1,200}')",
            (
                "steps of a gateway, most of them here, by the regular expression "
                "'(a|b|c){1,200}(d|e){1,200}', whose counts in {..} each make as many copies; at most "
            ),
        ),
        (
            "request.path.split('/').map(a, request.path.split('/').map(b, queryMap(a))).size() > 1",
            "most of them here, by queryMap(",
        ),
    ],
)
def test_what_costs_is_said(expression: str, part: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        check_predicate(expression)
    assert part in str(caught.value)


def test_the_part_that_costs_is_named() -> None:
    sums = " + ".join("b" * 18)
    expression = f"request.method == 'a' &&\n [request.path].map(a, a).map(b, {sums})[0] == ''\n&& 1 == 1"
    with pytest.raises(ExpressionError) as caught:
        check_predicate(expression)
    assert str(caught.value) == (
        "line 2, column 100: it may take 11272352 bytes of a gateway's memory, most of them here; "
        "at most 8388608 are possible (expression-memory)"
    )


HONEST = [
    "request.method == 'POST' && request.url_path.startsWith('/toys')",
    "request.headers.exists(h, h == 'x-tenant' && request.headers[h] == 'a')",
    "request.headers.exists(h, h.startsWith('x-') && request.headers[h].matches('^Bearer [a-z]+$'))",
    "request.headers['authorization'].startsWith('Bearer ') && request.headers['x-user'] in ['a', 'b', 'c']",
    "request.url_path.matches('^/api/v[0-9]+/users/[^/]+/orders$')",
    "request.host.matches('^[a-z]+[.]example[.]com(:[0-9]+)?$')",
    "request.path.contains('/admin/') || request.query.contains('debug=true')",
    "!('x-skip' in request.headers) && request.headers.filter(h, h in ['a', 'b', 'c']).size() < 2",
    "source.address.startsWith('10.') && request.time.getDayOfWeek('Europe/Berlin') in [0, 6]",
    " && ".join(f"request.headers['x-{number}'] != 'v'" for number in range(60)),
    "request.path in [" + ", ".join(f"'/toys/{number}'" for number in range(200)) + "]",
]


@pytest.mark.parametrize("expression", HONEST)
def test_honest_expressions_are_far_from_the_budget(expression: str) -> None:
    cost = check_predicate(expression)
    assert cost.steps * 4 <= DEFAULT.expression_steps
    assert cost.memory * 4 <= DEFAULT.expression_memory


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("request.path", "request.path + request.path"),
        ("string(request.size == 1)", "string(request.headers.exists(h, h == 'a'))"),
        (
            "string(request.headers.exists(h, h == 'a'))",
            "string(request.headers.exists(h, request.headers.exists(g, g == h)))",
        ),
        ("string(request.path.matches('a'))", "string(request.path.matches('a{10}'))"),
        ("string(request.headers.map(h, h).size())", "string(request.headers.map(h, h + h).size())"),
        ("string(request.path.contains('a'))", "string(request.path.contains(request.method + 'aaaaa'))"),
        ("string('a' in ['a'])", "string('a' in ['a', request.path])"),
    ],
)
def test_more_costs_more(smaller: str, larger: str) -> None:
    less, more = check_counter(smaller), check_counter(larger) if "method" not in larger else None
    if more is None:
        with pytest.raises(ExpressionError):
            check_counter(larger)
    else:
        assert (more.steps, more.memory) > (less.steps, less.memory)


NESTINGS: dict[str, Callable[[int], str]] = {
    "(": lambda number: "(" * number + "true" + ")" * number,
    "( alone": lambda number: "(" * number,
    "[": lambda number: "[" * number + "]" * number,
    "{": lambda number: "{1:" * number + "1" + "}" * number,
    "!": lambda number: "!" * number + "true",
    "-": lambda number: "-" * number + "1 == 1",
    "?:": lambda number: "true ? true : " * number + "true",
    "? within": lambda number: "true ? " * number + "true" + ": true" * number,
    "call": lambda number: "size(" * number + ")" * number,
    "index": lambda number: "request" + "[0]" * number,
    "select": lambda number: "request" + ".a" * number,
    "+": lambda number: "1" + "+1" * number + " == 1",
    "&&": lambda number: "true" + "&&true" * number,
    "||": lambda number: "true" + "||true" * number,
    "map": lambda number: "[1]" + ".map(x,x)" * number,
    "map within": lambda number: "[1].map(x," * number + "1" + ")" * number,
    "all within": lambda number: "[1].all(x," * number + "true" + ")" * number,
    "has": lambda number: "has(" * number + "request.a" + ")" * number,
    "list": lambda number: "[" + "1," * number + "1] == []",
    "text": lambda number: "'" + "a" * number + "' == ''",
    "escapes": lambda number: "'" + "\\u0041" * number + "' == ''",
    "quotes": lambda number: "'" * number,
    "comments": lambda number: "//\n" * number + "true",
    "names": lambda number: "a " * number,
    "é": lambda number: "é" * number,
}


@pytest.mark.parametrize("name", NESTINGS)
def test_no_text_keeps_the_check_busy(name: str) -> None:
    """Whatever is short enough to be looked at is taken or refused at once."""
    longest = max(
        number for number in range(LONGEST_EXPRESSION) if len(NESTINGS[name](number)) <= LONGEST_EXPRESSION
    )

    def look() -> None:
        for text in (NESTINGS[name](longest), NESTINGS[name](12 * longest)):
            with suppress(ExpressionError):
                check_predicate(text)

    assert times_as_long(look, _a_usual_check) < 1000


def _a_usual_check() -> None:
    # Another one each time: what has been checked is remembered.
    check_predicate(f"request.method == 'POST' && request.path.startsWith('/{next(_NUMBERS)}')")


_NUMBERS = count()
_TEXTS = st.sampled_from(["request.path", "request.query", "'a'", "request.method", "string(request.size)"])
_SMALL = st.recursive(
    _TEXTS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: f"({two[0]} + {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"[{two[0]}, {two[1]}][0]"),
        st.tuples(inner, inner).map(lambda two: f"[{two[0]}].map(x, x + {two[1]})[0]"),
        st.tuples(inner, inner).map(lambda two: f"[{two[0]}, {two[1]}].map(x, x + x).filter(y, true)[1]"),
        st.tuples(inner, inner).map(lambda two: f"(size({two[0]}) > 3 ? {two[0]} : {two[1]})"),
        inner.map(lambda one: f"{{'k': {one}}}['k']"),
        inner.map(lambda one: f"string(bytes({one}))"),
        inner.map(lambda one: f"string(dyn({one}))"),
        inner.map(lambda one: f"request.headers.map(h, h + {one})[0]"),
        inner.map(lambda one: f"request.headers.map(h, request.headers[h] + {one})[1]"),
    ),
    max_leaves=8,
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(_SMALL)
def test_what_is_taken_makes_no_text_that_is_larger_than_its_estimate(expression: str) -> None:
    """As the engine itself evaluates it, for a request that is as large as it can be."""
    try:
        cost = check_counter(expression)
    except ExpressionError:
        return
    roots = {
        "request": {
            "path": "p" * REQUEST_BYTES,
            "query": "q" * REQUEST_BYTES,
            "method": "m" * REQUEST_BYTES,
            "size": 12345,
            # One may have all there is.
            "headers": {"n" * REQUEST_BYTES: "v", "x": "v" * REQUEST_BYTES},
        }
    }
    environment = cel.NewEnv(variables=dict.fromkeys(roots, cel.Type.DYN))
    value = environment.compile(f"string({expression})").eval(data=roots)
    assert value.type() != cel.Type.ERROR
    # What is not made anew is a part of the request.
    assert len(value.plain_value()) <= cost.memory + REQUEST_BYTES
