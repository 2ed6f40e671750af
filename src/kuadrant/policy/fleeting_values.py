"""Finds what makes a counter another one for each connection or request, or whenever a client wants it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from kuadrant.policy.attributes import selector_path
from kuadrant.policy.checked_expression import is_binding, kind
from kuadrant.policy.expression_check import checked
from kuadrant.policy.expression_error import ExpressionError, position
from kuadrant.policy.expression_text import HEADERS, entry, quoted, text_of

PER_CONNECTION: Final = {
    "source.address": "has the client's port in it, which is another one for each connection",
    "source.port": "is another one for each connection",
    "connection.id": "is another one for each connection",
}
_REQUEST_ID: Final = "x-request-id"
_ID_HEADER: Final = entry(HEADERS, quoted(_REQUEST_ID))
PER_REQUEST: Final = {
    "request.id": "is another one for each request",
    "request.time": "is another one for each request",
    _ID_HEADER: "is another one for each request, whatever a client sends: the gateway makes it",
}


_OF_ADDRESSES: Final = ("x-forwarded-for", "forwarded", "x-real-ip", "x-client-ip", "true-client-ip")
"""Headers that stand for the client's address, where nobody before the gateway lets clients write them."""
PER_WISH: Final = {
    entry(HEADERS, quoted(name)): "begins with what the client writes into it"
    if name == "x-forwarded-for"
    else "is what the client writes into it"
    for name in _OF_ADDRESSES
}


class Fleeting(Struct, frozen=True, gc=False):
    """The attribute that makes a value another one each time, and where it is named (line and column).

    A value that has it only for some requests is so ``sometimes``. ``name`` is empty if nothing does.
    """

    name: str = ""
    at: tuple[int, int] = (0, 0)
    sometimes: bool = False


_KEEP_VALUE: Final = frozenset(
    {"string", "dyn", "lowerAscii", "upperAscii", "trim", "_+_", "int", "uint", "join", "split", "reverse"}
    | {"strings.quote", "bytes", "optional.of", "value"}
)
"""Functions whose results differ where what they are given differs."""
_OPTIONAL: Final = frozenset({"_[?_]", "_?._"})
_SEARCHES: Final = frozenset({"indexOf", "lastIndexOf"})
_PORT: Final = "source.address"
_BEHIND_THE_COLON: Final = 1
_BY_TEXT: Final = {
    name: name for name in (*PER_CONNECTION, *PER_REQUEST, *PER_WISH) if name != "request.id"
}  # which has the text of its header
_Bound = Mapping[str, Any]
_Kept = tuple[Any, str, bool]
"""A part, the text that stands for its value, and whether it is in the value for some requests only."""


def fleeting(expression: str) -> Fleeting:
    """Return what makes the value of ``expression`` another one each time: all of it is in the value."""
    if not any(word in expression.lower() for word in ("address", "port", "id", "time", "forwarded", "-ip")):
        return Fleeting()
    tree = checked(expression)
    for part, text, sometimes in _kept(tree.expression, MappingProxyType({}), sometimes=False):
        if text in _BY_TEXT:
            offsets = {one.id: one.offset for one in tree.source.positions}
            name = "request.id" if text == _ID_HEADER and part.select.field == "id" else text
            return Fleeting(name, position(expression, offsets.get(part.id, 0)), sometimes)
    return Fleeting()


def fleeting_selector(selector: str) -> Fleeting:
    """Return what makes the value of a selector of v1beta2 another one each time."""
    path = selector_path(selector) or ()
    if path[:2] == ("request", "headers") and len(path) == 3:
        name = entry(HEADERS, quoted(path[2]))
        return Fleeting(name) if name in _BY_TEXT else Fleeting()
    return Fleeting(selector if selector in {**PER_CONNECTION, **PER_REQUEST} else "")


def _kept(part: Any, bound: _Bound, *, sometimes: bool) -> Iterator[_Kept]:
    """Yield the parts of ``part`` whose whole value is within its value."""
    if kind(part) == "name" and part.name.name in bound:
        start, around = bound[part.name.name]
        yield from _kept(start, around, sometimes=sometimes)
        return
    if kind(part) == "comprehension" and is_binding(part.comprehension):
        loop = part.comprehension
        within = {**bound, loop.accumulator: (loop.start, bound)}
        yield from _kept(loop.result, within, sometimes=sometimes)
        return
    if not (kind(part) == "select" and part.select.test_only):
        yield part, _text(part), sometimes
    for one, some in _within(part):
        yield from _kept(one, bound, sometimes=sometimes or some)


def _text(part: Any) -> str:
    """The text of a part; what an optional has is what it is one of."""
    call = part.call
    if call.function not in _OPTIONAL:
        return text_of(part)
    of, name = text_of(call.arguments[0]), call.arguments[1].constant.text
    if of == HEADERS:
        return entry(of, quoted(name))
    return _ID_HEADER if (of, name) == ("request", "id") else f"{of}.{name}"


def _within(part: Any) -> Iterator[tuple[Any, bool]]:
    """Yield what ``part`` is made of and keeps, and whether it does so for some requests only."""
    if kind(part) == "list":
        yield from ((one, False) for one in part.list.elements)
    elif kind(part) == "struct":
        yield from ((one.value, False) for one in part.struct.entries)
    if kind(part) != "call":
        return
    call = part.call
    target = [call.target] if call.HasField("target") else []
    match call.function:
        case function if function in _KEEP_VALUE:
            yield from ((one, False) for one in (*target, *call.arguments))
        case "_?_:_":
            yield from ((one, True) for one in call.arguments[1:])
        case "or" | "orValue":
            yield call.target, False
            yield call.arguments[0], True
        case "_[_]" if _is_piece(call.arguments[0], call.arguments[1].constant):
            yield call.arguments[0].call.target, False
        case "@part" | "substring" if target and (_is_end_of_address(call) or _is_from_the_first(call)):
            yield call.target, False


def _is_piece(of: Any, place: Any) -> bool:
    """Tell whether it is the port of an address, or the first piece of a header, which is the client's."""
    if not place.HasField("int") or of.call.function != "split":
        return False
    if _is_split(of):
        return bool(place.int == _BEHIND_THE_COLON)
    return place.int == 0 and _text(of.call.target) in PER_WISH


def _is_from_the_first(call: Any) -> bool:
    start = call.arguments[0].constant
    return _text(call.target) in PER_WISH and start.HasField("int") and start.int == 0


def _is_split(part: Any) -> bool:
    """Tell whether the address is split at its colons: the port is the second piece."""
    call = part.call
    return (
        call.function == "split"
        and [one.constant.text for one in call.arguments] == [":"]
        and text_of(call.target) == _PORT
    )


def _is_end_of_address(call: Any) -> bool:
    """Tell whether it is the address from one of its colons to its end, with the port."""
    if len(call.arguments) != 1 or text_of(call.target) != _PORT:
        return False
    start = call.arguments[0]
    places = start.call.arguments if start.call.function == "_+_" else [start]
    return any(
        one.call.function in _SEARCHES
        and text_of(one.call.target) == _PORT
        and one.call.arguments[0].constant.text == ":"
        for one in places
    )


def is_of_a_connection(counter: str) -> bool:
    """Tell whether a selector or an expression has another value for each connection."""
    if counter in PER_CONNECTION:
        return True
    try:
        return fleeting(counter).name in PER_CONNECTION
    except ExpressionError:  # a selector
        return False
