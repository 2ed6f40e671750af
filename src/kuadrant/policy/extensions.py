"""The annotation ``kuadrant.io/extensions`` of a policy, and mistakes in it as they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.api.nodes import place_of, quoted
from kuadrant.api.policy_extensions import ANNOTATION, ReadExtensions, read_extensions
from kuadrant.policy.model import Mistake

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELD = ("metadata", "annotations", ANNOTATION)


def extensions(annotations: Mapping[str, str]) -> tuple[ReadExtensions, tuple[Mistake, ...]]:
    """Return what the annotation of a policy says, which is nothing without it, and what is wrong in it."""
    text = annotations.get(ANNOTATION)
    if text is None:
        return ReadExtensions(), ()
    said = read_extensions(text)
    return said, tuple(_mistake(one.field, one.message, one.at) for one in said.mistakes)


def mistake_at(said: ReadExtensions, path: tuple[str, ...], message: str) -> Mistake:
    """Return what is wrong with the field ``path`` of the annotation, with its place there."""
    at = (0, 0) if said.node is None else place_of(said.node, path)
    return _mistake(".".join(path), message, at)


def _mistake(field: str, message: str, at: tuple[int, int]) -> Mistake:
    return Mistake(_FIELD, f"{quoted(field)} {message}" if field else message, at, refuses=True)
