"""Finds what makes a counter another one for each connection or request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.policy.checked_expression import kind
from kuadrant.policy.expression_check import ExpressionError, checked, position

if TYPE_CHECKING:
    from collections.abc import Iterator

PER_CONNECTION: Final = {
    "source.address": "has the client's port in it, which is another one for each connection",
    "source.port": "is another one for each connection",
    "connection.id": "is another one for each connection",
}
PER_REQUEST: Final = {
    "request.id": "is another one for each request",
    "request.time": "is another one for each request",
}
_KEEP_VALUE: Final = frozenset({"string", "dyn", "lowerAscii", "upperAscii", "trim", "_+_", "int", "uint"})
"""Functions whose results differ where what they are given differs."""


def fleeting(expression: str) -> tuple[str, tuple[int, int]]:
    """Return the attribute that makes the value of ``expression`` another one each time, and its place."""
    if not any(name.partition(".")[2] in expression for name in (*PER_CONNECTION, *PER_REQUEST)):
        return "", (0, 0)
    tree = checked(expression)
    for part in _kept(tree.expression):
        name = f"{part.select.operand.name.name}.{part.select.field}"
        if kind(part) == "select" and not part.select.test_only and name in {**PER_CONNECTION, **PER_REQUEST}:
            offsets = {one.id: one.offset for one in tree.source.positions}
            return name, position(expression, offsets.get(part.id, 0))
    return "", (0, 0)


def _kept(part: Any) -> Iterator[Any]:
    """Yield the parts of ``part`` whose whole value is within its value."""
    yield part
    if kind(part) == "call" and part.call.function in _KEEP_VALUE:
        if part.call.HasField("target"):
            yield from _kept(part.call.target)
        for one in part.call.arguments:
            yield from _kept(one)
    elif kind(part) == "call" and part.call.function == "_?_:_":
        for one in part.call.arguments[1:]:
            yield from _kept(one)


def is_of_a_connection(counter: str) -> bool:
    """Tell whether a selector or an expression has another value for each connection."""
    if counter in PER_CONNECTION:
        return True
    try:
        return fleeting(counter)[0] in PER_CONNECTION
    except ExpressionError:  # a selector
        return False
