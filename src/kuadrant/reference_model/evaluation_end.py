"""Foresees that the module ends an evaluation, since its regular expressions alone take too many steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.policy.checked_expression import children, kind, pattern_of
from kuadrant.policy.expression_text import quoted, text_of
from kuadrant.reference_model.pattern_steps import MOST_STEPS, at_most, steps

if TYPE_CHECKING:
    from collections.abc import Callable


class TooMuchError(Exception):
    """The module ends an evaluation: the request is refused, whatever the failure mode.

    The text says what takes so much, without any value.
    """


def patterns_may_end(checked: Any, longest: int) -> bool:
    """Tell whether regular expressions may take too much over texts of at most ``longest`` characters."""
    return sum(at_most(pattern, longest) for pattern in _patterns(checked.expression)) > MOST_STEPS


def _patterns(part: Any) -> list[str]:
    own = [pattern_of(part) or ""] if part.call.function == "matches" else []
    return [*own, *(pattern for one in children(part) for pattern in _patterns(one))]


class Foresight:
    """Goes through an expression in the module's order, as far as that is sure.

    What else takes steps is not counted, and nothing that is repeated: so an evaluation that is said to end
    does end, and one of which nothing is said may end as well.
    """

    def __init__(self, value_of: Callable[[Any], object]) -> None:
        self._value_of = value_of
        self._counted: set[str] = set()
        self._taken = 0

    def follow(self, part: Any) -> None:
        """Count the steps of ``part``.

        Raises:
            TooMuchError: They are too many.
        """
        function, arguments = part.call.function, part.call.arguments
        if kind(part) == "comprehension":
            self.follow(part.comprehension.range)
        elif function in ("_&&_", "_||_"):
            self.follow(arguments[0])
            if self._value_of(arguments[0]) is not (function == "_||_"):
                self.follow(arguments[1])
        elif function == "_?_:_":
            self.follow(arguments[0])
            way = self._value_of(arguments[0])
            if isinstance(way, bool):
                self.follow(arguments[1 if way else 2])
        else:
            for one in children(part):
                self.follow(one)
            if function == "matches":
                self._match(part)

    def _match(self, part: Any) -> None:
        text, pattern = text_of(part), pattern_of(part)
        subject = part.call.target if part.call.HasField("target") else part.call.arguments[0]
        value = self._value_of(subject)
        if pattern is None or not isinstance(value, str) or text in self._counted:
            return
        self._counted.add(text)
        self._taken += steps(pattern, value)
        if self._taken > MOST_STEPS:
            raise TooMuchError(
                f"the gateway ends it after {MOST_STEPS:,} steps: the regular expression {quoted(pattern)} "
                f"takes more over {text_of(subject)}"
            )
