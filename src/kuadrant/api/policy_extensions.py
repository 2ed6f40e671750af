"""The annotation by which objects have fields that the definitions of their cluster do not know."""

from typing import Final, Generic, TypeVar

from msgspec import Struct, field

from kuadrant.api import yaml_documents
from kuadrant.api.document_nodes import Node
from kuadrant.api.fields import Fields
from kuadrant.api.limit_extensions import LimitExtensions
from kuadrant.api.node_reading import Rules, read
from kuadrant.api.over_limit import OverLimit, over_limit_rule
from kuadrant.api.problem import spelled
from kuadrant.api.rate_limit_policy import Exemptions
from kuadrant.api.response import Response
from kuadrant.api.soft_signal import SoftSignal, soft_signal_rule

ANNOTATION: Final = "kuadrant.io/extensions"
"""A text in YAML or JSON, of the shape of the fields."""
_RULES: Final[Rules] = {OverLimit: over_limit_rule, SoftSignal: soft_signal_rule}


class ResponseExtensions(Fields, frozen=True, gc=False, kw_only=True):
    """Holds what a Gateway's or Kuadrant's annotation may say, for the policies below that say nothing."""

    response: Response | None = None


class Extensions(ResponseExtensions, frozen=True, gc=False, kw_only=True):
    """Holds what the annotation of a policy may say, for whichever block it has: of limits by their names."""

    limits: dict[str, LimitExtensions] = field(default_factory=dict)
    exempt: Exemptions | None = None


class KuadrantExtensions(ResponseExtensions, frozen=True, gc=False, kw_only=True):
    """Holds what the annotation of a Kuadrant may say."""

    identity: str | None = None


_E = TypeVar("_E", bound=ResponseExtensions)


class Misread(Struct, frozen=True, gc=False):
    """Says what is wrong in the text: the field in it (empty if it is no field), line, column, and why."""

    field: str
    at: tuple[int, int]
    message: str


class ReadExtensions(Struct, Generic[_E], frozen=True):
    """Holds what the annotation says, its mistakes, and the text's node, to find the place of a field."""

    extensions: _E
    mistakes: tuple[Misread, ...] = ()
    node: Node | None = None


def read_extensions(text: str, shape: type[_E]) -> ReadExtensions[_E]:
    """Read the text of the annotation; with any mistake it says nothing."""
    documents = list(yaml_documents.documents(text))
    flaws = [Misread("", (one.line, one.column), one.message) for _, found in documents for one in found]
    if len(documents) > 1:
        flaws.append(Misread("", (1, 1), "are several documents, must be one"))
    if flaws or not documents or documents[0][0] is None:
        return ReadExtensions(shape(), mistakes=tuple(flaws))
    node = documents[0][0]
    extensions, mistakes = read(shape, node, _RULES)
    if mistakes:
        found = (Misread(spelled(one.path), (one.line, one.column), one.message) for one in mistakes)
        return ReadExtensions(shape(), mistakes=tuple(found))
    return ReadExtensions(extensions, node=node)
