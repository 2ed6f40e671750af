"""The annotation ``kuadrant.io/extensions`` of a policy or a Kuadrant, and its mistakes as they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.api.document_nodes import place_of, quoted
from kuadrant.api.policy_extensions import (
    ANNOTATION,
    Extensions,
    KuadrantExtensions,
    ReadExtensions,
    read_extensions,
)
from kuadrant.policy.model import Mistake

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.api.kuadrant import Kuadrant

_FIELD = ("metadata", "annotations", ANNOTATION)


def extensions(
    annotations: Mapping[str, str],
) -> tuple[ReadExtensions[Extensions], tuple[Mistake, ...]]:
    """Return what the annotation of a policy says, which is nothing without it, and what is wrong in it."""
    text = annotations.get(ANNOTATION)
    if text is None:
        return ReadExtensions(Extensions()), ()
    said = read_extensions(text, Extensions)
    return said, tuple(_mistake(one.field, one.message, one.at) for one in said.mistakes)


def mistake_at(said: ReadExtensions[Any], path: tuple[str, ...], message: str) -> Mistake:
    """Return what is wrong with the field ``path`` of the annotation, with its place there."""
    at = (0, 0) if said.node is None else place_of(said.node, path)
    return _mistake(".".join(path), message, at)


def identity_of_installation(kuadrant: Kuadrant) -> tuple[str | None, tuple[Mistake, ...]]:
    """Return the source of identities that a Kuadrant names for all gateways, by field or annotation.

    None is no source. A mistake is one of the annotation.
    """
    text, field = kuadrant.metadata.annotations.get(ANNOTATION), kuadrant.spec.identity
    if text is None:
        return field, ()
    read = read_extensions(text, KuadrantExtensions)
    said = read.extensions.identity
    mistakes = [_mistake(one.field, one.message, one.at) for one in read.mistakes]
    if None not in (field, said) and field != said:
        mistakes.append(_mistake("identity", "is said otherwise by the field spec.identity", (1, 1)))
    return field or said, tuple(mistakes)


def _mistake(field: str, message: str, at: tuple[int, int]) -> Mistake:
    return Mistake(_FIELD, f"{quoted(field)} {message}" if field else message, at, refuses=True)
