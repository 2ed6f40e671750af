"""Texts of answers as the module is told them: written pieces, and programs for what is inserted."""

from __future__ import annotations

import base64
from functools import lru_cache

from kuadrant.expressions import compiler
from kuadrant.expressions.not_evaluable import OutsideError
from kuadrant.policy.answer_text import pieces
from kuadrant.policy.checked_expression import read
from kuadrant.policy.untyped_expression import compiled


@lru_cache(maxsize=256)
def answer_programs(expression: str) -> tuple[str | bytes, ...]:
    """Return the pieces of ``expression``, in order: a ``str`` as it is written, of others the program.

    A program is base64.

    Raises:
        OutsideError: The module cannot evaluate one of them; the text says what of it.
    """
    checked = read(compiled(expression).serialize())
    found: list[str | bytes] = []
    for piece in pieces(checked.expression):
        if isinstance(piece, str):
            found.append(piece)
            continue
        alone = type(checked)()
        alone.CopyFrom(checked)
        alone.expression.CopyFrom(piece)
        found.append(base64.b64encode(compiler.value(alone)))
    return tuple(found)


def why_not(expression: str) -> str:
    """Return what of ``expression`` the module cannot evaluate; empty if there is nothing."""
    try:
        answer_programs(expression)
    except OutsideError as error:
        return str(error)
    return ""
