"""Limits that refuse nobody, since they only watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.limit_mode import SHADOW, SOFT
from kuadrant.api.problem import spelled
from kuadrant.findings.examined_documents import problem
from kuadrant.findings.severity import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.policy.model import Policy, PolicyLimit, Problem

RULES: Final = (
    Rule(
        code="refuses-nobody",
        severity="note",
        title="A limit is in shadow, and refuses nobody.",
        means="With `mode: Shadow`, or `enforcePercent: 0`, what is over the limit goes on, and is counted "
        "in `kuadrant_ratelimit_shadow_limited_calls_total`. Where all limits of a policy are so, nobody is "
        "limited by it.",
        do="When the numbers are as expected, enforce it: for some with `enforcePercent`, or for all.",
    ),
)


def mode_findings(policy: Policy) -> Iterator[Problem]:
    """Yield the limits of a policy that refuse nobody, or once that none of them refuses anybody."""
    subject = ("RateLimitPolicy", policy.namespace, policy.name)
    shadows = [limit for limit in policy.limits if limit.rates and not limit.refuses and limit.mode != SOFT]
    if len(shadows) > 1 and len(shadows) == len(policy.limits):
        message = "are all in shadow: the policy refuses nobody, and says how much it would refuse"
        yield problem(subject, spelled((*policy.field, "limits")), "refuses-nobody", message)
        return
    for limit in shadows:
        alone = ", and so does the policy" if len(policy.limits) == 1 else ""
        message = f"{_why(limit)}: the limit refuses nobody{alone}, and says how much it would refuse"
        yield problem(subject, spelled((*policy.field, "limits", limit.name)), "refuses-nobody", message)


def _why(limit: PolicyLimit) -> str:
    return f"has the mode {SHADOW}" if limit.mode == SHADOW else "is enforced for 0 %"
