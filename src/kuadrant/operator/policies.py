"""In which form a stored RateLimitPolicy is written.

Both versions are stored alike, so the version under which the API server gives a policy says nothing. The fields that only
one of them has do; a policy that has none of them means the same in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kuadrant.api.rate_limit_policy import (
    RateLimitPolicySpecV1,
    RateLimitPolicySpecV1Beta2,
    RateLimitPolicyV1,
    RateLimitPolicyV1Beta2,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kuadrant.api.rate_limit_policy import RateLimitPolicy
    from kuadrant.operator.kinds import StoredPolicy


def read(stored: StoredPolicy) -> RateLimitPolicy:
    """Return the policy in the form that it is written in.

    Raises:
        msgspec.ValidationError: a field is not what the form says; the text names it.
    """
    if is_v1beta2(stored.spec):
        return RateLimitPolicyV1Beta2(
            metadata=stored.metadata, spec=msgspec.convert(stored.spec, RateLimitPolicySpecV1Beta2)
        )
    return RateLimitPolicyV1(
        metadata=stored.metadata, spec=msgspec.convert(stored.spec, RateLimitPolicySpecV1)
    )


def is_v1beta2(spec: Mapping[str, Any]) -> bool:
    """Whether a spec has any of the fields that only v1beta2 has."""
    return "namespace" in spec.get("targetRef", {}) or any(map(_is_v1beta2_limit, _limits(spec)))


def _limits(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for block in (spec, spec.get("defaults") or {}, spec.get("overrides") or {}):
        yield from (block.get("limits") or {}).values()


def _is_v1beta2_limit(limit: Mapping[str, Any]) -> bool:
    return (
        "routeSelectors" in limit
        or any("duration" in rate or "unit" in rate for rate in limit.get("rates") or ())
        or any("selector" in condition for condition in limit.get("when") or ())
        or any(isinstance(counter, str) for counter in limit.get("counters") or ())
    )
