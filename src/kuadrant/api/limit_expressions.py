"""The conditions and variables of a limit, over the descriptors of a request: read, checked, and evaluated.

Four forms, for conditions (with ``==`` or ``!=`` and a quoted text) and for variables (alone):

========================== ================================================================================
``descriptors[0]["key"]``  the entry of that descriptor; natively, without an expression engine
``descriptors[0].key``     the same
``key``                    the older form: the entry of any descriptor (of the first that has it, for a
                           variable)
anything else              CEL over ``descriptors``, a list of maps of texts; compiled and type-checked once.
                           Conditions have ``limit.name`` and ``limit.id`` of their limit too, null where it
                           has none
========================== ================================================================================

An entry or a descriptor that is not there makes a condition not hold, also with ``!=``, and leaves a variable
without a value: the limit does not apply (Limitador's rule). Any other failure of an expression is an
``EvaluationError``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from cel_expr_python import cel
from msgspec import Struct

from kuadrant.api.limit_keys import is_limit_key, keys_in

if TYPE_CHECKING:
    Descriptors = Sequence[Mapping[str, str]]


class ExpressionError(ValueError):
    """A condition or a variable is wrong; the text says what and where."""


class EvaluationError(Exception):
    """An expression failed on a request, for another reason than a missing entry."""


class LimitCondition(Struct, frozen=True, eq=False, weakref=True):
    """A compiled condition.

    ``equality`` is the key and the value of the entry without which it cannot hold, if there is one.
    ``reads`` are the descriptors that it looks at, None for any. One that is ``native`` costs little and
    cannot fail. ``keys`` are those of limits of policies that it is about.
    """

    holds: Callable[[Descriptors], bool]
    native: bool
    equality: tuple[str, str] | None
    reads: frozenset[int] | None
    keys: frozenset[str] = frozenset()


class Variable(Struct, frozen=True, eq=False, weakref=True):
    """A compiled variable.

    ``value`` is None where the limit does not apply; ``reads`` and ``native`` as in ``LimitCondition``.
    """

    value: Callable[[Descriptors], str | None]
    reads: frozenset[int] | None
    native: bool


class DescriptorList(list[dict[str, str]]):
    """The descriptors of one request; what has to be known of all their texts is looked for once."""

    __slots__ = ("_has_nul",)

    @property
    def has_nul(self) -> bool:
        """Tell whether a key or a value has a NUL character."""
        try:
            return self._has_nul
        except AttributeError:
            self._has_nul: bool = any("\0" in text for one in self for text in chain(one, one.values()))
            return self._has_nul


_TEXT = r""" (?: "(?P<{0}double>(?:[^"\\\r\n]|\\.)*)" | '(?P<{0}single>(?:[^'\\\r\n]|\\.)*)' ) """
_ESCAPE = re.compile(
    r"\\(?:[abfnrtv\\?\"'`]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|(.?))", re.DOTALL
)
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ENTRY = rf"""
  (?: descriptors\[ (?P<index>[0-9]{{1,4}}) \]
      (?: \[ {_TEXT.format("key_")} \] | \. (?P<field>[A-Za-z_][A-Za-z0-9_]*) )
    | (?P<older> (?! (?: descriptors | limit\.name | limit\.id | true | false | null | [-.0-9]+ )
                     (?![^\s!=]) )
                 (?! descriptors\. ) [^\s"'()\[\]{{}}!=<>&|?,+*]+ )
  )
"""
_VARIABLE = re.compile(rf"\s* {_ENTRY} \s*", re.VERBOSE)
_CONDITION = re.compile(rf"\s* {_ENTRY} \s* (?P<operator>[!=]=) \s* {_TEXT.format('value_')} \s*", re.VERBOSE)
_INDEX = re.compile(r"\bdescriptors\s*(?:\[\s*([0-9]+)\s*\])?")
_PLACE = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")

_DESCRIPTORS = {"descriptors": cel.Type.List(cel.Type.Map(cel.Type.STRING, cel.Type.STRING))}
_ENVIRONMENT = cel.NewEnv(variables=_DESCRIPTORS)
_WITH_LIMIT = cel.NewEnv(variables=_DESCRIPTORS | {"limit": cel.Type.Map(cel.Type.STRING, cel.Type.DYN)})
_LIMIT = re.compile(r"\blimit\b")
_TEXTUAL = frozenset({"STRING", "INT", "UINT", "DOUBLE", "BOOL", "NULL", "DYN"})
_MISSING = ("NOT_FOUND: Key not found", "UNKNOWN: Index error")


def uses_limit(source: str) -> bool:
    """Tell whether what a condition says may depend on the limit that it belongs to."""
    return _LIMIT.search(source) is not None and _native(_CONDITION, source) is None


