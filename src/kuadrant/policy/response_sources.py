"""Finds what clients are to be told of limits, in a policy or an annotation of a Gateway or the Kuadrant."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kuadrant.api.document_nodes import quoted
from kuadrant.api.policy_extensions import (
    ANNOTATION,
    KuadrantExtensions,
    ResponseExtensions,
    read_extensions,
)
from kuadrant.api.problem import spelled
from kuadrant.api.response import Response
from kuadrant.policy.answer_check import check_answer
from kuadrant.policy.extension_annotation import mistake_at
from kuadrant.policy.model import Mistake, Problem

if TYPE_CHECKING:
    from kuadrant.api.gateway import Gateway
    from kuadrant.api.kuadrant import Kuadrant
    from kuadrant.api.policy_extensions import Extensions, ReadExtensions


def response(
    field: Response | None, said: ReadExtensions[Extensions]
) -> tuple[Response | None, tuple[Mistake, ...]]:
    """Return what the field or the annotation of a policy says, and what is wrong with the annotation."""
    annotated = said.extensions.response
    if field is None or annotated is None or field == annotated:
        return field or annotated, ()
    message = "is not what the field of the policy says: leave one out"
    return field, (mistake_at(said, ("response",), message),)


def response_of_gateway(gateway: Gateway) -> tuple[Response, tuple[Problem, ...]]:
    """Return what the annotation of a Gateway says for the policies on it, and what is wrong there."""
    text = gateway.metadata.annotations.get(ANNOTATION)
    if text is None:
        return Response(), ()
    said = read_extensions(text, ResponseExtensions)
    problems = (
        _problem(gateway, f"{quoted(one.field)} {one.message}" if one.field else one.message, one.at)
        for one in said.mistakes
    )
    response, wrong = _checked(gateway, said.extensions.response or Response(), partial(mistake_at, said))
    return response, (*problems, *wrong)


def response_of_installation(kuadrant: Kuadrant | None) -> tuple[Response, tuple[Problem, ...]]:
    """Return what a Kuadrant says for all policies, by field or annotation, and where these differ.

    What is wrong in the annotation by itself is told where identities are read from it.
    """
    if kuadrant is None:
        return Response(), ()
    text, field = kuadrant.metadata.annotations.get(ANNOTATION), kuadrant.spec.response
    extensions = None if text is None else read_extensions(text, KuadrantExtensions)
    said = extensions and extensions.extensions.response
    problems: tuple[Problem, ...] = ()
    if None not in (field, said) and field != said:
        message = '"response" is said otherwise by the field spec.response'
        problems = (_problem(kuadrant, message, (1, 1)),)
    place = partial(mistake_at, extensions) if field is None and extensions else _in_field
    response, wrong = _checked(kuadrant, field or said or Response(), place)
    return response, (*problems, *wrong)


_Place = Callable[[tuple[str, ...], str], Mistake]
"""What is wrong, by the path of a field below ``response``, as a mistake of the object."""


def _in_field(path: tuple[str, ...], message: str) -> Mistake:
    return Mistake(("spec", *path), message)


def _checked(
    owner: Gateway | Kuadrant, response: Response, place: _Place
) -> tuple[Response, tuple[Problem, ...]]:
    """``response`` without an answer that cannot be made, and what is wrong with that."""
    if response.over_limit is None:
        return response, ()
    of = (owner.kind, owner.metadata.namespace, owner.metadata.name)
    problems = []
    for wrong in check_answer(response.over_limit, []):
        one = place(("response", "overLimit", *map(str, wrong.field)), wrong.message)
        code = "invalid-annotation" if one.field[0] == "metadata" else "invalid-expression"
        problems.append(Problem("error", *of, spelled(one.field), one.message, code, one.at))
    return (replace(response, over_limit=None) if problems else response), tuple(problems)


def _problem(owner: Gateway | Kuadrant, message: str, at: tuple[int, int]) -> Problem:
    of = (owner.kind, owner.metadata.namespace, owner.metadata.name)
    field = spelled(("metadata", "annotations", ANNOTATION))
    return Problem("error", *of, field, message, "invalid-annotation", at)
