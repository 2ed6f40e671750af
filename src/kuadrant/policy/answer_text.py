"""Texts of answers that are made of a request: what of them the policy has written, and what is inserted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from kuadrant.policy.checked_expression import kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.api.over_limit import Body, Line, OverLimit
    from kuadrant.api.problem import Path

LONGEST_INSERTED: Final = 256
"""So many characters of an inserted value are sent, and of a header or a message with one; then it is cut."""

BodyKind = Literal["json", "text"]
"""What a body is to its reader, by which inserted values are made harmless."""


def body_kind(content_type: str) -> BodyKind | None:
    """Return what a body of this type is; None for one that no value can be inserted into."""
    name = content_type.partition(";")[0].strip().lower()
    if name in ("application/json", "text/json") or (
        name.startswith("application/") and name[-5:] == "+json"
    ):
        return "json"
    return "text" if name == "text/plain" else None


def made_lines(over: OverLimit) -> Iterator[tuple[Path, Line | Body]]:
    """Yield the texts of an answer that are made of the request, with their fields."""
    lines: list[tuple[Path, Line | Body | None]] = [(("message",), over.message), (("body",), over.body)]
    lines += [(("headers", name), line) for name, line in over.headers.items()]
    for field, line in lines:
        if line is not None and (line.selector is not None or line.expression is not None):
            yield field, line


def pieces(expression: Any) -> tuple[Any, ...]:
    """Return what the text of a checked expression is put together from, in order.

    A ``str`` is a text that is written in the expression; all else is a part whose value is inserted. An
    expression in which no text is added to another is one such part.
    """
    operands = [*_operands(expression)]
    if not any(operand.constant.HasField("text") for operand in operands):
        return (expression,)
    found: list[Any] = []
    for operand in operands:
        if not operand.constant.HasField("text"):
            found.append(operand)
        elif found and isinstance(found[-1], str):
            found[-1] += operand.constant.text
        else:
            found.append(operand.constant.text)
    return tuple(found)


def _operands(part: Any) -> Iterator[Any]:
    if kind(part) == "call" and part.call.function == "_+_":
        for argument in part.call.arguments:
            yield from _operands(argument)
    else:
        yield part


def on_one_line(text: str) -> str:
    """Return a text that is made, as headers have it: printable ASCII, each other character a `?`."""
    cut = text[:LONGEST_INSERTED]
    return "".join(one if " " <= one <= "~" else "?" for one in cut).strip(" ")


def in_body(text: str, of: BodyKind) -> str:
    """Return an inserted value as a body has it: as within a JSON string, or without control characters."""
    cut = text[:LONGEST_INSERTED]
    if of == "json":
        return "".join(_JSON.get(one) or one for one in cut)
    return "".join("?" if one in _CONTROLS else one for one in cut)


_CONTROLS: Final = frozenset({*map(chr, range(0x20)), "\x7f"})
_JSON: Final = {one: f"\\u{ord(one):04x}" for one in _CONTROLS} | {'"': '\\"', "\\": "\\\\"}
