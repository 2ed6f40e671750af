"""Has Google's implementation evaluate as the definition of CEL says, where by itself it does otherwise.

* A part of a text may end with the text: ``'abc'.substring(1, 3)``, which fails there.
* Behind an ``all`` or ``exists`` that ended before its last item ``cel.bind``, ``optMap`` and ``optFlatMap``
  take that item for what they name. Where an expression has both, ``all`` and ``exists`` look at every item
  here: their value is the same, since a failure of one gives way to a later item that decides.
"""

from __future__ import annotations

from typing import Any, Final

from cel_expr_python import cel

from kuadrant.policy.checked_expression import is_binding, kind, parts

_PART: Final = "@part"
_OVERLOAD: Final = "part_of_text"
_SEARCHES: Final = frozenset({"_&&_", "_||_"})


def as_defined(checked: Any) -> Any:
    """Change a checked expression so that it is evaluated as the definition says, and return it.

    Its parts keep their numbers and places. It is for an environment with :func:`functions`.
    """
    found = parts(checked.expression)
    cut = {part.id for part in found if part.call.function == "substring" and len(part.call.arguments) == 2}
    loops = [part.comprehension for part in found if kind(part) == "comprehension"]
    searches = [loop for loop in loops if loop.step.call.function in _SEARCHES]
    for part in found if cut else ():
        if part.id in cut:
            part.call.function = _PART
    for entry in checked.references if cut else ():
        if entry.id in cut:
            entry.reference.name = _PART
            entry.reference.overloads[:] = [_OVERLOAD]
    if len(loops) > len(searches) and any(map(is_binding, loops)):
        for loop in searches:
            number = loop.condition.id
            loop.condition.Clear()
            loop.condition.id = number
            loop.condition.constant.bool = 1
    return checked


def functions() -> cel.CelExtension:
    """The functions that changed expressions have. Nobody can write their names."""
    text, number = cel.Type.STRING, cel.Type.INT
    overload = cel.Overload(_OVERLOAD, text, [text, number, number], is_member=True, impl=_part)
    return cel.CelExtension("as defined", [cel.FunctionDecl(_PART, [overload])])


def as_written(complaint: str) -> str:
    """A complaint of the engine, with the names of functions that expressions have."""
    return complaint.replace(_PART, "substring")


def _part(text: str, start: int, end: int) -> str:
    if not 0 <= start <= end <= len(text):
        raise ValueError(f"substring({start}, {end}) of a text of {len(text)} characters")
    return text[start:end]
