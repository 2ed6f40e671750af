"""The condition of our own by which a policy that is accepted tells what is hardly meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kuadrant.api.meta import Condition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.compiler import PolicyFacts
    from kuadrant.policy.model import Problem
    from kuadrant.status.policy_status import PolicyStatus

WARNINGS: Final = "kuadrant.io/Warnings"
_TOLD: Final = 5
_LONGEST: Final = 2_000


def with_warnings(
    status: PolicyStatus, facts: PolicyFacts, more_problems: Iterable[Problem] = ()
) -> PolicyStatus:
    """Return ``status`` with what its author ought to look at; as it is if that is nothing.

    Why a policy is not accepted is said by that condition. ``more_problems`` are those that its facts do not
    have.
    """
    problems = (*facts.problems, *more_problems)
    if facts.acceptance.reason != "Accepted" or not problems:
        return status
    texts = [f"{one.field}: {one.message}"[:_LONGEST] for one in problems[:_TOLD]]
    if more := len(problems) - len(texts):
        texts.append(f"and {more} more")
    condition = Condition(type=WARNINGS, status="True", reason="Warned", message="; ".join(texts))
    return replace(status, conditions=(*status.conditions, condition))
