"""Warns of expressions that fail for requests without a header, since nothing asks for it first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.problem import Path, spelled
from kuadrant.policy.cel import headers_of, position
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter
from kuadrant.policy.model import Policy, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.policy.condition import Counter, PolicyCondition

CODE: Final = "header-may-be-absent"


def unguarded(policy: Policy, present: frozenset[str] = frozenset()) -> Iterator[Problem]:
    """Yield a warning for each expression of ``policy``, which can be carried out, that reads such a header.

    Conditions are looked at in their order: where one does not hold, nothing after it is evaluated.
    ``present`` are headers, in lower case, that every request is known to have.
    """
    asked, found = _along(policy, ("when",), policy.when, "predicate", present)
    yield from found
    for index, condition in enumerate(policy.exempt):
        yield from _along(policy, ("exempt",), (condition,), "predicate", asked, first=index)[1]
        asked |= headers_of(condition.expression).present_if_false
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
    *,
    first: int = 0,
) -> tuple[frozenset[str], list[Problem]]:
    """Return the headers that are known to be there after all ``parts``, and what is wrong on the way."""
    found: list[Problem] = []
    for index, part in enumerate(parts, first):
        if not isinstance(part, ExpressionCondition | ExpressionCounter):
            continue
        use = headers_of(part.expression)
        # A header that one expression reads is there for all after it: else that one has failed.
        if missing := sorted(use.read - use.asked - asked):
            where = spelled((*policy.field, *field, index, name))
            of = ("RateLimitPolicy", policy.namespace, policy.name)
            at = position(part.expression, use.offset(missing))
            words, fix = _EXEMPT if field == ("exempt",) else _BEFORE
            guard = _guard(missing)
            message = _words(missing) + words.format(guard)
            found.append(Problem("warning", *of, where, message, CODE, at, fix.format(guard)))
        asked |= use.asked | use.read
    return asked, found


def _guard(names: list[str]) -> str:
    return " && ".join(f"'{name}' in request.headers" for name in names)


def _words(missing: list[str]) -> str:
    return (
        f"it fails for each request without the header {' or '.join(missing)}, which is answered with 500 "
        "unless the failure mode is allow; "
    )


_BEFORE: Final = (
    "with {} as a predicate before it, such requests are not limited",
    "Put the predicate {} before it.",
)
_EXEMPT: Final = (
    "with {} && in front of it, such requests are not exempt",
    "Put {} && in front of it, in the same predicate.",
)
"""The end of the words, and what helps."""
