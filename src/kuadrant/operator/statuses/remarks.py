"""Collects what the author of a policy ought to look at, from all that is known of the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.findings import RULES, suspicious
from kuadrant.status import Remark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.api.rate_limit_policy import RateLimitPolicy
    from kuadrant.compiler import PolicyFacts
    from kuadrant.policy.model import Problem


def remarks(
    facts: PolicyFacts, policy: RateLimitPolicy | None, by_routes: Iterable[Problem]
) -> Iterator[Remark]:
    """Yield what ``kuadrant check`` would tell of a policy.

    Args:
        facts: What became of the policy.
        policy: The policy as it is written, if that is known.
        by_routes: What the routes to it told when they were looked at last.
    """
    own = suspicious(policy, facts) if policy is not None and facts.acceptance.reason == "Accepted" else ()
    for one in (*facts.problems, *own, *by_routes):
        severity = RULES[one.code].severity if one.code in RULES else one.severity
        yield Remark(one.code, severity, one.field, one.message)
