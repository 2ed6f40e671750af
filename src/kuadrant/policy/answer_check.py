"""Checks the texts of an answer over a limit that are made of the request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kuadrant.api.document_nodes import quoted
from kuadrant.api.problem import Path
from kuadrant.policy.answer_text import body_kind, made_lines, pieces
from kuadrant.policy.attributes import may_have_value, selector_path
from kuadrant.policy.budgets import DEFAULT, Budgets
from kuadrant.policy.checked_expression import kind
from kuadrant.policy.expression_check import check_text, checked, has_control_character
from kuadrant.policy.expression_error import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.api.over_limit import Body, OverLimit
    from kuadrant.policy.expression_cost import Estimate


class AnswerMistake(Struct, frozen=True, gc=False):
    """A mistake in a text of an answer: its place there, and in a text of CEL, and what to write instead."""

    field: Path
    message: str
    at: tuple[int, int] = (0, 0)
    write: str = ""


def check_answer(
    over: OverLimit, costs: list[Estimate], budgets: Budgets = DEFAULT
) -> Iterator[AnswerMistake]:
    """Yield what is wrong with an answer, and append to ``costs`` what its expressions cost at most."""
    sound = True
    for field, line in made_lines(over):
        try:
            if line.expression is not None:
                costs.append(check_text(line.expression, budgets))
        except ExpressionError as error:
            sound = False
            yield AnswerMistake((*field, "expression"), str(error), error.at, error.written)
        if line.selector is not None and (wrong := _no_selector(line.selector)):
            sound = False
            yield AnswerMistake((*field, "selector"), wrong)
    if sound and over.body is not None:
        yield from _body(over, over.body)


def _no_selector(selector: str) -> str:
    path = selector_path(selector)
    if path is None or has_control_character(selector):
        return f"{quoted(selector)} is no selector: names with dots between them are"
    return "" if may_have_value(path) else f'"{selector}" never has a value at the gateway'


_ESCAPED: Final = (
    "values are inserted into bodies of the types text/plain (that of a body without a content-type) and JSON"
)


def _body(over: OverLimit, body: Body) -> Iterator[AnswerMistake]:
    if body.selector is None and body.expression is None:
        return
    field = ("body", "selector" if body.expression is None else "expression")
    said = next((line for name, line in over.headers.items() if name.lower() == "content-type"), None)
    if said is not None and said.value is None:
        yield AnswerMistake(field, f"{_ESCAPED}, so content-type has to be a value")
        return
    of = body_kind("text/plain" if said is None else said.value or "")
    if of is None:
        yield AnswerMistake(field, _ESCAPED)
    elif of == "json" and (wrong := _no_json(body)):
        yield AnswerMistake(field, wrong)


def _no_json(body: Body) -> str:
    """Why a body is no JSON whatever is inserted into it; empty if it is."""
    if body.expression is None:
        return "a body of JSON is an expression that adds values to texts in which they are within quotes"
    tree = checked(body.expression)
    types = {one.id: one.type for one in tree.types}
    text = ""
    for piece in pieces(tree.expression):
        if isinstance(piece, str):
            text += piece
        elif _is_within_quotes(text):
            text += "x"
        elif _is_number(piece, types):
            text += "0"
        else:
            return (
                "a value is inserted into JSON outside of a string: put double quotes around it, as in "
                """'{"path":"' + request.path + '"}'"""
            )
    try:
        json.loads(text)
    except ValueError as error:
        return f"what it makes is no JSON: {error}"
    return ""


def _is_within_quotes(text: str) -> bool:
    within = escaped = False
    for one in text:
        if escaped:
            escaped = False
        elif within and one == "\\":
            escaped = True
        elif one == '"':
            within = not within
    return within


_NUMBERS: Final = (1, 2, 3)
"""Of the primitive types those of which the text is JSON: bool, int and uint."""


def _is_number(part: Any, types: dict[int, Any]) -> bool:
    if kind(part) == "call" and part.call.function == "string":
        (part,) = part.call.arguments
    found = types.get(part.id)
    return found is not None and found.HasField("primitive") and found.primitive in _NUMBERS
