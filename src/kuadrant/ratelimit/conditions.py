"""The conditions and variables of a limit, over the descriptors of a request.

Four forms, for conditions (with ``==`` or ``!=`` and a quoted text) and for variables (alone):

========================== ======================================================================================
``descriptors[0]["key"]``  the entry of that descriptor; natively, without an expression engine
``descriptors[0].key``     the same
``key``                    the older form: the entry of any descriptor (of the first that has it, for a variable)
anything else              CEL over ``descriptors``, a list of maps of texts; compiled and type-checked once
========================== ======================================================================================

An entry or a descriptor that is not there makes a condition not hold, also with ``!=``, and leaves a variable without
a value: the limit does not apply (Limitador's rule). Any other failure of an expression is an ``EvaluationError``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from cel_expr_python import cel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Descriptors = Sequence[Mapping[str, str]]


class ExpressionError(ValueError):
    """A condition or a variable is wrong; the text says what and where."""


class EvaluationError(Exception):
    """An expression failed on a request, for another reason than a missing entry."""


class Condition(NamedTuple):
    """A compiled condition.

    ``equality`` is the key and the value of the entry without which it cannot hold, if there is one. ``reads`` are the
    descriptors that it looks at, None for any. One that is ``native`` costs little and cannot fail.
    """

    holds: Callable[[Descriptors], bool]
    native: bool
    equality: tuple[str, str] | None
    reads: frozenset[int] | None


class Variable(NamedTuple):
    """A compiled variable: ``value`` is None where the limit does not apply; ``reads`` as in ``Condition``."""

    value: Callable[[Descriptors], str | None]
    reads: frozenset[int] | None


_TEXT = r""" (?: "(?P<{0}double>[^"\\\n]*)" | '(?P<{0}single>[^'\\\n]*)' ) """
_ENTRY = rf"""
  (?: descriptors\[ (?P<index>[0-9]{{1,4}}) \] (?: \[ {_TEXT.format("key_")} \] | \. (?P<field>[A-Za-z_][A-Za-z0-9_]*) )
    | (?P<older> (?! (?: descriptors | limit\.name | limit\.id | true | false | null | [-.0-9]+ ) (?![^\s!=]) )
                 (?! descriptors\. ) [^\s"'()\[\]{{}}!=<>&|?,+*]+ )
  )
"""
_VARIABLE = re.compile(rf"\s* {_ENTRY} \s*", re.VERBOSE)
_CONDITION = re.compile(rf"\s* {_ENTRY} \s* (?P<operator>[!=]=) \s* {_TEXT.format('value_')} \s*", re.VERBOSE)
_INDEX = re.compile(r"\bdescriptors\s*(?:\[\s*([0-9]+)\s*\])?")
_PLACE = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")

_ENVIRONMENT = cel.NewEnv(
    variables={"descriptors": cel.Type.List(cel.Type.Map(cel.Type.STRING, cel.Type.STRING))}
)
_TEXTUAL = frozenset({"STRING", "INT", "UINT", "DOUBLE", "BOOL", "NULL", "DYN"})
_MISSING = ("NOT_FOUND: Key not found", "UNKNOWN: Index error")


# Limits are replaced as a set of which most stay, while requests wait.
@lru_cache(maxsize=16384)
def compile_condition(source: str) -> Condition:
    """The condition that ``source`` is.

    Raises:
        ExpressionError: It is not an expression, uses an unknown name, or is not true or false.
    """
    if match := _CONDITION.fullmatch(source):
        index, key = _entry(match)
        value = _text(match, "value_")
        negated = match["operator"] == "!="
        return Condition(
            _comparison(index, key, value, negated=negated),
            True,
            None if negated else (key, value),
            None if index is None else frozenset({index}),
        )
    expression = _compile(source, {"BOOL", "DYN"}, "a condition is true or false")

    def holds(descriptors: Descriptors) -> bool:
        result = _evaluate(expression, descriptors)
        if result is None or isinstance(result, bool):
            return bool(result)
        raise EvaluationError(f"{source}: neither true nor false")

    return Condition(holds, False, None, _reads(source))


