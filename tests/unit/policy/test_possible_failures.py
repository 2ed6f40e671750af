"""What fails for some request is found, and nothing that no request can make fail.

Both are held to what the expressions come to for requests with and without everything that they ask for.
"""

from __future__ import annotations

import random
from contextlib import suppress
from itertools import product
from typing import TYPE_CHECKING

import pytest

from kuadrant.policy.expression_check import check_predicate, checked
from kuadrant.policy.expression_error import ExpressionError
from kuadrant.policy.possible_failures import failing
from kuadrant.policy.request_facts import Entries
from kuadrant.reference_model import Request
from kuadrant.reference_model import expressions as evaluation
from kuadrant.reference_model.expressions import EvaluationError
from tests.unit.expressions.generated_expressions import Expressions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Fuzz

FAIL_FOR_SOME = (
    "request.headers['x']=='y'",
    "request.path.split('/')[2]=='a'",
    "request.path.substring(6,9)=='abc'",
    "queryMap(request.query)['b']=='c'",
    "request.headers[?'x'].value()=='a'",
    "request.referer=='a'",
    "int(request.headers['x'])>1",
    "int(request.query)>1",
    "request.headers['x']=='a' || request.method=='GET'",
    "('x' in request.headers || request.method=='GET') && request.headers['x']=='a'",
    "request.path.charAt(3)=='a'",
    "request.path.split('?')[1]=='a'",
    "has(request.headers.x) ? request.headers.y=='a' : true",
    "request.headers.exists(h, request.headers['z']==h)",
    "10/request.size > 1",
    "request.path.substring(0, request.path.indexOf('?'))=='a'",
    "request.headers['x'].split(',')[1]=='a'",
    "!('x' in request.headers) || request.headers['y']=='1'",
    "cel.bind(h, request.headers, h['x']=='a')",
    "request.headers['x']!='a' && request.headers['x']!='b'",
    "request.?referer.value()=='a'",
    "source.address.substring(0, source.address.indexOf('::'))=='1'",
    "request.path.split('/').filter(x, x!='')[0]=='a'",
    "request.path.split('/')[2].size()>1 || request.path.startsWith('/a')",
    "request.headers[request.path]=='a'",
    "cel.bind(a, request.headers, cel.bind(a, a['x'], a=='y'))",
    "cel.bind(a, request.headers[?'x'], cel.bind(a, a.or(a), a.value()=='y'))",
    "auth.identity.sub=='a'",
    "auth.identity['sub']=='a'",
    "has(auth.identity) && auth.identity.sub=='a'",
    "has(auth.identity.sub) && auth.identity.level > 2.0",
)

