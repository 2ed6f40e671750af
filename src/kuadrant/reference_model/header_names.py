"""Names of headers in expressions.

The gateway finds a header in whatever case an expression names it, and lists it in lower case.
"""

from __future__ import annotations

from typing import Any

from kuadrant.policy.checked_expression import kind, parts, read, written


def in_lower_case(expression: bytes) -> bytes:
    """Return a checked expression, serialized, that names headers in lower case.

    A name that is only known with a request is put in lower case then.
    """
    checked = read(expression)
    for one in [*parts(checked.expression)]:
        _lower(one)
    return written(checked)


def _lower(expression: Any) -> None:
    if _is_headers(expression.select.operand):
        expression.select.field = expression.select.field.lower()
    match expression.call.function, [*expression.call.arguments]:
        case ("_[_]" | "_[?_]" | "_?._", [headers, name]) | ("@in", [name, headers]) if _is_headers(headers):
            if name.constant.text:
                name.constant.text = name.constant.text.lower()
            elif kind(name) != "constant":
                given = type(name)()
                given.CopyFrom(name)
                name.Clear()
                name.id = given.id
                name.call.function = "lowerAscii"
                name.call.target.CopyFrom(given)


def _is_headers(expression: Any) -> bool:
    return bool(expression.select.field == "headers" and expression.select.operand.name.name == "request")
