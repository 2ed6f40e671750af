"""What Google's implementation does otherwise than the definition of CEL is mended wherever it is asked."""

from __future__ import annotations

import pytest

from kuadrant.expressions import programs
from kuadrant.policy.cel_conformance import as_defined
from kuadrant.policy.checked_expression import parts
from kuadrant.policy.expression_check import check_predicate, checked
from kuadrant.reference_model import EvaluationError, Expressions, Request

REQUEST = Request(authority="a.com", target="/toys")


@pytest.mark.parametrize(
    "expression",
    [
        "'abc'.substring(1, 3) == 'bc'",
        "request.path.substring(1, size(request.path)) == 'toys'",
        "['a', 'b'].exists(x, x == 'a') ? cel.bind(y, 1, y) == 1 : false",
        "['a', 'b'].exists(x, x == 'a') && cel.bind(host, request.host, host == 'a.com')",
        "['a', 'b'].exists(x, x == 'a') && optional.of(request.host).optMap(y, y).value() == 'a.com'",
    ],
)
def test_checks_and_what_is_told_of_a_request_go_by_the_definition(expression: str) -> None:
    check_predicate(expression)
    assert Expressions(REQUEST).holds(expression)


def test_constants_of_programs_go_by_the_definition() -> None:
    written = programs.value("'bc' + request.path")
    assert programs.value("'abc'.substring(1, 3) + request.path") == written
    bound = "(['a', 'b'].exists(x, x == 'a') ? cel.bind(y, 'bc', y) : '')"
    assert programs.value(f"{bound} + request.path") == written


def test_a_failure_names_the_function_that_was_written() -> None:
    with pytest.raises(EvaluationError, match=r"substring\(1, 9\) of a text of 5 characters"):
        Expressions(REQUEST).holds("request.path.substring(1, 9) == ''")
    with pytest.raises(EvaluationError, match=r"\(int64\)\.substring"):
        Expressions(REQUEST).holds("request.size.substring(1, 9) == ''")


def test_repetitions_end_early_where_nothing_is_bound() -> None:
    tree = as_defined(checked("['a'].exists(x, x == 'a')"))
    (loop,) = (part.comprehension for part in parts(tree.expression) if part.HasField("comprehension"))
    assert not loop.condition.constant.HasField("bool")
