"""Conditions of limits, and the counters that qualify them."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class SelectorCondition(Struct, frozen=True, gc=False, tag="selector"):
    """A condition of ``kuadrant.io/v1beta2``: an attribute, an operator, a value."""

    selector: str
    operator: Literal["eq", "neq", "startswith", "endswith", "incl", "excl", "matches"]
    value: str

    @property
    def text(self) -> str:
        """The condition as people read it."""
        return f"{self.selector} {self.operator} {self.value}"


class ExpressionCondition(Struct, frozen=True, gc=False, tag="expression"):
    """A CEL predicate of ``kuadrant.io/v1``."""

    expression: str

    @property
    def text(self) -> str:
        """The condition as people read it."""
        return self.expression


def negated(condition: ExpressionCondition) -> ExpressionCondition:
    """Return the condition that does not hold where ``condition`` does, and fails where it fails."""
    # A comment in it ends with its line.
    end = "\n)" if "//" in condition.expression else ")"
    return ExpressionCondition(f"!({condition.expression}{end}")


PolicyCondition = SelectorCondition | ExpressionCondition


class SelectorCounter(Struct, frozen=True, gc=False, tag="selector"):
    """A counter of ``kuadrant.io/v1beta2``: the attribute's text qualifies the counter.

    Absent, the limit does not apply.
    """

    selector: str

    @property
    def text(self) -> str:
        """The attribute's name, which is the key of its entry in a descriptor."""
        return self.selector


class ExpressionCounter(Struct, frozen=True, gc=False, tag="expression"):
    """A counter of ``kuadrant.io/v1``: the CEL expression's value, as a string, qualifies the counter."""

    expression: str

    @property
    def text(self) -> str:
        """The expression, which is the key of its entry in a descriptor."""
        return self.expression


class Cost(ExpressionCounter, frozen=True, gc=False, tag="cost"):
    """What a request counts as, in place of one: a CEL expression that gives a whole number."""

    @property
    def hits(self) -> str:
        """The expression as it is evaluated: what is no number of hits, such as one below zero, fails."""
        return f"uint({self.expression}\n)"


Counter = SelectorCounter | ExpressionCounter
