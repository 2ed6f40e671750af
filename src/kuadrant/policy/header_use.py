"""Finds the headers that an expression reads, and those that it first asks for whether they are there.

A header that is not there has no value: the expression fails, and with it the request (docs/semantics.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kuadrant.policy.attributes import HEADERS_BY_ATTRIBUTE
from kuadrant.policy.checked_expression import kind, parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class HeaderUse(Struct, frozen=True, gc=False):
    """The headers, in lower case, that are ``read`` by their names, and those that are ``asked`` for.

    ``present_if_false`` are those that a request has for which the expression is false. ``offsets`` are the
    places, in characters, at which each is first read.
    """

    read: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    present_if_false: frozenset[str] = frozenset()
    offsets: tuple[tuple[str, int], ...] = ()

    def offset(self, names: Iterable[str]) -> int:
        """Return where the first of ``names`` is read."""
        wanted = frozenset(names)
        return min((offset for name, offset in self.offsets if name in wanted), default=0)


def header_use(checked: Any) -> HeaderUse:
    """Return how the expression of ``checked`` uses headers.

    Names that are only known with a request are left out, and so are those that every request has. An
    attribute that has the value of a header, such as ``request.referer``, is one of its names.
    """
    found = [*_uses(checked.expression)]
    if not found:
        return HeaderUse()
    places = {one.id: one.offset for one in checked.source.positions}
    read: dict[str, int] = {}
    for name, asks, number in found:
        if not asks and not name.startswith(":"):
            read[name] = min(read.get(name, places.get(number, 0)), places.get(number, 0))
    return HeaderUse(
        read=frozenset(read),
        asked=frozenset(name for name, asks, _ in found if asks),
        present_if_false=_present(checked.expression, when=False),
        offsets=tuple(read.items()),
    )


def _present(expression: Any, *, when: bool) -> frozenset[str]:
    """Return the headers that a request has for which a true or false expression is as ``when`` says."""
    function, arguments = expression.call.function, expression.call.arguments
    if function == "!_":
        return _present(arguments[0], when=not when)
    if function == ("_&&_" if when else "_||_"):
        return frozenset().union(*(_present(one, when=when) for one in arguments))
    own = {name for name, asks, number in _uses(expression) if asks and number == expression.id}
    return frozenset(own) if when else frozenset()


def _uses(expression: Any) -> Iterator[tuple[str, bool, int]]:
    """Yield the header's name, whether the expression only asks for it, and the number of the part."""
    for part in parts(expression):
        if kind(part) == "select" and _is_headers(part.select.operand):
            yield part.select.field.lower(), bool(part.select.test_only), part.id
        elif kind(part) == "select" and part.select.operand.name.name == "request":
            if header := HEADERS_BY_ATTRIBUTE.get(part.select.field):
                yield header, bool(part.select.test_only), part.id
        elif kind(part) == "call" and len(part.call.arguments) == 2:
            among, name = part.call.arguments
            if part.call.function == "@in":
                among, name = name, among
            if (
                part.call.function in ("_[_]", "@in")
                and _is_headers(among)
                and name.constant.HasField("text")
            ):
                yield name.constant.text.lower(), part.call.function == "@in", part.id


def _is_headers(part: Any) -> bool:
    return (
        kind(part) == "select"
        and part.select.field == "headers"
        and not part.select.test_only
        and part.select.operand.name.name == "request"
    )
