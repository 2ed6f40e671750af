"""Which headers of a request an expression reads, and of which it asks first whether they are there.

A header that is not there has no value: the expression fails, and with it the request (docs/semantics.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kuadrant.policy.checked_expression import kind, parts

if TYPE_CHECKING:
    from collections.abc import Iterator


class HeaderUse(Struct, frozen=True, gc=False):
    """The headers, in lower case, that are ``read`` by their names, and those that are ``asked`` for."""

    read: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()


def header_use(checked: Any) -> HeaderUse:
    """Return how the expression of ``checked`` uses headers.

    Names that are only known with a request are left out, and so are those that every request has.
    """
    found = [*_uses(checked.expression)]
    return HeaderUse(
        read=frozenset(name for name, asks in found if not asks and not name.startswith(":")),
        asked=frozenset(name for name, asks in found if asks),
    )


def _uses(expression: Any) -> Iterator[tuple[str, bool]]:
    """Yield the header's name, and whether the expression only asks for it."""
    for part in parts(expression):
        if kind(part) == "select" and _is_headers(part.select.operand):
            yield part.select.field.lower(), bool(part.select.test_only)
        elif kind(part) == "call" and len(part.call.arguments) == 2:
            among, name = part.call.arguments
            if part.call.function == "@in":
                among, name = name, among
            if (
                part.call.function in ("_[_]", "@in")
                and _is_headers(among)
                and name.constant.HasField("text")
            ):
                yield name.constant.text.lower(), part.call.function == "@in"


def _is_headers(part: Any) -> bool:
    return (
        kind(part) == "select"
        and part.select.field == "headers"
        and not part.select.test_only
        and part.select.operand.name.name == "request"
    )
