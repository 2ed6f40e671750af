"""When a limit applies to a request, and what its counters are qualified by."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from kuadrant.policy.condition import ExpressionCondition, SelectorCounter

if TYPE_CHECKING:
    from kuadrant.decide.expressions import Expressions
    from kuadrant.decide.request import Request
    from kuadrant.policy.condition import Condition, Counter, SelectorCondition


def holds(condition: Condition, request: Request, expressions: Expressions) -> bool:
    """Whether ``condition`` holds.

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
            return _glob(value).fullmatch(text) is not None


def _items(text: str) -> list[str]:
    return [item.strip(" \t") for item in text.split(",")]


_GLOB = re.compile(r"\\(?P<literal>.)|(?P<wildcard>[?*+])|(?P<character>.)", re.DOTALL)
_WILDCARDS = {"?": ".?", "*": ".*", "+": ".+"}


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    r"""``?`` is no or one character, ``*`` any number, ``+`` one or more; ``\`` takes the next one as it is."""
    parts = (
        _WILDCARDS[part["wildcard"]] if part["wildcard"] else re.escape(part["literal"] or part["character"])
        for part in _GLOB.finditer(pattern)
    )
    return re.compile("".join(parts), re.DOTALL)
