"""Says which part of an expression takes most of what its evaluation may take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.expressions import program_nodes
from kuadrant.expressions.functions import NUMBERS
from kuadrant.expressions.regular_automaton import automaton
from kuadrant.policy.checked_expression import is_binding, parts, pattern_of
from kuadrant.policy.expression_text import quoted, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.reference_model.steps.program import Node, Program

_LOOPS: Final = frozenset(
    {
        program_nodes.ALL,
        program_nodes.EXISTS,
        program_nodes.EXISTS_ONE,
        program_nodes.MAPPED,
        program_nodes.MAPPED_WHERE,
    }
)
_NAMES: Final = {number: name for name, number in NUMBERS.items()}


def of_program(program: Program, noted: Mapping[int, int], tree: Any) -> str:
    """Return what takes most, in words without any value; empty where nobody can tell.

    ``noted`` are the steps of each node with what it is made of.
    """
    own = {
        number: steps - sum(noted.get(part, 0) for part in set(program.nodes[number].parts))
        for number, steps in noted.items()
    }
    dearest = max(own, key=own.__getitem__, default=None)
    if dearest is None:
        return ""
    whole = sum(max(0, steps) for steps in own.values())
    is_repeated = any(program.nodes[number].kind in _LOOPS for number in noted)
    return (
        _repetition(tree) if is_repeated and own[dearest] * 2 < whole else _part(program.nodes[dearest], tree)
    )


def _repetition(tree: Any) -> str:
    found = [
        one.comprehension
        for one in parts(tree.expression)
        if one.HasField("comprehension") and not is_binding(one.comprehension)
    ]
    return f"the repetition over {text_of(found[0].range)}" if len(found) == 1 else "a repetition"


def _part(node: Node, tree: Any) -> str:
    if node.kind == program_nodes.MATCHES:
        for one in parts(tree.expression):
            pattern = pattern_of(one) if one.call.function == "matches" else None
            if pattern is not None and automaton(pattern) == node.rest:
                subject = one.call.target if one.call.HasField("target") else one.call.arguments[0]
                return f"the regular expression {quoted(pattern)} over {text_of(subject)}"
        return "a regular expression"
    if node.kind != program_nodes.CALL:
        return ""
    name = _NAMES[node.rest]
    found = [text_of(one) for one in parts(tree.expression) if one.call.function == name]
    return found[0] if len(found) == 1 and name[0].isalpha() else ""
