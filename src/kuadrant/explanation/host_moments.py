"""Finds what cannot be known of moments and durations that the gateway's own evaluator calculates with.

By CEL's definition there are none beyond the years 1 to 9999 and 292 years, and a calculation that leads
there fails. Envoy's evaluator goes on with a value of its own (docs/expressions.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.policy.checked_expression import parts
from kuadrant.policy.constant_folding import free_names
from kuadrant.policy.expression_text import text_of
from kuadrant.reference_model.expressions import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Callable

_CALCULATIONS: Final = frozenset({"_+_", "_-_", "timestamp"})
_BEYOND: Final = ("integer overflow", "timestamp overflow")
"""What the engine says where there is no such moment or duration."""


def beyond(checked: Any, value_of: Callable[[Any], object]) -> str:
    """Return the text of a part that leads to a moment that there is none of; empty if none does.

    To be asked of an expression that fails: where it has a value, that does not depend on a part that fails.
    A calculation with what is repeated may lead there, since its own values are not looked at.

    ``value_of`` evaluates a part, and raises ``EvaluationError`` where it fails.
    """
    overloads = {one.id: [*one.reference.overloads] for one in checked.references}
    names: dict[int, frozenset[str]] | None = None
    for part in parts(checked.expression):
        if part.call.function not in _CALCULATIONS or not _of_moments(overloads.get(part.id, [])):
            continue
        names = free_names(checked.expression) if names is None else names
        if names[part.id] & _repeated(checked.expression) or _fails_beyond(part, value_of):
            text = text_of(part)
            return text[1:-1] if text.startswith("(") else text  # an operator's are around it
    return ""


def _of_moments(overloads: list[str]) -> bool:
    return any("timestamp" in one or "duration" in one for one in overloads)


def _repeated(expression: Any) -> set[str]:
    """The names that repetitions, and ``cel.bind``, give to values."""
    loops = [one.comprehension for one in parts(expression) if one.HasField("comprehension")]
    return {
        name for loop in loops for name in (loop.variable, loop.second_variable, loop.accumulator) if name
    }


def _fails_beyond(part: Any, value_of: Callable[[Any], object]) -> bool:
    try:
        value_of(part)
    except EvaluationError as error:
        return any(words in str(error) for words in _BEYOND)
    return False
