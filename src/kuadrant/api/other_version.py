"""Tells that an object is written as another version of its kind has it: one mistake in the place of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.document_nodes import find, shown
from kuadrant.api.kind_rules import RULES
from kuadrant.api.node_reading import read
from kuadrant.api.problem import spelled
from kuadrant.api.rate_limit_policy import RateLimitPolicyV1, RateLimitPolicyV1Beta2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.api.document_nodes import Node
    from kuadrant.api.meta import Object
    from kuadrant.api.node_reading import Mistake

_OTHERS: Final[dict[type[Object], type[Object]]] = {
    RateLimitPolicyV1: RateLimitPolicyV1Beta2,
    RateLimitPolicyV1Beta2: RateLimitPolicyV1,
}
_NAMED: Final = 3


def other_version(struct: type[Object], node: Node, mistakes: Sequence[Mistake]) -> str:
    """Return what to say of an object with ``mistakes`` that is without any in the other version's form.

    It continues ``apiVersion``, and is empty of any other object.
    """
    other = _OTHERS.get(struct)
    has_others = any(one.message.startswith("is not a field") for one in mistakes)
    if other is None or not has_others or read(other, node, RULES)[1]:
        return ""
    fields = [spelled(one.path) for one in mistakes if not one.message.startswith("is missing")]
    more = f" and {len(fields) - _NAMED} more" if len(fields) > _NAMED else ""
    return (
        f"is {shown(find(node, ('apiVersion',)))}, and the rest is as {other.api_versions[0]} has it: "
        f"{', '.join(fields[:_NAMED])}{more}"
    )
