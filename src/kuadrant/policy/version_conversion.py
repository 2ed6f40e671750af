"""Read the two versions of RateLimitPolicy into the one model. Nothing behind this file knows a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from kuadrant.api.rate_limit_policy import MergeableLimits, RateLimitPolicyV1Beta2
from kuadrant.policy.attributes import REMOTE_ADDRESS
from kuadrant.policy.condition import (
    Counter,
    ExpressionCondition,
    ExpressionCounter,
    SelectorCondition,
    SelectorCounter,
)
from kuadrant.policy.counter_sharing import counter_sharing
from kuadrant.policy.exemptions import exemptions, no_exemptions
from kuadrant.policy.extension_annotation import extensions
from kuadrant.policy.limit_extensions import with_extensions
from kuadrant.policy.match import http_match
from kuadrant.policy.model import Policy, PolicyLimit, Rate, RouteSelector, Target
from kuadrant.policy.response_sources import response
from kuadrant.policy.window_seconds import window_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.rate_limit_policy import (
        LimitV1,
        LimitV1Beta2,
        Predicate,
        RateLimitPolicy,
        RateLimitPolicySpecV1,
        RateLimitPolicySpecV1Beta2,
        RateLimitPolicyV1,
        RateV1,
        RateV1Beta2,
    )

_UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def to_model(policy: RateLimitPolicy) -> Policy:
    """The policy, whichever version it is written in."""
    return _from_v1beta2(policy) if isinstance(policy, RateLimitPolicyV1Beta2) else _from_v1(policy)


def _block(spec: RateLimitPolicySpecV1Beta2 | RateLimitPolicySpecV1) -> Literal["defaults", "overrides"]:
    return "overrides" if spec.defaults is None and spec.overrides is not None else "defaults"


def _from_v1beta2(policy: RateLimitPolicyV1Beta2) -> Policy:
    spec = policy.spec
    block = _block(spec)
    rules = spec.overrides if block == "overrides" else spec.defaults
    limits = (spec.limits or {}) if rules is None else rules.limits
    reference = spec.target_ref
    field = ("spec",) if rules is None else ("spec", block)
    said, misread = extensions(policy.metadata.annotations)
    made, of_limits = with_extensions(
        tuple(_limit_v1beta2(name, limit) for name, limit in sorted(limits.items())),
        limits,
        said,
        field,
    )
    told, of_response = response((spec if rules is None else rules).response, said)
    return Policy(
        namespace=policy.metadata.namespace,
        name=policy.metadata.name,
        target=Target(reference.kind, reference.namespace or policy.metadata.namespace, reference.name),
        created=policy.metadata.creation_timestamp or "",
        block=block,
        field=field,
        limits=made,
        counted_under="policy",
        exclusive=True,
        response=told,
        mistakes=(*misread, *of_limits, *of_response, *no_exemptions(said)),
    )


def _from_v1(policy: RateLimitPolicyV1) -> Policy:
    spec = policy.spec
    block = _block(spec)
    rules = spec.overrides if block == "overrides" else spec.defaults
    applied = rules if rules is not None else _implicit(spec)
    reference = spec.target_ref
    counted_under, mistakes = counter_sharing(policy.metadata.annotations)
    field = ("spec",) if rules is None else ("spec", block)
    said, misread = extensions(policy.metadata.annotations)
    made, of_limits = with_extensions(
        tuple(_limit_v1(name, limit) for name, limit in sorted(applied.limits.items())),
        applied.limits,
        said,
        field,
    )
    exempt, of_exempt = exemptions(applied.exempt, said)
    told, of_response = response(applied.response, said)
    return Policy(
        namespace=policy.metadata.namespace,
        name=policy.metadata.name,
        target=Target(reference.kind, policy.metadata.namespace, reference.name, reference.section_name),
        created=policy.metadata.creation_timestamp or "",
        block=block,
        strategy=applied.strategy,
        field=field,
        when=_predicates(applied.when),
        exempt=_predicates(exempt),
        limits=made,
        counted_under=counted_under,
        response=told,
        mistakes=(*mistakes, *misread, *of_limits, *of_exempt, *of_response),
    )


def _implicit(spec: RateLimitPolicySpecV1) -> MergeableLimits:
    return MergeableLimits(
        when=spec.when, exempt=spec.exempt, response=spec.response, limits=spec.limits or {}
    )


def _limit_v1beta2(name: str, limit: LimitV1Beta2) -> PolicyLimit:
    return PolicyLimit(
        name=name,
        rates=tuple(map(rate_v1beta2, limit.rates)),
        when=tuple(SelectorCondition(when.selector, when.operator, when.value) for when in limit.when),
        counters=tuple(map(SelectorCounter, limit.counters)),
        selectors=tuple(
            RouteSelector(selector.hostnames, tuple(map(http_match, selector.matches)))
            for selector in limit.route_selectors
        ),
    )


def _limit_v1(name: str, limit: LimitV1) -> PolicyLimit:
    return PolicyLimit(
        name=name,
        rates=tuple(map(rate_v1, limit.rates)),
        when=_predicates(limit.when),
        counters=tuple(_counter_v1(counter.expression.strip()) for counter in limit.counters),
    )


def _counter_v1(expression: str) -> Counter:
    # Alone, each version of the module has it as a selector; the gateway's expressions do not.
    return SelectorCounter(expression) if expression == REMOTE_ADDRESS else ExpressionCounter(expression)


def _predicates(predicates: Iterable[Predicate]) -> tuple[ExpressionCondition, ...]:
    return tuple(ExpressionCondition(predicate.predicate.strip()) for predicate in predicates)


def rate_v1beta2(rate: RateV1Beta2) -> Rate:
    """A limit below zero counts as zero; a window that is not longer than zero has 0 seconds."""
    return Rate(max(rate.limit, 0), max(rate.duration, 0) * _UNIT_SECONDS.get(rate.unit, 0))


def rate_v1(rate: RateV1) -> Rate:
    """A limit below zero counts as zero; its window is rounded up to whole seconds."""
    return Rate(max(rate.limit, 0), window_seconds(rate.window))
