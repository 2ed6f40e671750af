"""Limits that limit nothing, or everything, or not what is written: seen in the policy itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.api.duration import milliseconds
from kuadrant.api.limit_mode import ENFORCE
from kuadrant.api.problem import Path, spelled
from kuadrant.api.rate_limit_policy import RateLimitPolicyV1Beta2, RateV1
from kuadrant.findings.examined_documents import problem
from kuadrant.findings.severity import Rule
from kuadrant.policy.window_seconds import window_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.api.rate_limit_policy import RateLimitPolicy
    from kuadrant.policy.model import Problem

RULES: Final = (
    Rule(
        code="no-limits",
        severity="warning",
        title="A policy has no limits.",
        means="It limits nothing. In v1 that is a mistake. In v1beta2 one on a route takes the route out of "
        "the defaults of its Gateway, as in Kuadrant.",
        do="Add limits, or remove the policy, unless the route is to be without limits.",
    ),
    Rule(
        code="no-rates",
        severity="warning",
        title="A limit has no rates.",
        means="It limits nothing; as an override it still takes the place of a limit of the same name.",
        do="Add `rates`, or remove the limit.",
    ),
    Rule(
        code="limit-below-one",
        severity="warning",
        title="A limit lets no request through.",
        means="With `limit: 0` every request that the limit is for gets 429. Below zero it counts as zero.",
        do="Choose a limit of at least 1, if requests are to get through.",
    ),
    Rule(
        code="window-rounded",
        severity="warning",
        title="A window is not a whole number of seconds.",
        means="Requests are counted per whole second, so the window is longer than it is written. Never"
        " more is admitted than was written.",
        do="Write whole seconds.",
    ),
    Rule(
        code="when-unused",
        severity="warning",
        title="Something stands where nobody reads it.",
        means="`spec.when`, `spec.exempt` and `spec.response` belong to `spec.limits`. Beside `defaults` or "
        "`overrides` they are not used, and the limits hold for all requests.",
        do="Move `when`, `exempt` or `response` into the block `defaults` or `overrides`.",
    ),
)


def limit_findings(policy: RateLimitPolicy) -> Iterator[Problem]:
    """Yield what Kuadrant admits in a policy without a word, though its author will not have meant it."""
    subject = ("RateLimitPolicy", policy.metadata.namespace, policy.metadata.name)
    blocks: tuple[tuple[Path, Any], ...] = (
        (("spec", "limits"), policy.spec.limits),
        (("spec", "defaults", "limits"), policy.spec.defaults and policy.spec.defaults.limits),
        (("spec", "overrides", "limits"), policy.spec.overrides and policy.spec.overrides.limits),
    )
    if not any(limits for _, limits in blocks):
        on_route = isinstance(policy, RateLimitPolicyV1Beta2) and policy.spec.target_ref.kind != "Gateway"
        effect = "takes the route out of the defaults of its Gateway" if on_route else "limits nothing"
        yield problem(subject, "spec", "no-limits", f"has no limits, so the policy {effect}")
    for block, limits in blocks:
        for name, limit in (limits or {}).items():
            yield from _of_limit(subject, (*block, name), limit)
    if policy.spec.response is not None and (policy.spec.defaults or policy.spec.overrides):
        message = "is not used besides defaults or overrides, which have their own"
        yield problem(subject, "spec.response", "when-unused", message)
    if not isinstance(policy, RateLimitPolicyV1Beta2) and policy.spec.limits is None:
        message = "is not used besides defaults or overrides, whose limits hold for all requests"
        for name, unused in (("when", policy.spec.when), ("exempt", policy.spec.exempt)):
            if unused:
                yield problem(subject, f"spec.{name}", "when-unused", message)


def _of_limit(subject: tuple[str, str, str], path: Path, limit: Any) -> Iterator[Problem]:
    if not limit.rates:
        yield problem(subject, spelled((*path, "rates")), "no-rates", "are none, so the limit limits nothing")
    for index, rate in enumerate(limit.rates):
        field = (*path, "rates", index)
        if rate.limit < 1 and limit.mode in (None, ENFORCE) and limit.boundary != "Soft":
            counted = "" if rate.limit == 0 else ", which counts as 0"
            message = f"is {rate.limit}{counted}: no request that the limit is for is let through"
            yield problem(subject, spelled((*field, "limit")), "limit-below-one", message)
        if isinstance(rate, RateV1) and milliseconds(rate.window) % 1000:
            seconds = window_seconds(rate.window)
            message = f"is {rate.window}, counted as {seconds}s"
            yield problem(
                subject,
                spelled((*field, "window")),
                "window-rounded",
                message,
                fix=f"Write {seconds}s, or another whole number of seconds.",
            )