def compile_condition(source: str, name: str = "", identifier: str | None = None) -> LimitCondition:
    """The condition that ``source`` is, of a limit with this name (``""`` for none) and this id.

    Raises:
        ExpressionError: It is not an expression, uses an unknown name, is not true or false,
            or can only fail.
    """
    if native := _native(_CONDITION, source):
        match, index, key = native
        value = _text(match, "value_")
        negated = match["operator"] == "!="
        return LimitCondition(
            _comparison(index, key, value, negated=negated),
            True,
            None if negated else (key, value),
            None if index is None else frozenset({index}),
            frozenset({key} if is_limit_key(key) else ()),
        )
    data = {"limit": {"name": name or None, "id": identifier}} if uses_limit(source) else {}
    expression = _compile(source, {"BOOL", "DYN"}, "a condition is true or false", with_limit=bool(data))

    def holds(descriptors: Descriptors) -> bool:
        result = _evaluate(expression, descriptors, data)
        if result is None or isinstance(result, bool):
            return bool(result)
        raise EvaluationError(f"{source}: neither true nor false")

    _check_constant(source, holds)
    return LimitCondition(holds, False, None, _reads(source), keys_in((source,)))


def compile_variable(source: str) -> Variable:
    """The variable that ``source`` is.

    Raises:
        ExpressionError: It is not an expression, uses an unknown name, has no value that can be written as a
            text, or can only fail.
    """
    if native := _native(_VARIABLE, source):
        _, index, key = native
        return Variable(_lookup(index, key), None if index is None else frozenset({index}), True)
    expression = _compile(source, _TEXTUAL, "a variable is a text, a number, a boolean or null")
    null = expression.return_type().name() == "NULL"

    def value(descriptors: Descriptors) -> str | None:
        result = "null" if null else _evaluate(expression, descriptors, {})
        if result is None or isinstance(result, str):
            return result
        if isinstance(result, bool):
            return "true" if result else "false"
        if isinstance(result, int | float):
            return str(result)
        raise EvaluationError(f"{source}: neither a text nor a number nor a boolean")

    _check_constant(source, value)
    return Variable(value, _reads(source), False)


def _check_constant(source: str, evaluate: Callable[[Descriptors], object]) -> None:
    """Refuse what looks at no request and fails: it would for each one of its namespace.

    Raises:
        ExpressionError: It can only fail.
    """
    if "descriptors" in source:
        return
    try:
        evaluate(())
    except EvaluationError as error:
        raise ExpressionError(f"{source!r}: can only fail: {error}") from None


def _native(form: re.Pattern[str], source: str) -> tuple[re.Match[str], int | None, str] | None:
    """The parts of an expression that needs no engine; None for any other."""
    match = form.fullmatch(source)
    if match is None or "\0" in source:
        return None
    try:
        index, key = _entry(match)
        if form is _CONDITION:
            _text(match, "value_")
    except _NotPlainError:
        return None
    return match, index, key


class _NotPlainError(Exception):
    """A quoted text has an escape that only the engine knows, or knows to be wrong."""


def _text(match: re.Match[str], prefix: str) -> str:
    double: str | None = match[f"{prefix}double"]
    text: str = match[f"{prefix}single"] if double is None else double
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    escape = match[0][1:]
    if match[1] is not None:
        raise _NotPlainError
    if len(escape) == 1:
        return _ESCAPED.get(escape, escape)
    code = int(escape[1:], 16) if escape[0] in "xuU" else int(escape, 8)
    # Half a character, and none at all: the engine refuses them. And it takes a NUL for the end of a text.
    if not 0 < code < 0x110000 or 0xD800 <= code < 0xE000:
        raise _NotPlainError
    return chr(code)


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
    """The descriptors that a CEL expression names by a literal index.

    None if it names the list itself, too.
    """
    indices = _INDEX.findall(source)
    return None if "" in indices else frozenset(map(int, indices))


def _compile(
    source: str, types: set[str] | frozenset[str], rule: str, *, with_limit: bool = False
) -> cel.Expression:
    if "\0" in source:
        raise ExpressionError(f"{source!r}: has a NUL character")
    try:
        expression = (_WITH_LIMIT if with_limit else _ENVIRONMENT).compile(source)
    except (RuntimeError, ValueError) as error:
        place = _PLACE.search(str(error))
        raise ExpressionError(
            f"{source!r}: line {place[1]}, column {place[2]}: {place[3]}" if place else f"{source!r}: {error}"
        ) from None
    kind = expression.return_type().name()
    if kind not in types:
        raise ExpressionError(f"{source!r}: is of type {kind}, but {rule}")
    return expression


def _evaluate(expression: cel.Expression, descriptors: Descriptors, more: Mapping[str, object]) -> object:
    """The value of ``expression``; None if something that it reads is not there."""
    asked = descriptors if isinstance(descriptors, DescriptorList) else DescriptorList(map(dict, descriptors))
    if asked.has_nul:
        # The engine takes a text to end there, so that "admin\0x" would pass for "admin".
        raise EvaluationError("a descriptor has a NUL character, which expressions cannot read")
    try:
        result = expression.eval(data={"descriptors": descriptors, **more})
        value: object = result.plain_value()
    except (RuntimeError, ValueError) as error:  # its own bound on the steps of an expression, for one
        raise EvaluationError(str(error).partition("\n")[0]) from None
    if result.type() != cel.Type.ERROR:
        return value
    if str(value).startswith(_MISSING):
        return None
    raise EvaluationError(str(value).partition("\n")[0])