FAIL_FOR_NONE = (
    "1 < cel.bind(a, request.path, cel.bind(b, size(a), b))",
    "cel.bind(a, size(request.path), a > 1)",
    "[1].exists(a, cel.bind(a, a + request.size, a > 1))",
    "cel.bind(a, request.headers[?'x'], cel.bind(a, a.hasValue(), a))",
    "'x' in request.headers && request.headers['x']=='y'",
    "request.headers['x']=='y' && 'x' in request.headers",
    "!('x' in request.headers) || request.headers['x']=='1'",
    "'x' in request.headers ? request.headers['X']=='a' : false",
    "has(request.referer) && request.referer=='a'",
    "request.path.split('/')[1]=='a'",
    "size(request.path.split('/'))>2 && request.path.split('/')[2]=='a'",
    "request.path.split('/').size()>=3 ? request.path.split('/')[2]=='a' : false",
    "request.path.startsWith('/abcdefgh') && request.path.substring(6,9)=='abc'",
    "size(request.path)>=9 && request.path.substring(6,9)=='a'",
    "'b' in queryMap(request.query) && queryMap(request.query)['b']=='c'",
    "'b' in queryMap(request.query) && queryMap(request.query).b=='c'",
    "request.headers[?'x'].orValue('')=='a'",
    "request.headers[?'x'].hasValue() && request.headers[?'x'].value()=='a'",
    "request.headers['host']=='a'",
    "request.headers['x-forwarded-proto']=='a'",
    "request.headers.host=='a'",
    "request.headers[':authority']=='a'",
    "request.id=='a'",
    "request.headers[?'x'].optMap(v, v+'a').orValue('b')=='c'",
    "request.headers.exists(h, request.headers[h]=='a')",
    "request.headers['x'].matches('^[0-9]+$') && int(request.headers['x'])>1 && 'x' in request.headers",
    "'x' in request.headers && request.headers['x'].matches('^[0-9]+$') && int(request.headers['x'])>1",
    "request.size > 0 && 10/request.size>1",
    "request.path.contains('?') && request.path.split('?')[1]=='a'",
    "request.path.contains('?') && request.path.substring(0, request.path.indexOf('?'))=='a'",
    "request.headers.?x.orValue('a')=='a'",
    "optional.of(1).value()==1",
    "request.path.split('/').size() > 2 && request.path.split('/')[2] == 'x' || false",
    "cel.bind(h, request.headers, 'x' in h && h['x']=='a')",
    "cel.bind(p, request.path.split('/'), size(p) > 3 ? p[3]=='a' : false)",
    "{'a': 1}['a']==1",
    "request.headers['x-request-id']=='a'",
    "request.path.split('/').filter(x, x!='').size() > 0 && request.path.split('/').filter(x, x!='')[0]=='a'",
    "request.headers['x'] == 'a' || true",
    "source.address.split(':')[1]=='1'",
    "source.address.substring(0, source.address.lastIndexOf(':'))=='1.2.3.4'",
    "destination.address.substring(destination.address.indexOf(':'))==':80'",
    "request.path.substring(request.path.indexOf('/'))=='/a'",
    "request.url_path.substring(0, request.url_path.lastIndexOf('/'))=='/a'",
    "'x' in request.headers && request.headers.x in ['1','2'] && int(request.headers.x)==1",
    "request.headers[?'a'].or(request.headers[?':path']).value()=='x'",
    "request.path.substring(1)=='a'",
    "request.path.split('/').exists(s, s=='a')",
    "has(auth.identity.sub) && auth.identity.sub=='a'",
    "'sub' in auth.identity ? auth.identity['sub']=='a' : false",
    "auth.identity.?sub.orValue('')=='a'",
    "auth.identity[?'sub'].orValue('')=='a'",
    "!has(auth.identity.sub) || auth.identity.sub=='a'",
)


def requests() -> Iterator[Request]:
    """Requests with and without the headers, segments and parameters that are asked for."""
    headers = product((None, "", "a", "1", "a,b", "true"), (None, "a"), (None, "1"), (None, "http://a.x/"))
    targets = ("/", "/toys", "/a/b", "/a/b/c/d", "/abcdefghij", "/?", "/x?b=c", "/a/b?b=&c=1", "/?12")
    for number, (x, y, z, referer) in enumerate(headers):
        given = (
            ("x", x),
            ("y", y),
            ("z", z),
            ("referer", referer),
            ("content-length", (None, "0", "5")[number % 3]),
        )
        yield Request(
            authority="a.x",
            method=("GET", "POST")[number % 2],
            target=targets[number % len(targets)],
            headers=(
                *((name, value) for name, value in given if value is not None),
                ("x-forwarded-for", "10.0.0.7"),
                ("x-forwarded-proto", "http"),
                ("x-request-id", "1"),
            ),
            attributes={
                ("source", "address"): "10.0.0.7:4711",
                ("destination", "address"): "10.0.0.1:80",
                ("auth", "identity"): {"sub": "a"} if number % 3 else {},
            },
        )


def fails_for_some(expression: str) -> bool:
    return any(fails(expression, request) for request in requests())


def fails(expression: str, request: Request) -> bool:
    try:
        evaluation.Expressions(request).holds(expression)
    except EvaluationError:
        return True
    return False


@pytest.mark.parametrize("expression", FAIL_FOR_SOME)
def test_what_fails_for_some_request_is_found(expression: str) -> None:
    check_predicate(expression, identity=True)
    assert fails_for_some(expression)
    assert failing([checked(expression)], [], [])


@pytest.mark.parametrize("expression", FAIL_FOR_NONE)
def test_what_fails_for_no_request_is_not_told(expression: str) -> None:
    check_predicate(expression, identity=True)
    assert not fails_for_some(expression)
    assert failing([checked(expression)], [], []) == ()


