"""What an expression comes to that has no value."""

from __future__ import annotations

import pytest

from kuadrant.reference_model import EvaluationError, Expressions, Request


@pytest.mark.parametrize(
    "expression",
    [
        "request.referer == 'a'",
        "request.path",
        # A key that the map has twice, as only a request tells.
        "{request.host: 1, request.headers['host']: 2}.size() == 2",
    ],
)
def test_a_predicate_without_a_truth_fails(expression: str) -> None:
    with pytest.raises(EvaluationError):
        Expressions(Request(authority="a.com")).holds(expression)
