"""The macros of CEL, found again in what the parser has made of them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from kuadrant.expressions import program_nodes
from kuadrant.expressions.not_evaluable import OutsideError
from kuadrant.policy.checked_expression import is_binding, kind


class Binding(Struct, frozen=True):
    """``cel.bind(name, bound, result)``; ``optMap`` is made of it, too."""

    name: str
    bound: Any
    result: Any


class Search(Struct, frozen=True):
    """``all``, ``exists`` or ``exists_one``, by the number of its node."""

    form: int
    name: str
    among: Any
    condition: Any


class Transformation(Struct, frozen=True):
    """``map`` or ``filter``; without a condition ``where`` is None."""

    name: str
    among: Any
    where: Any
    body: Any


def recognised(loop: Any) -> Binding | Search | Transformation:
    """Return what ``loop`` was written as.

    Raises:
        OutsideError: None of these.
    """
    if loop.second_variable:
        raise OutsideError("a repetition with two variables")
    among, name, start, step = loop.range, loop.variable, loop.start, loop.step
    if is_binding(loop):
        return Binding(loop.accumulator, start, loop.result)
    function, arguments = step.call.function, step.call.arguments
    if function == "_&&_" and start.constant.HasField("bool"):
        return Search(program_nodes.ALL, name, among, arguments[1])
    if function == "_||_" and start.constant.HasField("bool"):
        return Search(program_nodes.EXISTS, name, among, arguments[1])
    if start.constant.HasField("int") and function == "_?_:_":
        return Search(program_nodes.EXISTS_ONE, name, among, arguments[0])
    if kind(start) == "list" and function == "_+_":
        return Transformation(name, among, None, _added(step))
    if kind(start) == "list" and function == "_?_:_":
        return Transformation(name, among, arguments[0], _added(arguments[1]))
    raise OutsideError("a repetition of another kind")


def _added(step: Any) -> Any:
    (element,) = step.call.arguments[1].list.elements
    return element