def test_what_a_condition_asks_for_is_there_for_counters_and_what_is_exempt_is_not() -> None:
    user, asks = checked("request.headers['x']"), checked("'x' in request.headers")
    without = checked("!('x' in request.headers)")
    assert failing([asks], [], [user]) == ()
    assert failing([], [without], [user]) == ()
    assert [one.expression for one in failing([], [asks], [user, user])] == [1]
    assert failing([], [], [user], Entries(present=frozenset({("request.headers", "'x'")}))) == ()


def test_many_headers_are_found_one_by_one() -> None:
    names = [f"h{number}" for number in range(12)]
    guarded = " && ".join(f"'{name}' in request.headers" for name in names)
    reads = " + ".join(f"request.headers.{name}" for name in names)
    assert failing([checked(guarded)], [], [checked(reads)]) == ()
    assert {one.need.what for one in failing([], [], [checked(reads)])} == {f"'{name}'" for name in names}


@pytest.mark.parametrize(
    ("first", "next_"),
    [
        ("request.headers['x'] == 'a'", "{0} == {0}"),
        ("request.headers['x'] == 'a'", "{0} ? {0} : {0}"),
        ("optional.of(request.headers['x'] == 'a')", "{0}.hasValue() ? {0} : {0}.or({0})"),
    ],
)
def test_a_name_is_looked_at_once_however_often_it_is_read(first: str, next_: str) -> None:
    """Names of names would be looked at 2 to the power of 24 times."""
    expression = "v24" if first.startswith("request") else "v24.value()"
    for number in range(24, 0, -1):
        expression = f"cel.bind(v{number}, {next_.format(f'v{number - 1}')}, {expression})"
    (found,) = failing([checked(f"cel.bind(v0, {first}, {expression})")], [], [])
    assert found.need.what == "'x'"


def test_of_hundreds_of_needs_the_first_are_told() -> None:
    conditions = [checked(f"request.headers['h{number}'] == 'a'") for number in range(1000)]
    found = [one.expression for one in failing(conditions, [], [])]
    assert 0 < len(found) < 100
    assert found == list(range(len(found)))


def test_fuzz_no_expressions_are_too_odd(fuzz: Fuzz) -> None:
    dice = random.Random(fuzz.seed)
    made, number, several = Expressions(dice), int(300 * fuzz.scale), 0
    for n in range(number):
        texts = [made.make() for _ in range(2)]
        found = []
        for text in texts:
            with suppress(ExpressionError):
                check_predicate(text)
                found.append(checked(text))
        try:
            failing(found, found[:1], found[1:])
        except Exception as error:
            error.add_note(f"FUZZ_SEED={fuzz.seed}, expressions {n}: {texts}")
            raise
        several += bool(found)
    assert several
    fuzz.done(f"pairs of expressions, {several} of them sound", number)


def test_a_route_may_say_how_many_segments_a_path_has() -> None:
    third = checked("request.path.split('/')[2]")
    (found,) = failing([], [], [third])
    assert (found.offset, found.need.least) == (23, 3)
    assert failing([], [], [third], lengths={"request.path.split('/')": 3}) == ()


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("request.path.substring(-1) == 'a'", "column 23: it always fails: no text has a place before"),
        ("request.path.substring(0, -2) == 'a'", "it always fails: no text has a place before its begin: -2"),
        (
            "request.path.substring(9, 6) == 'a'",
            "it always fails: a part of a text does not end, at 6, before",
        ),
        ("request.path.charAt(-1) == 'a'", "it always fails: no text has a place before its begin: -1"),
        (
            "request.path.split('/')[-1] == 'a'",
            "it always fails: no list has the place -1; the first one is 0",
        ),
        ("request.method == 'GET' || request.path.split('/')[-1] == 'a'", "it always fails"),
    ],
)
def test_a_place_that_no_text_and_no_list_has_is_refused(expression: str, why: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        check_predicate(expression, identity=True)
    assert why in str(refused.value)
    assert fails(expression.rpartition("|| ")[2], next(requests()))
