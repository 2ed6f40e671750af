"""Reads a stored RateLimitPolicy in the version that it is written in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kuadrant.api.policy_version import form
from kuadrant.api.rate_limit_policy import (
    RateLimitPolicySpecV1,
    RateLimitPolicySpecV1Beta2,
    RateLimitPolicyV1,
    RateLimitPolicyV1Beta2,
)

if TYPE_CHECKING:
    from kuadrant.api.rate_limit_policy import RateLimitPolicy
    from kuadrant.operator.core.kinds import StoredPolicy


def read(stored: StoredPolicy) -> RateLimitPolicy:
    """Return the policy, read as the version whose fields it has.

    Raises:
        msgspec.ValidationError: a field is not what the version says; the text names it.
    """
    try:
        version = form(stored.spec)
    except (AttributeError, TypeError):
        # The API server looks at the types of what is stored as a spec; what else is given here may be
        # anything.
        raise msgspec.ValidationError("the spec has a value of another type than its field") from None
    if version == "kuadrant.io/v1beta2":
        spec = msgspec.convert(stored.spec, RateLimitPolicySpecV1Beta2)
        return RateLimitPolicyV1Beta2(metadata=stored.metadata, spec=spec)
    return RateLimitPolicyV1(
        metadata=stored.metadata, spec=msgspec.convert(stored.spec, RateLimitPolicySpecV1)
    )
