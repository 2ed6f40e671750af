"""Bounds the parts of an expression at worst, and what CEL's functions and operators make of them.

Steps, memory, a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.policy.attributes import ATTRIBUTES, MOST_HEADERS, REQUEST_BYTES, SIZES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MOST_PIECES: Final = 256
"""The most pieces of a text that is split, and parameters of a query.

Where there are more, the module ends the expression when it has taken too much: no gateway does either.
"""

PER_STEP: Final = 64
"""Bytes that are copied or compared in a step."""
ITEM: Final = 32
"""Bytes of memory for a value in a list; in a map it is twice that."""
_NUMBER: Final = 32
"""The most bytes that a number, a moment or a boolean has as a text."""


class Value(Struct, frozen=True, gc=False):
    """The worst that a part of an expression may be.

    ``size`` are the bytes of a text, ``mean`` those of one on average over all repetitions around it.
    ``length`` are the items of a list or map, ``key`` and ``element`` what they are. A ``scalar`` has no size
    that could grow. An ``open`` one may be any of these. Of a ``foreign`` one, which is Envoy's own, each
    reading of a part makes a copy.
    """

    size: int = 8
    mean: int = 8
    length: int = 0
    key: Value | None = None
    element: Value | None = None
    scalar: bool = False
    open: bool = False
    foreign: bool = False

    @property
    def whole(self) -> int:
        """Bytes to look at all of it."""
        inner = sum(part.whole for part in (self.key, self.element) if part is not None)
        return self.mean + self.length * inner


SCALAR: Final = Value(scalar=True)
TEXT: Final = Value(REQUEST_BYTES, REQUEST_BYTES)
OPEN: Final = Value(REQUEST_BYTES, REQUEST_BYTES, length=MOST_HEADERS, open=True, foreign=True)
IDENTITY: Final = Value(REQUEST_BYTES, REQUEST_BYTES, length=MOST_HEADERS, open=True)
# All names, and all values, of a request's headers are no larger together than one may be alone.
_NAME: Final = Value(REQUEST_BYTES, REQUEST_BYTES // MOST_HEADERS)
HEADERS: Final = Value(length=MOST_HEADERS, key=_NAME, element=TEXT, foreign=True)


_Result = tuple[int, int, Value]
"""Steps and memory of a function itself, and what it gives."""


def called(function: str, values: list[Value]) -> _Result:
    """Return what a function or an operator itself costs with these values, and what it gives."""
    if function in _FUNCTIONS:
        return _FUNCTIONS[function](*values)
    if values and values[0].scalar:
        # A calculation, or a part of a moment: by the name of a time zone, which is looked up.
        return 10, 0, SCALAR
    everything, size = sum(value.whole for value in values), sum(value.size for value in values)
    return everything // PER_STEP, everything, Value(size, min(size, everything))


def _logic(*_: Value) -> _Result:
    return 0, 0, SCALAR


def _choice(_: Value, *either: Value) -> _Result:
    return 0, 0, joined(either) or SCALAR


def _at(of: Value, index: Value) -> _Result:
    return index.mean // PER_STEP, 0, element_of(of, index)


def _comparison(*values: Value) -> _Result:
    return min(value.whole for value in values) // PER_STEP, 0, SCALAR


def _contains(text: Value, part: Value) -> _Result:
    return text.mean * (PER_STEP + part.size) // PER_STEP**2, 0, SCALAR


def _reading(value: Value) -> _Result:
    return value.mean // PER_STEP, 0, SCALAR


def _same(value: Value) -> _Result:
    return 0, 0, value


def _text(value: Value) -> _Result:
    if value.scalar:
        return 1, _NUMBER, Value(_NUMBER, _NUMBER)
    return value.mean // PER_STEP, value.mean, Value(value.size, value.mean)


def _contained(item: Value, among: Value) -> _Result:
    if among.key is not None and not among.open:
        return item.mean // PER_STEP, 0, SCALAR
    one = item.mean if among.element is None else min(item.mean, among.element.mean)
    return among.length * (1 + one // PER_STEP), 0, SCALAR


def _pieces(text: Value, *_: Value) -> _Result:
    piece = Value(text.size, text.mean // MOST_PIECES)
    return text.mean // PER_STEP, ITEM * MOST_PIECES, Value(length=MOST_PIECES, element=piece)


def _parameters(query: Value, *_: Value) -> _Result:
    part = Value(query.size, query.mean // MOST_PIECES)
    return query.mean, 2 * ITEM * MOST_PIECES, Value(length=MOST_PIECES, key=part, element=part)


def _within(text: Value, *_: Value) -> _Result:
    return text.mean // PER_STEP, 0, text


def _joined_text(among: Value, *between: Value) -> _Result:
    size = among.whole + among.length * sum(one.size for one in between)
    return size // PER_STEP, size, Value(size, size)


def _replaced(text: Value, _part: Value, by: Value, *_: Value) -> _Result:
    size = text.size + (text.size + 1) * by.size
    return size // PER_STEP, size, Value(size, size)


def _added(one: Value, other: Value) -> _Result:
    if one.scalar and other.scalar:
        return 0, 0, SCALAR
    length = one.length + other.length
    size, mean = one.size + other.size, one.mean + other.mean
    both = Value(
        size,
        mean,
        length=length,
        key=joined(part.key for part in (one, other)),
        element=joined(part.element for part in (one, other)),
        open=one.open or other.open,
    )
    if length and not both.open:  # of lists, which have no text of their own
        return length // 8, ITEM * length, Value(length=length, element=both.element)
    return mean // PER_STEP, mean, both


_FUNCTIONS: Final[dict[str, Callable[..., _Result]]] = {
    **dict.fromkeys(("_&&_", "_||_", "!_", "@not_strictly_false"), _logic),
    **dict.fromkeys(("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "startsWith", "endsWith"), _comparison),
    **dict.fromkeys(("int", "uint", "double", "bool", "timestamp", "duration", "size", "type"), _reading),
    "_?_:_": _choice,
    **dict.fromkeys(("_[_]", "_[?_]", "_?._"), _at),
    **dict.fromkeys(("or", "orValue"), lambda *either: (0, 0, joined(either) or SCALAR)),
    **dict.fromkeys(("optional.of", "optional.ofNonZeroValue", "value"), _same),
    **dict.fromkeys(("first", "last"), lambda of: (0, 0, element_of(of, None))),
    "hasValue": _logic,
    "@in": _contained,
    "contains": _contains,
    "dyn": _same,
    "string": _text,
    "bytes": _text,
    "_+_": _added,
    **dict.fromkeys(("charAt", "substring", "trim"), _within),
    **dict.fromkeys(("indexOf", "lastIndexOf"), lambda text, part, *_: _contains(text, part)),
    "split": _pieces,
    "join": _joined_text,
    "replace": _replaced,
    "queryMap": _parameters,
}


def attribute(root: str, field: str) -> Value:
    """Return what an attribute of a request may be."""
    form = ATTRIBUTES[root].get(field, "")
    if form == "map(string, string)":
        return HEADERS
    if form == "map(string, dyn)":
        return IDENTITY
    if form == "string":
        size = SIZES[root, field]
        return TEXT if size == REQUEST_BYTES else Value(size, size)
    return SCALAR if form else OPEN


def item_of(over: Value) -> Value:
    """Return what a repetition over a list or a map goes through."""
    if over.open:
        return OPEN
    return over.key or over.element or SCALAR


def element_of(of: Value, index: Value | None) -> Value:
    """Return what is at some place of a list or a map."""
    if of is HEADERS and index is _NAME:
        # Every header in its turn: all of them together are no larger than one may be.
        return _NAME
    if of.element is None:
        return OPEN if of.open else SCALAR
    # It may be the largest each time.
    return replace(of.element, mean=of.element.size)


def joined(values: Iterable[Value | None]) -> Value | None:
    """Return what any of ``values`` may be; None if there is none."""
    there = [value for value in values if value is not None]
    if len(there) < 2:
        return there[0] if there else None
    return Value(
        size=max(value.size for value in there),
        # Which of them it is may be another one each time.
        mean=min(max(value.size for value in there), sum(value.mean for value in there)),
        length=max(value.length for value in there),
        key=joined(value.key for value in there),
        element=joined(value.element for value in there),
        scalar=all(value.scalar for value in there),
        open=any(value.open for value in there),
        foreign=any(value.foreign for value in there),
    )


def repeated(grown: Value, rounds: int) -> Value:
    """Return what is gathered when each of so many rounds adds ``grown``."""
    return replace(grown, length=grown.length * rounds)
