"""Decides when a limit applies to a request, and what its counters are qualified by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.api.limit_keys import MOST_HITS
from kuadrant.policy.condition import ExpressionCondition, SelectorCounter
from kuadrant.reference_model.expressions import EvaluationError
from kuadrant.reference_model.glob import glob

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.policy.condition import Cost, Counter, PolicyCondition, SelectorCondition
    from kuadrant.reference_model.expressions import Expressions
    from kuadrant.reference_model.request import Request


def all_hold(conditions: Iterable[PolicyCondition], request: Request, expressions: Expressions) -> bool:
    """Tell whether all of ``conditions`` hold, which are as CEL's ``&&``.

    One that does not hold wins over one that fails, in whatever order they are.

    Raises:
        EvaluationError: One of them fails, and none is false.
    """
    failure: EvaluationError | None = None
    for condition in conditions:
        try:
            if not holds(condition, request, expressions):
                return False
        except EvaluationError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return True


def holds(condition: PolicyCondition, request: Request, expressions: Expressions) -> bool:
    """Tell whether ``condition`` holds.

    Raises:
        EvaluationError: It is an expression that fails.
    """
    if isinstance(condition, ExpressionCondition):
        return expressions.holds(condition.expression)
    return _compares(condition, request.text(condition.selector) or "")


def counted_by(counter: Counter, request: Request, expressions: Expressions) -> tuple[str, str | None]:
    """The descriptor key of ``counter`` and its value; None if the request has none.

    Raises:
        EvaluationError: It is an expression that fails.
    """
    if isinstance(counter, SelectorCounter):
        return counter.selector, request.text(counter.selector)
    return counter.expression, expressions.text(counter.expression)


def costs(cost: Cost | None, expressions: Expressions) -> int:
    """How many hits a request is; it is one where nothing is said of it.

    Raises:
        EvaluationError: It is an expression that fails, or gives no number of hits.
    """
    return 1 if cost is None else min(int(expressions.text(cost.hits)), MOST_HITS)


def _compares(condition: SelectorCondition, text: str) -> bool:  # noqa: PLR0911 - one for each operator
    value = condition.value
    match condition.operator:
        case "eq":
            return text == value
        case "neq":
            return text != value
        case "startswith":
            return text.startswith(value)
        case "endswith":
            return text.endswith(value)
        case "incl":
            return value in _items(text)
        case "excl":
            return value not in _items(text)
        case "matches":
            return glob(value).matches(text)


def _items(text: str) -> list[str]:
    return [item.strip(" \t") for item in text.split(",")]
