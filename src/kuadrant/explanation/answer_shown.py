"""Decides what of an answer over a limit may be shown, and names what of it is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from kuadrant.explanation.knowledge import read_by, selected
from kuadrant.explanation.masked_values import MASK
from kuadrant.policy.answer_text import made_lines
from kuadrant.reference_model.expressions import tree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.over_limit import Body, Line
    from kuadrant.api.response import Response
    from kuadrant.explanation.knowledge import Knowledge, Path
    from kuadrant.reference_model import RequestDecision
    from kuadrant.reference_model.over_limit import Refusal

UNKNOWN: Final = "(not known)"
"""What stands in place of a text that only the gateway can make."""


def shown(decision: RequestDecision, knowledge: Knowledge, *, is_grpc: bool) -> RequestDecision:
    """Return ``decision`` with its answer as it may be shown: what tells a header's value is masked whole."""
    if decision.refusal is None or decision.rule is None:
        return decision
    refusal = _shown(decision.refusal, decision.rule.response, knowledge, is_grpc=is_grpc)
    return structs.replace(decision, refusal=refusal)


def _shown(refusal: Refusal, response: Response, knowledge: Knowledge, *, is_grpc: bool) -> Refusal:
    if response.over_limit is None:
        return refusal
    for field, line in made_lines(response.over_limit):
        paths = _read(line)
        instead = MASK if knowledge.hides(paths) else UNKNOWN if knowledge.missing(paths) else None
        if instead is None:
            continue
        if field[0] == "headers":
            name, headers = str(field[1]).lower(), dict(refusal.headers)
            # What is not known here is not there by that, and may be at the gateway.
            if name in headers or (instead == UNKNOWN and not (is_grpc and name == "content-type")):
                headers[name] = instead
            refusal = structs.replace(refusal, headers=tuple(sorted(headers.items())))
        elif refusal.says_message == (field[0] == "message") or (instead == UNKNOWN and not is_grpc):
            refusal = structs.replace(refusal, body=instead)
    return refusal


def _read(line: Line | Body) -> Iterable[Path]:
    if line.expression is not None:
        return read_by(tree(line.expression).expression)
    return (selected(line.selector or ""),)
