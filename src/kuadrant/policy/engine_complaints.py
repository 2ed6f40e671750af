"""What the engine of expressions complains of, in words for the author of an expression."""

from __future__ import annotations

import re

from msgspec import Struct

from kuadrant.policy.attribute_types import PACKAGE
from kuadrant.policy.expression_error import ExpressionError
from kuadrant.policy.expression_hints import hint
from kuadrant.policy.identity_source import ANNOTATION

_ERROR = re.compile(r"ERROR: <input>:(?P<line>\d+):(?P<column>\d+): (?P<text>.*)")
_TOO_DEEP = re.compile(
    r"ERROR: <input>:-1:-1: Exceeded max recursion depth|^[^:\n]*: Expression recursion limit exceeded"
)
"""What the engine says of it has no place, and may come several times."""
_SHALLOWER = (
    "it is more than 32 levels deep, where each call and each operator after another one is a level; put "
    "parts of it in brackets, such as (a + b) + (c + d), or write it as several shorter ones"
)
_NO_NAME = re.compile(r"undeclared reference to '(?P<name>[^']*)'")
_NO_IDENTITY = re.compile(r"undeclared reference to '(?P<name>auth(\.[^']*)?)'")
_NO_SYNTAX = "Syntax error: "
"""What the engine says of it is about its grammar, which nobody knows."""
_NOT_A_FIELD = "has() argument must be a field selection"
_NO_FIELD = re.compile(
    rf"undefined field '(?P<field>[^']*)' not found in struct '{re.escape(PACKAGE)}\.(?P<root>\w+)'"
)


class Complaint(Struct, frozen=True, gc=False):
    """What is wrong in words, and at which line and column; zeros where the engine names none."""

    text: str
    at: tuple[int, int] = (0, 0)


def refused(text: str, expression: str) -> ExpressionError:
    """The first of the engine's complaints about ``expression``, and what was meant."""
    told = readable(text, expression)
    line, column = told.at
    if not line:
        return ExpressionError(told.text, at=told.at)
    before = expression.split("\n")[: line - 1]
    meant = hint(told.text, expression, sum(len(one) + 1 for one in before) + column - 1)
    words = told.text
    if meant.words and words.startswith(_NO_SYNTAX):
        words = meant.words
    elif meant.words:
        words += f"; {meant.words}"
    return ExpressionError(words, at=told.at, written=meant.written)


def readable(text: str, expression: str = "") -> Complaint:
    """The first of the engine's complaints about ``expression``, in words for its author."""
    if _TOO_DEEP.search(text):
        return Complaint(_SHALLOWER)
    found = _ERROR.search(text)
    if not found:
        return Complaint(text.partition(": ")[2].partition(" [")[0] or text)
    line, column = int(found["line"]), int(found["column"])
    complaint = found["text"].removesuffix(" [INVALID_ARGUMENT]").replace(" (in container '')", "")
    if field := _NO_FIELD.match(complaint):
        complaint = (
            f"{field['root']} has no attribute '{field['field']}' while the gateway looks at a request"
        )
    elif complaint == _NOT_A_FIELD:
        complaint = (
            "has() asks for a field, such as has(request.referer); "
            "for a header, write 'x-user' in request.headers"
        )
    elif found := _NO_IDENTITY.match(complaint):
        complaint = f"there is no '{found['name']}': nothing here authenticates requests"
        if f"{found['name']}.".startswith("auth.identity."):
            complaint += f"; the annotation {ANNOTATION} of a Gateway says what does"
    elif (name := _NO_NAME.match(complaint)) and _character(expression, line, column) == "(":
        complaint = f"the gateway has no function '{name['name']}'"
    return Complaint(complaint, (line, column))


def _character(expression: str, line: int, column: int) -> str:
    return expression.split("\n")[line - 1][column - 1 : column]
