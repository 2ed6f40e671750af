"""Expressions as they are evaluated: no attribute has a type that is known."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from kuadrant.policy.attribute_types import PACKAGE, typed
from kuadrant.policy.cel_environment import untyped
from kuadrant.policy.checked_expression import TooDeepError, parts, read

if TYPE_CHECKING:
    from cel_expr_python import cel


@lru_cache(maxsize=256)
def compiled(expression: str) -> cel.Expression:
    """Return a checked expression that is evaluated without the types of attributes.

    Of what is read by a name nothing tells then that it is an optional. Where that is asked for, as in
    ``[?request.headers[?'x']]``, the types say it, and have no part in what the expression comes to.

    Raises:
        RuntimeError: It is none, in the engine's words.
    """
    try:
        return untyped().compile(expression)
    except RuntimeError:
        if (known := _by_types(expression)) is not None:
            return known
        raise


def _by_types(expression: str) -> cel.Expression | None:
    if "?" not in expression:
        return None
    try:
        found = typed().compile(expression).serialize()
        checked = read(found)
    except (RuntimeError, TooDeepError):
        return None
    # Nobody else knows the types themselves.
    names = [one.reference.name for one in checked.references]
    names += [part.struct.name for part in parts(checked.expression)]
    return None if any(name.startswith(PACKAGE) for name in names) else untyped().deserialize(found)
