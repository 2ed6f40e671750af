"""What is wrong with an expression, and where in it."""

from __future__ import annotations


class ExpressionError(ValueError):
    """An expression that the gateway could not carry out; the text says where and why.

    ``at`` are the line and the column that the text names, from 1; zeros if it names none. ``written`` is
    what is to be written at that place, if it is known.
    """

    def __init__(self, text: str, *, at: tuple[int, int] = (0, 0), written: str = "") -> None:
        super().__init__(f"line {at[0]}, column {at[1]}: {text}" if at[0] else text)
        self.at = at
        self.written = written


def position(expression: str, offset: int) -> tuple[int, int]:
    """Return line and column, from 1, of the character number ``offset``."""
    before = expression[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")


def wrong_at(expression: str, offset: int, text: str) -> ExpressionError:
    """The error that says what is wrong at the character number ``offset``."""
    return ExpressionError(text, at=position(expression, offset))
