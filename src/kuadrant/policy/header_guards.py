"""Warns of expressions that fail for requests without a header, since nothing asks for it first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.api.problem import Path, spelled
from kuadrant.policy.cel import headers_of
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter
from kuadrant.policy.model import Policy, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.policy.condition import Counter, PolicyCondition


def unguarded(policy: Policy) -> Iterator[Problem]:
    """Yield a warning for each expression of ``policy``, which can be carried out, that reads such a header.

    Conditions are looked at in their order: where one does not hold, nothing after it is evaluated.
    """
    asked, found = _along(policy, ("when",), policy.when, "predicate", frozenset())
    yield from found
    for limit in policy.limits:
        field = ("limits", limit.name)
        asked_here, found = _along(policy, (*field, "when"), limit.when, "predicate", asked)
        yield from found
        yield from _along(policy, (*field, "counters"), limit.counters, "expression", asked_here)[1]


def _along(
    policy: Policy,
    field: Path,
    parts: Iterable[PolicyCondition | Counter],
    name: str,
    asked: frozenset[str],
) -> tuple[frozenset[str], list[Problem]]:
    """Return the headers that are known to be there after all ``parts``, and what is wrong on the way."""
    found: list[Problem] = []
    for index, part in enumerate(parts):
        if not isinstance(part, ExpressionCondition | ExpressionCounter):
            continue
        use = headers_of(part.expression)
        # A header that one expression reads is there for all after it: else that one has failed.
        if missing := sorted(use.read - use.asked - asked):
            where = spelled((*policy.field, *field, index, name))
            found.append(
                Problem("warning", "RateLimitPolicy", policy.namespace, policy.name, where, _words(missing))
            )
        asked |= use.asked | use.read
    return asked, found


def _words(missing: list[str]) -> str:
    guard = " && ".join(f"'{name}' in request.headers" for name in missing)
    return (
        f"it fails for each request without the header {' or '.join(missing)}, which is answered with 500 "
        f"unless the failure mode is allow; with {guard} as a predicate before it, such requests are not "
        "limited"
    )
