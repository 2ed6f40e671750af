"""The functions of programs that take the values of all their arguments, as ``cel/function.zig`` has them."""

from __future__ import annotations

import operator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from kuadrant.expressions.functions import NUMBERS
from kuadrant.reference_model.steps import numbers, texts
from kuadrant.reference_model.steps.tables import query_map
from kuadrant.reference_model.steps.values import (
    VALUE,
    Failure,
    Map,
    Octets,
    Optional,
    Typed,
    Uint,
    compared,
    equal,
    is_key,
    type_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.reference_model.steps.budget import Work

_NAMES: Final = {number: name for name, number in NUMBERS.items()}
_ORDERS: Final = {"_<_": operator.lt, "_<=_": operator.le, "_>_": operator.gt, "_>=_": operator.ge}


def call(work: Work, number: int, given: list[Any]) -> Any:
    """Call the function with this number with values, of which none is a failure."""
    name = _NAMES[number]
    if name in _OF_TEXT:
        return _of_text(work, name, given)
    if name in _ORDERS:
        pair = compared(work, *given)
        return Failure.OTHER if pair is None else _ORDERS[name](*pair)
    if name.startswith("get"):
        return _of_moment(name, given)
    if len(name) == 3 and name[0] == name[2] == "_":
        return numbers.calculated(work, name[1], *given)
    return _FUNCTIONS[name](work, *given)


def index(work: Work, of: Any, key: Any) -> Any:  # noqa: PLR0911 - one for each kind
    """Return what is in a list or a map at some place."""
    if isinstance(of, list):
        place = _place(key)
        if place is None:
            return Failure.OTHER
        return of[place] if 0 <= place < len(of) else Failure.NO_SUCH_INDEX
    if isinstance(of, Map):
        if not is_key(key) and type(key) is not float:
            return Failure.OTHER
        found = of.find(work, key)
        return found[0] if found else Failure.NO_SUCH_KEY
    if isinstance(of, Optional):
        if not of.inner:
            return of
        inner = index(work, of.inner[0], key)
        if isinstance(inner, Failure):
            return Optional() if inner is Failure.NO_SUCH_KEY else inner
        return some(work, inner)
    return Failure.OTHER


def optional_index(work: Work, of: Any, key: Any) -> Any:
    """The same as an optional."""
    while isinstance(of, Optional):
        if not of.inner:
            return of
        of = of.inner[0]
    if isinstance(of, Map) and not is_key(key) and type(key) is not float:
        return Optional()
    if isinstance(of, list) and type(key) is not int:
        return Failure.OTHER
    found = index(work, of, key)
    if found in (Failure.NO_SUCH_KEY, Failure.NO_SUCH_INDEX):
        return Optional()
    return found if isinstance(found, Failure) else some(work, found)


def some(work: Work, value: Any) -> Optional:
    """An optional that is there."""
    work.allocate(VALUE)
    return Optional((value,))


def _place(key: Any) -> int | None:
    if type(key) in (int, Uint):
        return int(key)
    return int(key) if type(key) is float and key.is_integer() and abs(key) < 2.0**63 else None


def _contained(work: Work, item: Any, among: Any) -> Any:
    if isinstance(among, list):
        return any(equal(work, item, one) for one in among)
    if not isinstance(among, Map) or (not is_key(item) and type(item) is not float):
        return Failure.OTHER
    return bool(among.find(work, item))


def _size(work: Work, of: Any) -> Any:
    if type(of) is bytes:
        work.through(len(of))
        return len(of.decode(errors="replace"))
    if isinstance(of, Map):
        return len(of.entries)
    return len(of) if isinstance(of, list | Octets) else Failure.OTHER


def _of_non_zero(work: Work, value: Any) -> Optional:
    is_zero = not value
    if isinstance(value, Map):
        is_zero = not value.entries
    elif isinstance(value, datetime):
        is_zero = value.timestamp() == 0
    elif isinstance(value, Typed | Optional):
        is_zero = False
    return Optional() if is_zero else some(work, value)


def _value(_: Work, of: Any) -> Any:
    return of.inner[0] if isinstance(of, Optional) and of.inner else Failure.OTHER


def _end(place: int) -> Callable[[Work, Any], Any]:
    def end(work: Work, of: Any) -> Any:
        if not isinstance(of, list):
            return Failure.OTHER
        return some(work, of[place]) if of else Optional()

    return end


def _join(work: Work, of: Any, separator: Any = b"") -> Any:
    is_right = isinstance(of, list) and type(separator) is bytes
    return texts.join(work, of, separator) if is_right else Failure.OTHER


def _query_map(work: Work, of: Any, repeats: Any = False) -> Any:
    is_right = type(of) is bytes and isinstance(repeats, bool)
    return query_map(work, of, repeats=repeats) if is_right else Failure.OTHER


_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "!_": lambda _, a: not a if isinstance(a, bool) else Failure.OTHER,
    "-_": lambda _, a: numbers.negated(a),
    "_==_": equal,
    "_!=_": lambda work, a, b: not equal(work, a, b),
    "_[_]": index,
    "_[?_]": optional_index,
    "@in": _contained,
    "size": _size,
    "int": lambda _, a: numbers.to_int(a),
    "uint": lambda _, a: numbers.to_uint(a),
    "double": numbers.to_double,
    "string": numbers.to_text,
    "bytes": lambda _, a: numbers.to_bytes(a),
    "bool": lambda _, a: numbers.to_bool(a),
    "duration": lambda work, a: numbers.to_moment(work, timedelta, "duration", a),
    "timestamp": lambda work, a: numbers.to_moment(work, datetime, "timestamp", a),
    "type": lambda _, a: type_of(a),
    "join": _join,
    "optional.of": some,
    "optional.ofNonZeroValue": _of_non_zero,
    "optional.none": lambda _: Optional(),
    "hasValue": lambda _, a: bool(a.inner) if isinstance(a, Optional) else Failure.OTHER,
    "value": _value,
    "first": _end(0),
    "last": _end(-1),
    "queryMap": _query_map,
}


