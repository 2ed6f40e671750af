"""Rules without what an official shim cannot match as a router does.

The values of a header that came more than once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.dialects.official.match_overlap import may_meet, method_covers, path_covers
from kuadrant.policy.match import RequestMatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kuadrant.compiler.program import Action, RuleProgram


class Complaint(Struct, frozen=True, gc=False):
    """A reason why the limits of ``policies`` (``namespace/name``) cannot be told apart from others."""

    policies: frozenset[str]
    reason: str


def policies_of(actions: Iterable[Action]) -> frozenset[str]:
    """The policies that the limits of ``actions`` came from."""
    return frozenset(source for action in actions for limit in action.limits for source in limit.sources)


def settled(
    rules: Sequence[RuleProgram], is_exact: Callable[[RequestMatch], bool]
) -> tuple[list[RuleProgram], list[Complaint]]:
    """Return the rules that ``is_exact`` holds for, in their order, and what is lost with the others.

    Nothing is lost with a rule if every request that it may be for has the same actions by the rules behind
    it.
    """
    kept: list[RuleProgram] = []
    complaints: list[Complaint] = []
    for index, rule in enumerate(rules):
        if is_exact(rule.match):
            kept.append(rule)
        elif (other := _other_actions(rule, rules[index + 1 :], is_exact)) is not None:
            complaints.append(
                Complaint(
                    policies_of(rule.actions or other),
                    f"it cannot match {_parts(rule.match)} of route {rule.route}",
                )
            )
    return kept, complaints


def _other_actions(
    rule: RuleProgram, later: Iterable[RuleProgram], is_exact: Callable[[RequestMatch], bool]
) -> tuple[Action, ...] | None:
    """The actions that a request of ``rule`` would have instead, where they differ from its own."""
    path = rule.match.path
    rough = RequestMatch(path if path is None or path.type != "regex" else None, rule.match.method)
    for other in later:
        if not may_meet(rough, other.match):
            continue
        if other.actions != rule.actions:
            return other.actions
        if (
            is_exact(other.match)
            and method_covers(other.match, rough)
            and path_covers(other.match.path, rough.path)
        ):
            return None
    return () if rule.actions else None


def _parts(match: RequestMatch) -> str:
    if match.headers:
        return "the headers"
    return "the query parameters" if match.query else "the regular expression for the path"
