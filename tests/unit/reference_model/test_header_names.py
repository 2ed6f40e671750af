"""An expression finds a header in whatever case it names it; the names that it lists are in lower case."""

from __future__ import annotations

import pytest
from cel_expr_python import cel
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.reference_model import EvaluationError, Expressions, Request
from kuadrant.reference_model.header_names import in_lower_case

REQUEST = Request(authority="a.com", headers=(("x-user", "bob"), ("team", ""), ("name", "X-User"), ("k", "")))


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("request.headers['X-User'] == 'bob'", True),
        ('request.headers["x-USER"] == "bob"', True),
        ("'X-User' in request.headers", True),
        ("'X-Other' in request.headers", False),
        ("has(request.headers.Team) && request.headers.TEAM == ''", True),
        ("request.headers['Host'] == 'a.com'", True),
        ("request.headers['ho' + 'st'] == 'a.com'", True),
        ("request.headers.Host == request.headers[':Authority']", True),
        ("request.headers.exists(name, name == ':authority')", True),
        ("request.headers.exists(name, name == 'host')", False),
        ("[1].exists(any, request.headers['X-User'] == 'bob')", True),
        ("{'A': [request.headers['X-User']]}['A'][0] == 'bob'", True),
        ("request.headers['X-User'].startsWith('b')", True),
        ("request.headers['X-' + 'USER'] == 'bob'", True),
        ("['X-User'].exists(name, request.headers[name] == 'bob')", True),
        ("['X-User'].exists(name, name in request.headers)", True),
        ("request.headers[?request.headers['X-User']].orValue('none') == 'none'", True),
        ("request.headers[request.headers['Name']] == 'bob'", True),
        ("request.headers[?dyn(10)].hasValue()", False),
        ("dyn([10]).exists(name, name in request.headers)", False),
        ("'K' in request.headers", True),
        ("'\u212a' in request.headers", False),
        ("['\u212a'].exists(name, name in request.headers)", False),
        # Under whatever name all headers are.
        ("cel.bind(h, request.headers, h['X-User'] == 'bob' && 'X-USER' in h && h.TEAM == '')", True),
        ("cel.bind(h, request.headers, ['X-User'].all(name, h[name] == 'bob'))", True),
        ("cel.bind(h, request.headers, [{'h': 1}].all(h, !('H' in h)) && h['X-User'] == 'bob')", True),
        ("cel.bind(h, {'x-user': 'bob'}, 'X-User' in h)", False),
        ("optional.of(request.headers).optMap(h, h['X-User']).value() == 'bob'", True),
        ("request.?headers['X-User'].orValue('') == 'bob'", True),
        ("request.?headers.?Team.hasValue()", True),
        ("request.?headers.orValue({})['X-User'] == 'bob'", True),
        ("request['headers']['X-User'] == 'bob'", True),
        ("(request.method == 'GET' ? request.headers : {})['X-User'] == 'bob'", True),
        # Values, and other maps, are what they are.
        ("request.headers.exists(name, name == 'X-User')", False),
        ("request.headers['x-user'] == 'BOB'", False),
        ("'A' in {'a': 1}", False),
    ],
)
def test_case(expression: str, holds: bool) -> None:
    assert Expressions(REQUEST).holds(expression) is holds


def test_a_header_that_is_not_there_is_not_there() -> None:
    with pytest.raises(EvaluationError):
        Expressions(REQUEST).holds("request.headers['X-Other'] == ''")


@given(
    st.sampled_from(
        ["''", "'a'", "b''", "0", "false", "null", "1.5", "{}", "[]", "{'': ''}", "[1].all(x, x > 0)"]
    )
)
def test_everything_else_stays_as_it_is(text: str) -> None:
    environment = cel.NewEnv(variables={"request": cel.Type.DYN})
    compiled = environment.compile(text)
    again = in_lower_case(compiled)
    values = [one.eval(data={}) for one in (compiled, again)]
    assert len({(str(value.type()), repr(value.value())) for value in values}) == 1
