"""Says of a policy that its limits are not held, or its clients not answered as it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kuadrant.status import ACKNOWLEDGED

if TYPE_CHECKING:
    from kuadrant.api.meta import Condition
    from kuadrant.status import PolicyStatus

_UNNAMED: Final = (
    "; the rate limit service does not hold all limits that it is asked for, and its Limitador resource has "
    "no field that says whether those of this policy are among them: see its conditions"
)


def with_limits_not_held(status: PolicyStatus, words: str | None, *, unnamed: bool) -> PolicyStatus:
    """Return a status with the service's word on the policy's limits.

    Args:
        status: what else is to be said. A policy that is not in effect anyway asks for nothing.
        words: what is to be said of limits that are not held; None if none are known to be.
        unnamed: some limits are not held, and it is not known which.
    """
    if words is not None and (status.waiting or _is_enforced(status)):
        return _refuted(status, "LimitsNotHeld", words)
    if unnamed and _is_enforced(status):
        return replace(status, conditions=tuple(map(_doubted, status.conditions)))
    return status


def with_answers_not_given(status: PolicyStatus, words: str | None) -> PolicyStatus:
    """Return a status of a policy that is enforced with what its clients miss; None if that is nothing."""
    if words is None or not _is_enforced(status):
        return status
    return _refuted(status, "ResponseUnsupported", words)


def _is_enforced(status: PolicyStatus) -> bool:
    return any(one.type == "Enforced" and one.status == "True" for one in status.conditions)


def _refuted(status: PolicyStatus, reason: str, words: str) -> PolicyStatus:
    message = f"RateLimitPolicy has encountered some issues: {words}"
    conditions = (
        replace(one, status="False", reason=reason, message=message) if one.type == "Enforced" else one
        for one in status.conditions
        if one.type != ACKNOWLEDGED
    )
    return replace(status, conditions=tuple(conditions), waiting=False)


def _doubted(condition: Condition) -> Condition:
    return (
        replace(condition, message=condition.message + _UNNAMED)
        if condition.type == "Enforced"
        else condition
    )
