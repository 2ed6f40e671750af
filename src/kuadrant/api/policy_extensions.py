"""The annotation by which a policy has fields that the definitions of its cluster do not know."""

from typing import Final, TypeVar

from msgspec import Struct, field

from kuadrant.api import yaml_documents
from kuadrant.api.fields import Fields
from kuadrant.api.nodes import Node
from kuadrant.api.problem import spelled
from kuadrant.api.rate_limit_policy import Exemptions, LimitExtensions
from kuadrant.api.shapes import read

_F = TypeVar("_F", bound=Fields)

ANNOTATION: Final = "kuadrant.io/extensions"
"""A text in YAML or JSON, of the shape of the fields."""


class Extensions(Fields, frozen=True, gc=False, kw_only=True):
    """What the annotation may say, for whichever block the policy has: of limits by their names."""

    limits: dict[str, LimitExtensions] = field(default_factory=dict)
    exempt: Exemptions | None = None


class KuadrantExtensions(Fields, frozen=True, gc=False, kw_only=True):
    """What the annotation of a Kuadrant may say."""

    identity: str | None = None


class Misread(Struct, frozen=True, gc=False):
    """What is wrong in the text: the field in it (empty if it is no field), line and column, and why."""

    field: str
    at: tuple[int, int]
    message: str


class ReadExtensions(Struct, frozen=True):
    """What the annotation says, its mistakes, and the node of the text, to find the place of a field."""

    extensions: Extensions = Extensions()
    mistakes: tuple[Misread, ...] = ()
    node: Node | None = None


def read_extensions(text: str) -> ReadExtensions:
    """Read the text of the annotation of a policy; with any mistake it says nothing."""
    extensions, mistakes, node = _read(Extensions, text)
    return ReadExtensions(extensions or Extensions(), mistakes, node if extensions else None)


def read_kuadrant_extensions(text: str) -> tuple[KuadrantExtensions, tuple[Misread, ...]]:
    """Read the text of the annotation of a Kuadrant; with any mistake it says nothing."""
    extensions, mistakes, _ = _read(KuadrantExtensions, text)
    return extensions or KuadrantExtensions(), mistakes


def _read(struct: type[_F], text: str) -> tuple[_F | None, tuple[Misread, ...], Node | None]:
    documents = list(yaml_documents.documents(text))
    flaws = [Misread("", (one.line, one.column), one.message) for _, found in documents for one in found]
    if len(documents) > 1:
        flaws.append(Misread("", (1, 1), "are several documents, must be one"))
    if flaws or not documents or documents[0][0] is None:
        return None, tuple(flaws), None
    node = documents[0][0]
    extensions, mistakes = read(struct, node, {})
    if mistakes:
        found = (Misread(spelled(one.path), (one.line, one.column), one.message) for one in mistakes)
        return None, tuple(found), None
    return extensions, (), node
