"""Finds the types that an expression gives where they are hidden: by ``dyn``, in a list or map of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from kuadrant.policy.checked_expression import kind, offset_of

if TYPE_CHECKING:
    from collections.abc import Iterator

Wanted = Literal["predicate", "counter", "cost", "text"]

_PRIMITIVES: Final = {1: "bool", 2: "int", 3: "uint", 4: "double", 5: "string", 6: "bytes"}

_WRITTEN: Final = {"counter": "a counter", "text": "it"}
"""What messages call that which has to be written as text."""


class NotOfTypeError(ValueError):
    """An expression may give what its place has no use for; ``offset`` is where, in characters."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def not_written(wanted: Wanted, name: str) -> str:
    """Say of what is ``wanted`` as text that it is of a type that has none."""
    return f"{_WRITTEN[wanted]} must have a value that can be written as text, this is of type {name}"


def check_result(checked: Any, wanted: Wanted) -> None:
    """Check that nothing which ``checked`` may give is known to be of no use.

    Raises:
        NotOfTypeError: A predicate may be something else than true or false, a counter no single value, or a
            cost no whole number.
    """
    found = [*results(checked.expression)]
    numbers = {part.id for part in found}
    types = {one.id: one.type for one in checked.types if one.id in numbers}
    for part in found:
        name = _name(types.get(part.id))
        if wanted == "predicate":
            is_wrong = name not in ("", "bool")
            said = f"a predicate must be true or false, this is of type {name}"
        elif wanted == "cost":
            is_wrong = name not in ("", "int", "uint")
            said = f"a cost must be a whole number, this is of type {name}"
        else:
            is_wrong = name in ("list", "map", "message", "null", "type")
            said = not_written(wanted, name)
        if is_wrong:
            raise NotOfTypeError(said, offset_of(checked, part.id))


def results(part: Any) -> Iterator[Any]:
    """Yield the parts of which ``part`` may have the value."""
    function, arguments = part.call.function, part.call.arguments
    if kind(part) == "call" and function == "dyn":
        yield from results(arguments[0])
    elif kind(part) == "call" and function == "_?_:_":
        yield from results(arguments[1])
        yield from results(arguments[2])
    elif kind(part) == "call" and function == "_[_]" and kind(arguments[0]) == "list":
        for element in arguments[0].list.elements:
            yield from results(element)
    elif kind(part) == "call" and function == "_[_]" and kind(arguments[0]) == "struct":
        for entry in arguments[0].struct.entries:
            yield from results(entry.value)
    else:
        yield part


def _name(type_: Any) -> str:
    """The name of a type as far as it matters here; empty where it is not known."""
    if type_ is None:
        return ""
    if type_.HasField("primitive"):
        return _PRIMITIVES.get(type_.primitive, "")
    for name in ("list", "map", "message", "null", "type", "moment"):
        if type_.HasField(name):
            return name
    return ""
