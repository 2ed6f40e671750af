"""Limits for which each request costs the same, and too much or nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kuadrant.api.problem import spelled
from kuadrant.findings.examined_documents import problem
from kuadrant.findings.severity import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.policy.model import Policy, PolicyLimit, Problem

RULES: Final = (
    Rule(
        code="cost-over-limit",
        severity="warning",
        title="A request costs more than a limit admits at all.",
        means="No request is ever admitted, and a 429 has no `Retry-After`. A TokenBucket admits its burst.",
        do="Raise the limit or its burst, or lower the cost.",
    ),
    Rule(
        code="cost-of-nothing",
        severity="warning",
        title="A request costs nothing.",
        means="A limit does not apply to requests that cost 0: this one limits nobody.",
        do="Leave the cost out, where each request counts once, or leave the limit out.",
    ),
)

_NUMBER: Final = re.compile(r"\s*(\d{1,18})[uU]?\s*")


def cost_findings(policy: Policy) -> Iterator[Problem]:
    """Yield the costs of a policy that are the same for each request, and too much or nothing."""
    subject = ("RateLimitPolicy", policy.namespace, policy.name)
    for limit in policy.limits:
        found = _NUMBER.fullmatch(limit.cost.expression) if limit.cost else None
        if found is None:
            continue
        field = spelled((*policy.field, "limits", limit.name, "cost"))
        hits = int(found[1])
        if not hits:
            yield problem(subject, field, "cost-of-nothing", "is 0: the limit never applies")
        elif (least := _least(limit)) is not None and hits > least:
            message = f"is {hits}, and at most {least} are admitted at once: no request ever is"
            yield problem(subject, field, "cost-over-limit", message)


def _least(limit: PolicyLimit) -> int | None:
    """The most hits that the strictest rate has room for; None without rates."""
    return min((rate.max_value if limit.burst is None else limit.burst for rate in limit.rates), default=None)