@lru_cache(maxsize=16384)
def compile_variable(source: str) -> Variable:
    """The variable that ``source`` is.

    Raises:
        ExpressionError: It is not an expression, uses an unknown name, or has no value that can be written as a text.
    """
    if match := _VARIABLE.fullmatch(source):
        index, key = _entry(match)
        return Variable(_lookup(index, key), None if index is None else frozenset({index}))
    expression = _compile(source, _TEXTUAL, "a variable is a text, a number, a boolean or null")
    null = expression.return_type().name() == "NULL"

    def value(descriptors: Descriptors) -> str | None:
        result = "null" if null else _evaluate(expression, descriptors)
        if result is None or isinstance(result, str):
            return result
        if isinstance(result, bool):
            return "true" if result else "false"
        if isinstance(result, int | float):
            return str(result)
        raise EvaluationError(f"{source}: neither a text nor a number nor a boolean")

    return Variable(value, _reads(source))


def _text(match: re.Match[str], prefix: str) -> str:
    double: str | None = match[f"{prefix}double"]
    return match[f"{prefix}single"] if double is None else double


def _entry(match: re.Match[str]) -> tuple[int | None, str]:
    if match["older"] is not None:
        return None, match["older"]
    key = match["field"]
    return int(match["index"]), _text(match, "key_") if key is None else key


def _lookup(index: int | None, key: str) -> Callable[[Descriptors], str | None]:
    if index is None:

        def in_any(descriptors: Descriptors) -> str | None:
            for descriptor in descriptors:
                if key in descriptor:
                    return descriptor[key]
            return None

        return in_any

    def in_one(descriptors: Descriptors) -> str | None:
        return descriptors[index].get(key) if index < len(descriptors) else None

    return in_one


def _comparison(index: int | None, key: str, value: str, *, negated: bool) -> Callable[[Descriptors], bool]:
    if index is None:

        def in_any(descriptors: Descriptors) -> bool:
            return any(key in found and (found[key] == value) is not negated for found in descriptors)

        return in_any

    def equal(descriptors: Descriptors) -> bool:
        return index < len(descriptors) and descriptors[index].get(key) == value

    def unequal(descriptors: Descriptors) -> bool:
        return index < len(descriptors) and descriptors[index].get(key, value) != value

    return unequal if negated else equal


def _reads(source: str) -> frozenset[int] | None:
    """The descriptors that a CEL expression names by a literal index; None if it names the list itself, too."""
    indices = _INDEX.findall(source)
    return None if "" in indices else frozenset(map(int, indices))


def _compile(source: str, types: set[str] | frozenset[str], rule: str) -> cel.Expression:
    if "\0" in source:
        raise ExpressionError(f"{source!r}: has a NUL character")
    try:
        expression = _ENVIRONMENT.compile(source)
    except (RuntimeError, ValueError) as error:
        place = _PLACE.search(str(error))
        raise ExpressionError(
            f"{source!r}: line {place[1]}, column {place[2]}: {place[3]}" if place else f"{source!r}: {error}"
        ) from None
    kind = expression.return_type().name()
    if kind not in types:
        raise ExpressionError(f"{source!r}: is of type {kind}, but {rule}")
    return expression


def _evaluate(expression: cel.Expression, descriptors: Descriptors) -> object:
    """The value of ``expression``; None if something that it reads is not there."""
    for descriptor in descriptors:
        if "\0" in "".join(chain(descriptor, descriptor.values())):
            # The engine takes a text to end there, so that "admin\0x" would pass for "admin".
            raise EvaluationError("a descriptor has a NUL character, which expressions cannot read")
    result = expression.eval(data={"descriptors": descriptors})
    value: object = result.plain_value()
    if result.type() != cel.Type.ERROR:
        return value
    if str(value).startswith(_MISSING):
        return None
    raise EvaluationError(str(value).partition("\n")[0])
