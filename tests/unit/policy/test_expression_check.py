"""Expressions are checked against what the gateway has when it evaluates them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.policy.attribute_types import typed
from kuadrant.policy.cel_environment import untyped
from kuadrant.policy.expression_check import check_counter, check_predicate
from kuadrant.policy.expression_error import ExpressionError


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
        (
            "auth.identity.user == 'a'",
            "line 1, column 14: there is no 'auth.identity.user': nothing here authenticates requests",
        ),
        ("author == 'a'", "line 1, column 1: undeclared reference to 'author'"),
        (
            "has(request.headers['x-user'])",
            (
                "line 1, column 20: has() asks for a field, such as has(request.referer); "
                "for a header, write 'x-user' in request.headers"
            ),
        ),
        ("true &&\n  nope", "line 2, column 3: undeclared reference to 'nope'"),
        ("'é' == nope", "line 1, column 8: undeclared reference to 'nope'"),
        ("request.method = 'POST'", "line 1, column 16: = is no operator; == compares"),
        ("'%d'.format([1]) == 'a'", "line 1, column 12: the gateway has no function 'format'"),
        ("true\n&& queryMaps('') == {}", "line 2, column 13: the gateway has no function 'queryMaps'"),
        (
            "request.method == 1",
            "line 1, column 16: found no matching overload for '_==_' applied to '(string, int)'",
        ),
        ("request.method", "a predicate must be true or false, this is of type string"),
        ("", "line 1, column 1: it is empty; write one such as request.method == 'POST'"),
    ],
)
def test_a_mistake_is_told_with_its_place(expression: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        check_predicate(expression)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "call",
    [
        "'%s'.format([request.path])",
        "getHostProperty(['a'])",
        "requestBodyJSON('/a')",
        "math.greatest(1, 2)",
        "sets.contains([1], [1])",
        "[optional.of('a')].unwrapOpt()[0]",
        "{'a': 'b'}.exists(k, v, v == 'b') ? 'a' : 'b'",
        "request.?referer",
    ],
)
def test_a_function_that_the_gateway_does_not_have_is_refused(call: str) -> None:
    with pytest.raises(ExpressionError):
        check_counter(call)


@pytest.mark.parametrize(
    "call",
    [
        "request.path.lowerAscii()",
        "request.path.split('/')[0]",
        "request.path.split('/').map(x, x.trim()).filter(x, x != '').join('-')",
        "queryMap(request.query)['a']",
        "request.path.charAt(0)",
        "request.path.indexOf('a')",
        "request.path.replace('a', 'b')",
        "request.path.substring(1)",
        "['a'].join()",
        "cel.bind(x, 1, x)",
        # A name that is bound anew has what it was before in what it is bound to.
        "cel.bind(a, request.path, cel.bind(a, a + a, a))",
        "cel.bind(request, request.path, request)",
        "request.headers[?'a'].orValue('')",
        "request.?referer.optMap(x, x + '!').orValue('')",
    ],
)
def test_a_function_that_the_module_has_is_taken(call: str) -> None:
    check_counter(call)


@pytest.mark.parametrize(
    "attribute",
    ["source.local_address", "auth.identity.username", "request.body", "response.code", "request.duration"],
)
def test_an_attribute_that_does_not_exist_in_the_request_phase_is_refused(attribute: str) -> None:
    with pytest.raises(ExpressionError):
        check_counter(attribute)


@pytest.mark.parametrize("expression", ["[request.path]", "request.headers", "null", "type(1)", "request"])
def test_a_counter_without_a_value_that_can_be_written_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError, match="a counter must have a value that can be written as text"):
        check_counter(expression)


def test_such_a_type_is_refused_beside_what_only_types_allow() -> None:
    with pytest.raises(ExpressionError):
        check_predicate("[?request.headers[?'x']] == [] && type(request) == kuadrant.attributes.request")


@pytest.mark.row(159)
@pytest.mark.parametrize("expression", ["true) || (true", "(" * 32 + "true" + ")" * 32])
def test_an_expression_that_does_not_stand_in_parentheses_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        check_predicate(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "kuadrant.attributes.request{} == request",
        "type(request) == kuadrant.attributes.request",
    ],
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


@pytest.mark.row(171)
@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 / 0 == 0", "line 1, column 3: it always fails: divide by zero"),
        ("1 % 0 == 0", "line 1, column 3: it always fails"),
        ("request.size / 0 == 1", "line 1, column 14: it always fails: divide by zero"),
        ("int('a') == 1", "it always fails: cannot convert string to int"),
        ("timestamp('x') < request.time", "line 1, column 10: it always fails"),
        ("duration('x') == duration('1s')", "it always fails"),
        ("int(request.time - timestamp('2025-01-01T12:00:00Z')) > 5", "column 4: it always fails: int"),
        ("int(duration('1s')) == 1", "it always fails: int takes no duration"),
        ("duration(request.size) > duration('1s')", "column 9: it always fails: duration takes no number"),
        ("'abc'.substring(1, 4) == ''", "it always fails: substring(1, 4) of a text of 3 characters"),
        ("[1][5] == 1", "it always fails: Index error"),
        ("{'a': 1}['b'] == 1", "it always fails: Key not found"),
        ("dyn(1) + dyn('a') == 1", "it always fails"),
        ("request.method == 'a' || [0].map(x, 1 / x)[0] == 1", "it always fails: divide by zero"),
        ("request.headers.exists(h, 9223372036854775807 + 1 == 0)", "it always fails"),
        ("request.path.matches('(?!x)')", "not a regular expression of RE2: invalid perl operator: (?!"),
        ("request.path.matches('[')", "not a regular expression of RE2: missing ]: ["),
        ("'a'.matches('a{2000}')", "not a regular expression of RE2: invalid repetition size"),
        ("request.path.matches(request.query)", "it may take"),
        ("'a'.matches(request.method == 'x' ? 'a' : 'b')", "has to be written there as a text"),
        ("request.time.getHours('No/Where') == 1", "it always fails: Invalid timezone"),
        ("request.time.getHours(request.path) == 1", "has to be written there as a text"),
        # Whatever else a machine takes for a time zone is a file, which may be a pipe that is never written
        # to.
        ("request.time.getHours('/etc/localtime') == 1", "takes a time zone such as Europe/Berlin or +01:00"),
        ("request.time.getHours('file:/etc/localtime') == 1", "takes a time zone"),
        ("request.time.getHours('libc:localtime') == 1", "takes a time zone"),
        ("request.time.getHours('../zoneinfo/UTC') == 1", "takes a time zone"),
        ("request.time.getHours('Europe/../UTC') == 1", "takes a time zone"),
        ("request.time.getHours('') == 1", "takes a time zone"),
        ("timestamp('2024-01-01T00:00:00Z').getHours('/etc/localtime') == 1", "takes a time zone"),
        ("timestamp('2024-01-01T00:00:00Z').getHours('/etc/' + 'localtime') == 1", "has to be written there"),
        ("dyn(1)", "a predicate must be true or false, this is of type int"),
        ("dyn('true')", "a predicate must be true or false, this is of type string"),
    ],
)
def test_what_can_only_fail_is_told_with_its_place(expression: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        check_predicate(expression)
    assert message in str(caught.value)
    assert str(caught.value).startswith("line 1, column ")


@pytest.mark.parametrize(
    "expression",
    [
        "request.size / 2 == 1",
        "int(request.headers['x']) / int(request.headers['y']) == 1",
        "request.time.getHours('Europe/Berlin') < 8",
        "request.time.getHours('+05:30') < 8 && request.time.getHours('America/Argentina/Buenos_Aires') < 8",
        "timestamp('2024-01-01T00:00:00Z').getHours('Etc/GMT+12') == 12",
        "dyn(true)",
        "timestamp('2024-01-01T00:00:00Z') < request.time",
        "{'a': 1}['a'] == request.size",
        "'x'.matches('x') && request.path.matches('^/(a|b)$')",
        "[1, 2].map(x, x / 2) == [request.size]",
    ],
)
def test_what_may_work_is_taken(expression: str) -> None:
    check_predicate(expression)


def test_a_text_that_is_too_long_or_has_control_characters_is_refused_before_it_is_read() -> None:
    with pytest.raises(ExpressionError, match="it has 4097 characters, at most 4096 are possible"):
        check_predicate("(" * 4097)
    with pytest.raises(
        ExpressionError,
        match=r"line 2, column 3: a control character; write it as an escape, such as \\u0000",
    ):
        check_counter("1 ==\n '\0'")
    check_counter('request.headers["x\\u0000"]')


def test_the_remote_address_can_stand_within_an_expression() -> None:
    check_predicate("source.remote_address == '127.0.0.1' || source.remote_address.startsWith('10.')")
    check_counter("source.remote_address + '/' + request.method")
    with pytest.raises(ExpressionError, match="a predicate must be true or false"):
        check_predicate("source.remote_address")


@pytest.mark.parametrize(
    "expression", ["{[]: 1}", "{1.5: true}", "{null: 1}", "{request.headers: 1}", "[{b'x': 1}]"]
)
def test_a_map_with_keys_that_no_map_has_is_refused(expression: str) -> None:
    for check in (check_predicate, check_counter):
        with pytest.raises(ExpressionError):
            check(expression)


_ATOMS = st.sampled_from(
    [
        "request.path",
        "request.headers",
        "request.headers['x']",
        "request.size",
        "request.time",
        "metadata",
        "metadata.a",
        "'a'",
        "b'x'",
        "1",
        "1u",
        "1.5",
        "true",
        "null",
        "[]",
        "{}",
        "[1,2]",
        "{'a':1}",
        "duration('1s')",
        "x",
        "source.port",
        "9223372036854775807",
        "''",
        "request",
        "int",
    ]
)
_EXPRESSIONS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.tuples(
            inner, st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||", "in"]), inner
        ).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} ? {parts[1]} : {parts[2]})"),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]}[{parts[1]}]"),
        st.tuples(inner, st.sampled_from(["map", "all", "exists", "exists_one", "filter"]), inner).map(
            lambda parts: f"{parts[0]}.{parts[1]}(x, {parts[2]})"
        ),
        st.tuples(inner, inner).map(lambda parts: f"{{{parts[0]}: {parts[1]}}}"),
        st.tuples(
            st.sampled_from(["string", "int", "size", "bytes", "dyn", "timestamp", "has", "type"]), inner
        ).map(lambda parts: f"{parts[0]}({parts[1]})"),
        st.tuples(inner, st.sampled_from(["contains", "matches", "getHours", "startsWith"]), inner).map(
            lambda parts: f"{parts[0]}.{parts[1]}({parts[2]})"
        ),
        inner.map(lambda one: f"-{one}.a"),
    ),
    max_leaves=12,
)


@given(_EXPRESSIONS)
def test_no_expression_is_anything_but_taken_or_refused(expression: str) -> None:
    for check, within in ((check_predicate, "({}\n) ? true : false"), (check_counter, "string({}\n)")):
        with suppress(ExpressionError):
            check(expression)
            # What is taken is so without types, too, and within what a module may make of it.
            untyped().compile(within.format(expression))


@pytest.mark.parametrize("depth", range(40))
def test_what_is_taken_is_not_too_deep_within_what_a_module_makes_of_it(depth: int) -> None:
    for opening, closing in (
        ("(", ")"),
        ("[", "][0]"),
        ("-", ""),
        ("!", ""),
        ("true ? ", " : false"),
        ("[1][", "]"),
    ):
        inner = "0" if opening[-1] in "-[" else "true"
        with suppress(ExpressionError):
            expression = opening * depth + inner + closing * depth
            check_counter(expression)
            untyped().compile(f"string({expression}\n)")


def test_an_expression_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    class Counting:
        def __init__(self, environment: Any) -> None:
            self._environment = environment

        def __getattr__(self, name: str) -> Any:
            return getattr(self._environment, name)

        def compile(self, expression: str) -> Any:
            compiled.append(expression)
            return self._environment.compile(expression)

    monkeypatch.setattr("kuadrant.policy.expression_check.typed", lambda **more: Counting(typed(**more)))
    monkeypatch.setattr("kuadrant.policy.untyped_expression.untyped", lambda: Counting(untyped()))
    expression = "request.headers['x-compiled-once'] == 'a' && request.method == 'GET'"
    check_predicate(expression)
    check_predicate(expression, identity=True)
    assert compiled == [expression]


@pytest.mark.parametrize(
    ("expression", "place", "type_"),
    [
        ("dyn(request.headers)", 12, "map"),
        ("dyn(dyn(request))", 9, "message"),
        ("dyn([1])", 5, "list"),
        ("dyn(null)", 5, "null"),
        ("dyn(type(request.path))", 9, "type"),
        ("request.method == 'GET' ? dyn('a') : dyn(request.headers)", 49, "map"),
        ("[dyn(request.headers), dyn(1)][0]", 13, "map"),
        ("{'a': dyn(request.headers)}['a']", 18, "map"),
    ],
)
def test_a_counter_that_hides_that_it_is_no_single_value_is_refused(
    expression: str, place: int, type_: str
) -> None:
    with pytest.raises(ExpressionError) as refused:
        check_counter(expression)
    assert str(refused.value) == (
        f"line 1, column {place}: a counter must have a value that can be written as text, "
        f"this is of type {type_}"
    )


@pytest.mark.parametrize("hidden", ["request.path", "1", "request.headers", "request.time"])
def test_a_predicate_that_hides_that_it_is_not_true_or_false_is_refused(hidden: str) -> None:
    with pytest.raises(ExpressionError, match="a predicate must be true or false, this is of type"):
        check_predicate(f"dyn({hidden})")


@pytest.mark.parametrize(
    "expression",
    ["dyn(request.path)", "dyn(request.size)", "dyn(request.time)", "dyn(true)", "metadata.a.b", "xds.node"],
)
def test_what_is_or_may_be_a_single_value_is_a_counter(expression: str) -> None:
    check_counter(expression)


@pytest.mark.parametrize("expression", ["dyn(request.path == '/')", "metadata.a.b", "[dyn(true)][0]"])
def test_what_is_or_may_be_true_or_false_is_a_predicate(expression: str) -> None:
    check_predicate(expression)
