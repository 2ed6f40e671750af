"""Constants of programs, and what of an expression is one because nothing in it comes from a request."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from kuadrant.expressions import encoding
from kuadrant.policy.cel_conformance import as_defined
from kuadrant.policy.cel_environment import environment
from kuadrant.policy.checked_expression import kind, written
from kuadrant.policy.constant_folding import free_names

if TYPE_CHECKING:
    from cel_expr_python import cel

_NULL, _FALSE, _INT, _UINT, _DOUBLE, _STRING, _BYTES = 0, 1, 3, 4, 5, 6, 7
_LARGEST: Final = 256
"""A text that is larger is made in the module, from what it is written as."""

Constant = tuple[int, bytes]
"""The number of its node, and its bytes."""


def constant(message: Any) -> Constant:  # noqa: PLR0911 - one for each kind
    """The constant of a checked expression."""
    if message.HasField("text"):
        return _STRING, encoding.text(message.text)
    if message.HasField("int"):
        return _INT, encoding.signed(message.int)
    if message.HasField("bool"):
        return _FALSE + bool(message.bool), b""
    if message.HasField("uint"):
        return _UINT, encoding.integer(message.uint & (1 << 64) - 1)
    if message.HasField("double"):
        return _DOUBLE, encoding.double(message.double)
    if message.HasField("bytes"):
        return _BYTES, encoding.text(message.bytes)
    return _NULL, b""


class Folding:
    """Evaluates parts of one expression that name nothing of a request."""

    def __init__(self, checked: Any) -> None:
        self._checked = checked
        self._free = free_names(checked.expression)

    def of(self, part: Any) -> Constant | None:
        """The constant that a function of constants gives; None if it is none, or fails."""
        if kind(part) != "call" or self._free[part.id]:
            return None
        alone = type(self._checked)()
        alone.CopyFrom(self._checked)
        alone.expression.CopyFrom(part)
        try:
            result = _language().deserialize(written(as_defined(alone))).eval(data={})
        except RuntimeError:
            # A key that a map has twice ends the engine's evaluation, where a failure is a value elsewhere.
            return None
        return _folded(result.type().name(), result)


@cache
def _language() -> cel.Env:
    return environment({})


def _folded(form: str, result: Any) -> Constant | None:  # noqa: PLR0911 - one for each kind
    if form not in ("BOOL", "INT", "UINT", "DOUBLE", "STRING", "BYTES", "NULL"):
        return None
    found = result.plain_value()
    match form:
        case "BOOL":
            return _FALSE + found, b""
        case "INT":
            return _INT, encoding.signed(found)
        case "UINT":
            return _UINT, encoding.integer(found)
        case "DOUBLE" if not math.isnan(found):
            return _DOUBLE, encoding.double(found)
        case "STRING" if len(found) <= _LARGEST:
            return _STRING, encoding.text(found)
        case "BYTES" if len(found) <= _LARGEST:
            return _BYTES, encoding.text(bytes(found))
        case _:
            return None
