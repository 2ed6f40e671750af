"""Programs of expressions, as configurations carry them."""

from __future__ import annotations

import base64
import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from cel_expr_python import cel

from kuadrant.expressions import compiler
from kuadrant.expressions.functions import BEYOND_HOST
from kuadrant.expressions.not_evaluable import OutsideError
from kuadrant.policy.attributes import REMOTE_ADDRESS
from kuadrant.policy.cel_environment import UNTYPED
from kuadrant.policy.checked_expression import kind, parts, read
from kuadrant.policy.untyped_expression import compiled

if TYPE_CHECKING:
    from collections.abc import Callable

_NAMES: Final = sorted(name.rpartition(".")[2] for name in BEYOND_HOST if name[0].isalpha())


@lru_cache(maxsize=4096)
def predicate(expression: str) -> str | None:
    """The program of a condition, as base64; None if the module cannot evaluate it by itself."""
    return _program(expression, compiler.predicate)


@lru_cache(maxsize=4096)
def value(expression: str) -> str | None:
    """The program of a value as text, as base64; None if the module cannot evaluate it by itself."""
    return _program(expression, compiler.value)


def _program(expression: str, compile_checked: Callable[..., bytes]) -> str | None:
    checked = read(compiled(expression).serialize())
    try:
        return base64.b64encode(compile_checked(checked)).decode()
    except OutsideError:
        return None


def why_not_at_host(expression: str) -> str:
    """Return why a gateway's own evaluator does not take ``expression``; empty if it does."""
    if _ADDRESS.search(expression) and _names_address(expression):
        return f"it has no attribute '{REMOTE_ADDRESS}'"
    if not _BEYOND_HOST.search(expression):
        return ""
    try:
        _host().compile(expression)
    except RuntimeError as error:
        return str(error).partition("\n")[0].rpartition("ERROR: ")[2]
    return ""


def _names_address(expression: str) -> bool:
    """Whether an expression may read the address without its port, also by another name of ``source``."""
    tree = read(compiled(expression).serialize()).expression
    root, _, field = REMOTE_ADDRESS.partition(".")
    named = {(kind(part), part.name.name or part.select.field or part.constant.text) for part in parts(tree)}
    return ("name", root) in named and not named.isdisjoint({("select", field), ("constant", field)})


_ADDRESS: Final = re.compile(REMOTE_ADDRESS.partition(".")[2])
_BEYOND_HOST: Final = re.compile(rf"[.,\[{{]\s*\?|cel\s*\.\s*bind|\b({'|'.join(_NAMES)})\s*\(")
"""What may be beyond it; a text can look like this, too."""


@cache
def _host() -> cel.Env:
    return cel.NewEnv(variables=UNTYPED)