def _of_moment(name: str, given: list[Any]) -> Any:
    is_right = isinstance(given[0], timedelta | datetime) and all(type(one) is bytes for one in given[1:])
    zone = "b" if len(given) > 1 else ""
    return numbers.by_google(f"{{}}.{name}({zone})", *given) if is_right else Failure.OTHER


def _of_text(work: Work, name: str, given: list[Any]) -> Any:
    of, *rest = given
    kinds = tuple(type(one) for one in rest)
    if type(of) is not bytes or kinds != _TAKEN[name][: len(kinds)]:
        return Failure.OTHER
    return _OF_TEXT[name](work, of, *rest)


_TAKEN: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(("lowerAscii", "upperAscii", "trim", "reverse", "strings.quote"), ()),
    **dict.fromkeys(("contains", "startsWith", "endsWith"), (bytes,)),
    **dict.fromkeys(("charAt", "substring"), (int, int)),
    **dict.fromkeys(("indexOf", "lastIndexOf", "split"), (bytes, int)),
    "replace": (bytes, bytes, int),
}


def _starts(work: Work, of: bytes, start: bytes) -> bool:
    work.over(len(start))
    return of.startswith(start)


def _ends(work: Work, of: bytes, end: bytes) -> bool:
    work.over(len(end))
    return of.endswith(end)


_OF_TEXT: Final[dict[str, Callable[..., Any]]] = {
    "lowerAscii": lambda work, of: texts.cased(work, of, upper=False),
    "upperAscii": lambda work, of: texts.cased(work, of, upper=True),
    "trim": texts.trim,
    "reverse": texts.reverse,
    "strings.quote": texts.quote,
    "contains": lambda work, of, other: texts.find(work, of, other, 0) is not None,
    "startsWith": _starts,
    "endsWith": _ends,
    "charAt": texts.char_at,
    "substring": lambda work, of, first, last=None: texts.substring(work, of, first, last),
    "indexOf": lambda work, of, other, first=0: texts.index_of(work, of, other, first),
    "lastIndexOf": lambda work, of, other, first=None: texts.last_index_of(work, of, other, first),
    "split": lambda work, of, by, most=-1: texts.split(work, of, by, most),
    "replace": lambda work, of, old, new, most=-1: texts.replace(work, of, old, new, most),
}
