"""When a limit applies, and what its counter is qualified by."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class SelectorCondition(Struct, frozen=True, gc=False, tag="selector"):
    """A condition of ``kuadrant.io/v1beta2``: an attribute, an operator, a value."""

    selector: str
    operator: Literal["eq", "neq", "startswith", "endswith", "incl", "excl", "matches"]
    value: str


class ExpressionCondition(Struct, frozen=True, gc=False, tag="expression"):
    """A CEL predicate of ``kuadrant.io/v1``."""

    expression: str


Condition = SelectorCondition | ExpressionCondition


class SelectorCounter(Struct, frozen=True, gc=False, tag="selector"):
    """A counter of ``kuadrant.io/v1beta2``: the attribute's text qualifies the counter; absent, the limit does not apply."""

    selector: str


class ExpressionCounter(Struct, frozen=True, gc=False, tag="expression"):
    """A counter of ``kuadrant.io/v1``: the CEL expression's value, as a string, qualifies the counter."""

    expression: str


Counter = SelectorCounter | ExpressionCounter


UNDECIDABLE = ExpressionCondition("1 / 0 == 0")
"""A condition that fails whenever it is evaluated: its limit follows the failure mode of the rate limit service.

It stands in for what a policy asks for and nobody can evaluate. With the mode ``deny`` such a limit is closed, not forgotten.
"""
