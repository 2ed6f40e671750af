"""Conditions and counters that a client gets around by a query: the path that they look at has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.problem import Path, spelled
from kuadrant.findings.examined_documents import problem
from kuadrant.findings.predicate_truth import compared_texts, name_of
from kuadrant.findings.severity import Rule
from kuadrant.policy.checked_expression import kind, parts
from kuadrant.policy.condition import Cost, ExpressionCondition, ExpressionCounter, SelectorCounter
from kuadrant.policy.expression_check import checked
from kuadrant.policy.expression_error import position

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.policy.condition import Counter, PolicyCondition
    from kuadrant.policy.model import Policy, Problem

CODE: Final = "path-has-query"
RULES: Final = (
    Rule(
        code=CODE,
        severity="warning",
        title="A condition or counter looks at the path with its query, which clients choose.",
        means="`request.path` of a request for `/login?` is `/login?`. A limit for `request.path == "
        "'/login'` does not apply to it, though the application takes both for the same. Counted by "
        "`request.path`, each query has a counter of its own.",
        do="Use `request.url_path`, which is the path without query and fragment.",
    ),
)
_PATH: Final = "request.path"
_ENDS: Final = frozenset({"eq", "endswith"})


def query_findings(policy: Policy) -> Iterator[Problem]:
    """Yield where limits of ``policy``, which can be carried out, are evaded by a query."""
    for place, one in policy.written:
        if isinstance(one, SelectorCounter | ExpressionCounter):
            if not isinstance(one, Cost) and _text(one).strip() == _PATH:
                message = f"{_PATH} has the query: a client with another one is counted anew"
                yield _problem(policy, place, message, (0, 0))
        elif place[0] != "exempt" and (at := _evaded(one)) is not None:
            message = f"{_PATH} has the query: with a `?` behind the path the limit does not apply"
            yield _problem(policy, place, message, at)


def _evaded(condition: PolicyCondition) -> tuple[int, int] | None:
    """The place in a condition that is not so for a path with a query; None if there is none."""
    if isinstance(condition, ExpressionCondition):
        return _compared(condition.expression)
    is_evaded = condition.selector == _PATH and condition.operator in _ENDS and "?" not in condition.value
    return (0, 0) if is_evaded else None


def _compared(expression: str) -> tuple[int, int] | None:
    """The place of a comparison of the path with a whole one or its end; None if there is none."""
    if _PATH not in expression:
        return None
    tree = checked(expression)
    for part in parts(tree.expression):
        if _is_whole(part) or _is_end(part):
            offsets = {one.id: one.offset for one in tree.source.positions}
            return position(expression, min(offsets.get(one.id, 0) for one in parts(part)))
    return None


def _is_whole(part: object) -> bool:
    found = compared_texts(part)
    if found is None:
        return False
    name, texts, is_one = found
    return name == _PATH and is_one and not any("?" in text for text in texts)


def _is_end(part: object) -> bool:
    if kind(part) != "call":
        return False
    call = part.call  # type: ignore[attr-defined]
    return call.function == "endsWith" and call.HasField("target") and name_of(call.target) == _PATH


def _text(counter: Counter) -> str:
    return counter.selector if isinstance(counter, SelectorCounter) else counter.expression


def _problem(policy: Policy, place: Path, message: str, at: tuple[int, int]) -> Problem:
    subject = ("RateLimitPolicy", policy.namespace, policy.name)
    return problem(subject, spelled((*policy.field, *place)), CODE, message, at=at)
