"""What clients are told of limits: by a policy, or by an annotation of a Gateway or the Kuadrant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.api.document_nodes import quoted
from kuadrant.api.policy_extensions import (
    ANNOTATION,
    KuadrantExtensions,
    ResponseExtensions,
    read_extensions,
)
from kuadrant.api.problem import spelled
from kuadrant.api.response import Response
from kuadrant.policy.extension_annotation import mistake_at
from kuadrant.policy.model import Problem

if TYPE_CHECKING:
    from kuadrant.api.gateway import Gateway
    from kuadrant.api.kuadrant import Kuadrant
    from kuadrant.api.policy_extensions import Extensions, ReadExtensions
    from kuadrant.policy.model import Mistake


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
    return said.extensions.response or Response(), tuple(problems)


def response_of_installation(kuadrant: Kuadrant | None) -> tuple[Response, tuple[Problem, ...]]:
    """Return what a Kuadrant says for all policies, by field or annotation, and where these differ.

    What is wrong in the annotation by itself is told where identities are read from it.
    """
    if kuadrant is None:
        return Response(), ()
    text, field = kuadrant.metadata.annotations.get(ANNOTATION), kuadrant.spec.response
    said = None if text is None else read_extensions(text, KuadrantExtensions).extensions.response
    if None not in (field, said) and field != said:
        message = '"response" is said otherwise by the field spec.response'
        return field or Response(), (_problem(kuadrant, message, (1, 1)),)
    return field or said or Response(), ()


def _problem(owner: Gateway | Kuadrant, message: str, at: tuple[int, int]) -> Problem:
    of = (owner.kind, owner.metadata.namespace, owner.metadata.name)
    field = spelled(("metadata", "annotations", ANNOTATION))
    return Problem("error", *of, field, message, "invalid-annotation", at)
