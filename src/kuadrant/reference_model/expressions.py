"""CEL that gateways evaluate, evaluated here by Google's own implementation.

Envoy's is one of these, too; the module's own evaluator is held to it by
tests/unit/expressions/test_differential.py.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from cel_expr_python import cel
from google.protobuf import timestamp_pb2
from msgspec import Struct

from kuadrant.api.regular_expression import without_nul
from kuadrant.expressions import programs
from kuadrant.policy.answer_text import pieces
from kuadrant.policy.cel_conformance import as_written
from kuadrant.policy.checked_expression import read
from kuadrant.policy.untyped_expression import compiled
from kuadrant.reference_model.evaluation_end import Foresight
from kuadrant.reference_model.header_names import alone, in_lower_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.reference_model.request import Request, Value


class EvaluationError(Exception):
    """An expression has no value for a request; the text says why."""


class Expressions:
    """The expressions of policies, over one request."""

    def __init__(self, request: Request) -> None:
        activation = request.activation()
        self._activation = {root: readable(value) for root, value in activation.items()}
        self._foresight = Foresight(activation)

    def holds(self, expression: str) -> bool:
        """Tell whether a predicate holds.

        Raises:
            EvaluationError: It reads what the request does not have, or fails in another way.
            TooMuchError: The module ends it, as far as that is foreseen.
        """
        self.foresee(expression, programs.predicate)
        return _evaluate(_compiled(f"({expression}\n) ? true : false"), self._activation) is True

    def text(self, expression: str) -> str:
        """The value of an expression, as text.

        Raises:
            EvaluationError: As above, or it cannot be written as text.
            TooMuchError: As above.
        """
        self.foresee(expression, programs.value)
        return str(_evaluate(_compiled(f"string({expression}\n)"), self._activation))

    def made(self, expression: str) -> tuple[tuple[str, bool], ...]:
        """Return the pieces that the text of an answer is put together from, and whether each is inserted.

        Raises:
            EvaluationError: As above, for any of them.
            TooMuchError: As above.
        """
        self.foresee(expression, programs.value)
        checked = tree(expression)
        return tuple(
            (piece, False)
            if isinstance(piece, str)
            else (str(_evaluate(alone(checked, piece, call="string"), self._activation)), True)
            for piece in pieces(checked.expression)
        )

    def foresee(self, expression: str, program: Callable[[str], str | None]) -> None:
        """Foresee that the module ends an expression, whose program is given.

        Raises:
            TooMuchError: It does.
        """
        try:
            found = program(expression)
        except RuntimeError:  # it is none, which is told where it is evaluated
            return
        # What the gateway evaluates has another bound.
        if found is not None:
            self._foresight.follow(found, lambda: tree(expression))

    def value(self, checked: Any, part: Any) -> object:
        """The value of a part of an expression that :func:`tree` has read.

        Raises:
            EvaluationError: It fails by itself, whatever becomes of what is around it.
        """
        result = _result(alone(checked, part), self._activation)
        if not _is_optional(result):
            return _plain(result)
        if not _scalar(_result(alone(checked, part, call="hasValue"), self._activation)):
            return Optional(())
        return Optional((_plain(_result(alone(checked, part, call="value"), self._activation)),))


class Optional(Struct, frozen=True):
    """An optional value; ``inner`` is empty where there is none."""

    inner: tuple[object, ...]


def tree(expression: str) -> Any:
    """An expression as it is evaluated: its parts and their places, headers named in lower case.

    Raises:
        EvaluationError: It is none.
        TooDeepError: It is nested too deeply.
    """
    return read(_compiled(expression).serialize())


def readable(value: Value) -> object:
    """``value`` as this CEL takes it: inside of maps it knows moments as messages only."""
    if isinstance(value, dict):
        return {name: readable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [readable(inner) for inner in value]
    if isinstance(value, datetime):
        moment = timestamp_pb2.Timestamp()
        moment.FromDatetime(value)
        return moment
    return value


def matches(pattern: str, text: str) -> bool:
    """Tell whether the whole of ``text`` matches ``pattern`` (RE2)."""
    return _evaluate(_whole(), {"text": text, "pattern": f"^(?:{without_nul(pattern)})$"}) is True


def double_as_text(number: float) -> str:
    """``number`` as CEL writes it."""
    return str(_evaluate(_string(), {"number": number}))


@cache
def _string() -> cel.Expression:
    return cel.NewEnv(variables={"number": cel.Type.DOUBLE}).compile("string(number)")


@cache
def _whole() -> cel.Expression:
    variables = dict.fromkeys(("text", "pattern"), cel.Type.STRING)
    return cel.NewEnv(variables=variables).compile("text.matches(pattern)")


@lru_cache(maxsize=256)
def _compiled(expression: str) -> cel.Expression:
    try:
        found = compiled(expression)
    except RuntimeError as error:
        raise EvaluationError(str(error)) from None
    return in_lower_case(found)


def _evaluate(expression: cel.Expression, data: dict[str, object]) -> object:
    return _scalar(_result(expression, data))


def _result(expression: cel.Expression, data: dict[str, object]) -> cel.Value:
    try:
        return expression.eval(data=data)
    except RuntimeError as error:
        # Of a map with a key twice there is no value, not even a failed one.
        raise EvaluationError(as_written(str(error))) from None


def _scalar(result: cel.Value) -> object:
    try:
        value: object = result.plain_value()
    except TypeError:
        raise EvaluationError("an optional value is no result") from None
    if result.type() == cel.Type.ERROR:
        raise EvaluationError(as_written(str(value)))
    return value


def _is_optional(result: cel.Value) -> bool:
    if result.type() != cel.Type.ERROR:
        return False
    try:
        result.plain_value()
    except TypeError:
        # It is of no other type than a failure, and has no words.
        return True
    return False


def _plain(result: cel.Value) -> object:
    """The value of any result.

    Lists and maps are put together here: the engine's own way ends the process where an optional value is in
    one.
    """
    if result.type() != cel.Type.ERROR:
        value: object = result.value()
        if isinstance(value, list):
            return [_plain(item) for item in value]
        if isinstance(value, dict):
            return {key: _plain(item) for key, item in value.items()}
    return _scalar(result)
