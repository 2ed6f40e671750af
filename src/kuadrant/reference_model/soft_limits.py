"""The headers by which a request says that it is over soft limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.policy.identifiers import limit_condition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.compiler.program import RuleProgram
    from kuadrant.reference_model.counters import Answer


def signals(rule: RuleProgram, answers: Iterable[tuple[str, Answer]]) -> tuple[tuple[str, str], ...]:
    """Return the headers that are added to a request, each name once, its values joined with commas.

    Args:
        rule: the rule of the request.
        answers: the answers to its questions, each with the scope that was asked for.
    """
    over = {
        (scope, condition)
        for scope, answer in answers
        for one in answer.watched
        if one.is_exceeded
        for condition in one.standing.limit.conditions
    }
    found: dict[str, dict[str, None]] = {}
    for action in rule.actions:
        for limit in action.limits:
            if (action.scope, limit_condition(limit.key)) in over:
                for name, value in limit.signals:
                    found.setdefault(name, {})[value] = None
    return tuple((name, ",".join(values)) for name, values in found.items())
