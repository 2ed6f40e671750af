"""One expression over one request.

By Google's CEL and by the module's evaluator, in a form that can be compared.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cel_expr_python import cel

from kuadrant.expressions import compiler
from kuadrant.policy import untyped_expression
from kuadrant.policy.cel_environment import untyped
from kuadrant.policy.checked_expression import read
from kuadrant.reference_model.expressions import readable
from kuadrant.reference_model.header_names import in_lower_case

from .program_runner import Failure, Nanoseconds, Optional, Typed, Uint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.reference_model.request import Request

LANGUAGE = untyped()
ERROR = "an error"
UNREADABLE = "a value with an optional in it, which Python does not get to see"
ENDED = "Google's evaluation ended as a whole, though an error of a part is a value that `||` may make good"
_ENDS = ("duplicate key in map", "Applying SELECT to non-message type")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def attributes(request: Request) -> dict[tuple[str, ...], Any]:
    """What the runner is given for ``request``."""
    activation = request.activation()
    found: dict[tuple[str, ...], Any] = {}
    for root, fields in activation.items():
        assert isinstance(fields, dict)
        found |= {(root, name): value for name, value in fields.items()}
    headers = {**found["request", "headers"], "host": request.authority}
    found |= {("request", "headers", name): value for name, value in headers.items()}
    if ("connection", "id") in found:
        found["connection", "id"] = Uint(found["connection", "id"])
    return found


def compiled(expression: str, *, fold: bool) -> tuple[cel.Expression, bytes]:
    """An expression as both have it."""
    checked = untyped_expression.compiled(expression)
    return in_lower_case(checked), compiler.predicate(read(checked.serialize()), fold=fold)


def of_google(expression: cel.Expression, activation: Mapping[str, Any]) -> Any:
    """The value by Google's CEL."""
    try:
        result = expression.eval(data=dict(activation))
    except RuntimeError as error:
        return ENDED if any(words in str(error) for words in _ENDS) else ERROR
    if result.type() == cel.Type.ERROR:
        return ERROR
    try:
        return _plain(result.plain_value())
    except (RuntimeError, SystemError, TypeError):
        return UNREADABLE


def _plain(value: Any) -> Any:  # noqa: PLR0911 - one for each kind
    match value:
        case float() if math.isnan(value):
            return "not a number"
        case bytearray() | bytes():
            return bytes(value).replace(b"-nan", b"nan")
        case list():
            return [_plain(one) for one in value]
        case dict():
            return sorted((repr(_plain(key)), repr(_plain(one))) for key, one in value.items())
        case timedelta():
            return ("duration", value // _MICROSECOND)
        case datetime():
            return ("timestamp", (value.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND)
        case Uint(number):
            return number
        case Nanoseconds(kind, number):
            # Python has microseconds: of a duration the rest is left out, of a timestamp it is rounded down.
            size = abs(number) // 1000
            return ("duration", size if number > 0 else -size) if kind == 9 else ("timestamp", number // 1000)
        case Failure():
            return ERROR
        case str():
            # Whose sign it has no one can know.
            return value.replace("-nan", "nan")
        case Optional() | Typed():
            return ERROR
    return value


def of_module(value: Any) -> Any:
    """A value of the runner, to be compared."""
    return _plain(value)


def of_activation(request: Request) -> dict[str, Any]:
    """What Google's CEL is given for ``request``."""
    return {root: readable(value) for root, value in request.activation().items()}
