"""Tells why a part of an expression fails, in words that tell no value that is masked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from kuadrant.policy.expression_hints import near
from kuadrant.policy.expression_text import HEADERS
from kuadrant.policy.fallible_parts import needed

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.policy.fallible_parts import Need

_LISTED: Final = 5
_CODE: Final = re.compile(r"^[A-Z_]+: ")
_PLAIN: Final = (
    (re.compile(r"^Key not found in map : (.*)$"), r"there is no \1"),
    (re.compile(r"^Index error: index=(.*) size=(.*)$"), r"there is nothing at \1: it has \2 items"),
    (re.compile(r"^divide by zero$"), "it is divided by 0"),
)
"""What the engine says, and what that means."""


def plain(complaint: str) -> str:
    """The engine's ``complaint`` without its code and its notes, in plain words where there are some."""
    text = _CODE.sub("", complaint).partition(" [")[0]
    for form, words in _PLAIN:
        text = form.sub(words, text)
    return text


def is_absent(complaint: str) -> bool:
    """Tell whether the engine complains that a map has no such entry."""
    return "Key not found in map" in complaint


def why(part: Any, complaint: str, value_of: Callable[[Any], object], *, hides: bool) -> str:
    """Return why ``part`` fails by itself; empty where only the engine's ``complaint`` says it.

    ``value_of`` evaluates what it is made of, which is not told where that ``hides`` something.
    """
    need = needed(part)
    if need is None:
        return ""
    container = part.select.operand if part.HasField("select") else _first(part)
    if need.kind == "entry":
        if not is_absent(complaint):
            return ""
        return _entry(need, None if hides and need.of != HEADERS else value_of(container))
    if need.kind == "length":
        found = None if hides else value_of(container)
        unit = "items" if need.is_list else "characters"
        has = (
            f"has {len(found)} {unit}"
            if isinstance(found, list | str)
            else f"has fewer than {need.least} {unit}"
        )
        return (
            f"{need.of} {has}, {need.least} are needed"
            if isinstance(found, list | str)
            else f"{need.of} {has}"
        )
    return {
        "found": f"{need.of} has no {need.what} in it",
        "optional": f"{need.of} has no value",
        "conversion": f"{need.of} is no text that {need.what} takes",
        "nonzero": f"{need.of} is 0, and divided by",
    }[need.kind]


def no_cost(value: str, shown: str) -> str:
    """Return why ``value``, which may be ``shown`` so, is not how many hits a request is."""
    if value.startswith("-"):
        return f"it is {shown if shown == value else 'less than 0'}, and no request costs less than 0"
    return f"it is {shown}, which is no whole number of hits"


def _first(part: Any) -> Any:
    return part.call.target if part.call.HasField("target") else part.call.arguments[0]


def _entry(need: Need, container: object) -> str:
    """That an entry is not there, and which one may be meant."""
    is_name = need.what.startswith("'")
    name = need.what[1:-1] if is_name else need.what
    names = [str(one) for one in container] if isinstance(container, dict) else []
    meant = near(name, names) if is_name else ""
    if need.of == HEADERS and is_name:
        return f"the request has no header {name}" + (f"; did you mean {meant}?" if meant else "")
    words = f"{need.of} has no {need.what}"
    if meant:
        return f"{words}; did you mean '{meant}'?"
    return f"{words}; it has {', '.join(names[:_LISTED])}" if 0 < len(names) <= _LISTED else words
