"""Carries out operators on two values, and conversions (``cel/arithmetic.zig``, ``cel/conversion.zig``).

Moments, and doubles as texts, are Google's: what they take does not depend on them.
"""

from __future__ import annotations

import math
import operator
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from cel_expr_python import cel
from google.protobuf import timestamp_pb2

from kuadrant.policy.cel_environment import environment
from kuadrant.reference_model.steps.values import VALUE, Failure, Octets, Uint

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.reference_model.steps.budget import Work

_SPACES: Final = b" \t\n\r\x0b\x0c"
_SIGNED: Final = re.compile(rb"[+-]?[0-9]+")
_UNSIGNED: Final = re.compile(rb"\+?[0-9]+")
_PAYLOAD: Final = re.compile(rb"(?i)(nan)\([0-9a-z_]*\)$")
_LONGEST_DOUBLE: Final = 1024
_LONGEST: Final = timedelta(microseconds=(1 << 63) // 1000)
_TRUE: Final = frozenset({b"1", b"t", b"true", b"TRUE", b"True"})
_FALSE: Final = frozenset({b"0", b"f", b"false", b"FALSE", b"False"})


def negated(value: Any) -> Any:
    """``-x``."""
    if type(value) is int:
        return _ranged(int, -value)
    return -value if type(value) is float else Failure.OTHER


def calculated(work: Work, sign: str, a: Any, b: Any) -> Any:
    """``a + b`` and the like."""
    if isinstance(a, timedelta | datetime) and isinstance(b, timedelta | datetime) and sign in "+-":
        return _moments(sign, a, b)
    if type(a) is not type(b):
        return Failure.OTHER
    if isinstance(a, bytes | list) and sign == "+":
        if a and b:
            work.allocate(VALUE if isinstance(a, list) else 1, len(a) + len(b))
        return type(a)(a + b)
    if type(a) is float and sign in _OF_DOUBLES:
        return _OF_DOUBLES[sign](a, b)
    return _ranged(type(a), _INTEGERS[sign](int(a), int(b))) if type(a) in (int, Uint) else Failure.OTHER


def _moments(sign: str, a: Any, b: Any) -> Any:
    """What is calculated of durations is within 292 years, and of timestamps in the years 1 to 9999."""
    if isinstance(b, datetime) and not isinstance(a, datetime):
        return _moments("+", b, a) if sign == "+" else Failure.OTHER
    try:
        if isinstance(b, datetime):
            return _duration(a - b) if sign == "-" else Failure.OTHER
        if isinstance(a, datetime):
            return a + b if sign == "+" else a - max(-_LONGEST, min(b, _LONGEST))
        a, b = (max(-_LONGEST, min(one, _LONGEST)) for one in (a, b))
        return _duration(a + b if sign == "+" else a - b)
    except OverflowError:
        return Failure.OTHER


def _duration(found: timedelta) -> Any:
    return found if abs(found) <= _LONGEST else Failure.OTHER


def _ranged(kind: type[int], number: int | None) -> Any:
    least, most = (0, (1 << 64) - 1) if kind is Uint else (-(1 << 63), (1 << 63) - 1)
    return Failure.OTHER if number is None or not least <= number <= most else kind(number)


def _divided(a: int, b: int) -> int | None:
    return None if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _left(a: int, b: int) -> int | None:
    quotient = _divided(a, b)
    # The least number divided by -1 is none.
    return (
        None
        if quotient is None or quotient >= 1 << 64 or (b == -1 and quotient >= 1 << 63)
        else a - b * quotient
    )


def _ratio(a: float, b: float) -> float:
    if b != 0:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)


_INTEGERS: Final[dict[str, Callable[[int, int], int | None]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divided,
    "%": _left,
}
_OF_DOUBLES: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _ratio,
}


def to_int(value: Any) -> Any:  # noqa: PLR0911 - one for each kind
    """``int(x)``."""
    match value:
        case bool():
            return int(value)
        case datetime():
            return by_google("int({})", value)
        case Octets():
            return Failure.OTHER
        case bytes():
            text = value.strip(_SPACES)
            return _ranged(int, int(text)) if _SIGNED.fullmatch(text) else Failure.OTHER
        case float():
            return int(value) if -(2.0**63) < value < 2.0**63 else Failure.OTHER
        case int():
            return _ranged(int, int(value))
    return Failure.OTHER


def to_uint(value: Any) -> Any:
    """``uint(x)``."""
    match value:
        case bool() | Octets():
            return Failure.OTHER
        case bytes():
            text = value.strip(_SPACES)
            return _ranged(Uint, int(text)) if _UNSIGNED.fullmatch(text) else Failure.OTHER
        case float():
            return Uint(value) if 0 <= value < 2.0**64 else Failure.OTHER
        case int():
            return _ranged(Uint, int(value))
    return Failure.OTHER


def to_double(work: Work, value: Any) -> Any:
    """``double(x)``."""
    if type(value) in (int, Uint, float):
        return float(value)
    if type(value) is not bytes:
        return Failure.OTHER
    text = _PAYLOAD.sub(rb"\1", value.strip(_SPACES))
    if len(text) > _LONGEST_DOUBLE or b"_" in text:
        return Failure.OTHER
    work.take(len(text))
    return by_google("double({})", value)


def to_text(work: Work, value: Any) -> Any:
    """``string(x)``."""
    match value:
        case Octets():
            work.over(len(value))
            return bytes(value) if _is_text(value) else Failure.OTHER
        case bytes():
            return value
        case bool():
            return b"true" if value else b"false"
        case int():
            text: Any = str(int(value)).encode()
        case float() | datetime() | timedelta():
            text = by_google("string({})", value)
        case _:
            return Failure.OTHER
    work.take(4)
    if isinstance(text, bytes):
        work.allocate(1, len(text))
    return text


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def to_bytes(value: Any) -> Any:
    """``bytes(x)``."""
    return Octets(value) if isinstance(value, bytes) else Failure.OTHER


def to_bool(value: Any) -> Any:
    """``bool(x)``."""
    if isinstance(value, bool):
        return value
    known = type(value) is bytes and value in _TRUE | _FALSE
    return value in _TRUE if known else Failure.OTHER


def to_moment(work: Work, kind: type, function: str, value: Any) -> Any:
    """``duration(x)`` or ``timestamp(x)``."""
    if isinstance(value, kind):
        return value
    if type(value) is bytes:
        work.over(8 * len(value))
    elif type(value) is not int or kind is timedelta:
        return Failure.OTHER
    return by_google(f"{function}({{}})", value)


def by_google(expression: str, a: Any, b: bytes = b"") -> Any:
    """Return what Google's CEL makes of a value, for the brackets, and of a text that is named ``b``."""
    of_duration = isinstance(a, timedelta)
    try:
        expression = expression.format("duration(a)" if of_duration else "a")
        result = _compiled(expression).eval(data={"a": _given(a), "b": b.decode()})
    except RuntimeError:
        return Failure.OTHER
    if result.type() == cel.Type.ERROR:
        return Failure.OTHER
    try:
        found = result.plain_value()
    except OverflowError:  # Python has no such moment
        return Failure.OTHER
    if isinstance(found, datetime):
        return found.replace(tzinfo=UTC)
    return found.encode() if isinstance(found, str) else found


def _given(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, timedelta):
        return f"{value // timedelta(microseconds=1)}us"
    if not isinstance(value, datetime):
        return value
    moment = timestamp_pb2.Timestamp()
    moment.FromDatetime(value)
    return moment


@cache
def _compiled(expression: str) -> cel.Expression:
    return environment({"a": cel.Type.DYN, "b": cel.Type.DYN}).compile(expression)
