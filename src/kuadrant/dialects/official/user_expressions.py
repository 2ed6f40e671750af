"""Which expressions of policies an official shim's own evaluator certainly takes as the gateway's does.

It knows other attributes and functions, and of some it thinks otherwise. What is let through is a small language: attributes
of the request, its headers by their names, comparisons, logic, and functions on texts.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from cel_expr_python import cel

from kuadrant.dialects.dialect import InexpressibleError
from kuadrant.dialects.official.regular_expressions import is_portable

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOKEN = re.compile(
    r"""\s+ | (?P<text> "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' ) | (?P<number> [0-9]+ (?![0-9.eExXuU]) )
        | (?P<name> [A-Za-z_][A-Za-z0-9_]* ) | (?P<sign> == | != | <= | >= | && | \|\| | [-!<>+?:().,\[\]] )""",
    re.VERBOSE,
)
_ATTRIBUTES = {
    "request": {"method", "path", "url_path", "query", "scheme", "protocol", "host", "headers"},
    "source": {"address", "port"},
    "destination": {"address", "port"},
}
_METHODS = {"startsWith", "endsWith", "contains", "matches"}
_FUNCTIONS = {"string", "int"}
_COUNTABLE = {"STRING", "INT", "BOOL", "DYN"}


@lru_cache(maxsize=4096)
def check(expression: str) -> None:
    """Check that ``expression``, which the gateway takes, means the same to the shim.

    Raises:
        InexpressibleError: It may not; the text says for which part of it.
    """
    tokens = _tokens(expression)
    for index, (kind, text) in enumerate(tokens):
        last = [token for _, token in tokens[max(index - 2, 0) : index]]
        before = last[-1] if last else ""
        after = [token for _, token in tokens[index + 1 : index + 5]]
        if kind == "name":
            _check_name(text, before, after)
        elif text == "-" and (
            index == 0
            or before not in {"(", "[", ",", "?", ":", "==", "!=", "<", ">", "<=", ">=", "&&", "||"}
        ):
            raise InexpressibleError("it may calculate in another way")
        elif kind == "text" and (last == ["headers", "["] or after[:1] == ["in"]) and text != text.lower():
            raise InexpressibleError(f"it knows headers by their names in lower case, not {text}")
        if text == "matches":
            pattern = tokens[index + 2] if index + 2 < len(tokens) else ("", "")
            if pattern[0] != "text" or "\\" in pattern[1] or not is_portable(pattern[1][1:-1]):
                raise InexpressibleError("its regular expressions are another engine's")


@lru_cache(maxsize=4096)
def check_counter(expression: str) -> None:
    """As ``check``, for the value of a counter: a text, a whole number or a boolean.

    Raises:
        InexpressibleError: It may mean another thing, or is of another type.
    """
    check(expression)
    try:
        kind = str(_environment().compile(expression).return_type().name())
    except RuntimeError as error:
        raise InexpressibleError(f"it does not take the expression: {error}") from None
    if kind not in _COUNTABLE:
        raise InexpressibleError(f"it does not count by a value of type {kind.lower()}")


def may_fail(expressions: Iterable[str]) -> bool:
    """Whether one of ``expressions``, which are looked at in this order and each only if those before it hold, may end in an error.

    Only what is plain to see counts: a header is there if its presence was a condition before, as a whole or first of all.
    """
    known: set[str] = set()
    for expression in expressions:
        tokens = [text for _, text in _tokens(expression)]
        if tokens[1:5] == ["in", "request", ".", "headers"] and tokens[5:6] in ([], ["&&"]):
            known.add(tokens[0][1:-1])
        read = {
            token[1:-1]
            for place, token in enumerate(tokens)
            if tokens[max(place - 2, 0) : place] == ["headers", "["]
        }
        if "int" in tokens or not read <= known:
            return True
    return False


def _check_name(name: str, before: str, after: list[str]) -> None:
    if before == ".":
        called = after[:1] == ["("]
        if called and name not in _METHODS:
            raise InexpressibleError(f"it may not know the function {name}")
        return  # attributes were looked at with their root
    if after[:1] == ["("]:
        if name not in _FUNCTIONS:
            raise InexpressibleError(f"it may not know the function {name}")
        return
    if name in {"true", "false", "in"}:
        return
    if name not in _ATTRIBUTES:
        raise InexpressibleError(f"it does not know {name}")
    if after[:1] != ["."] or after[1] not in _ATTRIBUTES[name]:
        raise InexpressibleError(f"it does not read {''.join([name, *after[:2]])}, or not as it is")
    if after[1] == "headers" and not _names_a_header(before, after):
        raise InexpressibleError("it reads a header only by its name, request.headers['name']")


def _names_a_header(before: str, after: list[str]) -> bool:
    return before == "in" or (after[2:3] == ["["] and after[3][:1] in {"'", '"'})


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(expression):
        found = _TOKEN.match(expression, position)
        if found is None:
            raise InexpressibleError(f"it may not take {expression[position]!r} of the expression")
        if found.lastgroup is not None:
            tokens.append((found.lastgroup, found[0]))
        position = found.end()
    return tokens


@cache
def _environment() -> cel.Env:
    return cel.NewEnv(variables=dict.fromkeys(_ATTRIBUTES, cel.Type.DYN))
