"""The buckets of all policies, and what is to be said of limits that do not count as the others of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.api.problem import spelled
from kuadrant.policy.buckets import apart
from kuadrant.policy.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.policy.model import Policy, PolicyLimit

_Bucket = tuple[str, str]
"""A namespace, and the name of a bucket there."""


class BucketTable:
    """Policies by their buckets, kept while policies come and go."""

    def __init__(self) -> None:
        self._policies: dict[_Bucket, dict[str, Policy]] = {}
        self._changed: set[_Bucket] = set()
        self._problems: dict[_Bucket, dict[str, tuple[Problem, ...]]] = {}

    def add(self, policy: Policy) -> None:
        """Take up a policy."""
        for bucket in _buckets(policy):
            self._policies.setdefault(bucket, {})[policy.key] = policy
            self._changed.add(bucket)

    def remove(self, policy: Policy) -> None:
        """Take one out that was taken up."""
        for bucket in _buckets(policy):
            del self._policies[bucket][policy.key]
            self._changed.add(bucket)

    def settle(self) -> set[str]:
        """Look at the buckets that have others now.

        Returns the policies of which there is something else to be said.
        """
        changed: set[str] = set()
        for bucket in self._changed:
            former = self._problems.pop(bucket, {})
            now: dict[str, tuple[Problem, ...]] = {}
            for policy, limit, oldest in apart(self._policies[bucket].values(), bucket[1]):
                now[policy.key] = (*now.get(policy.key, ()), _problem(policy, limit, oldest))
            if now:
                self._problems[bucket] = now
            if not self._policies[bucket]:
                del self._policies[bucket]
            changed |= {key for key in former.keys() | now.keys() if former.get(key) != now.get(key)}
        self._changed.clear()
        return changed

    def problems(self, policy: Policy) -> tuple[Problem, ...]:
        """Return what is to be said of a policy."""
        return tuple(
            one for bucket in _buckets(policy) for one in self._problems.get(bucket, {}).get(policy.key, ())
        )


def _buckets(policy: Policy) -> Iterator[_Bucket]:
    named = sorted({limit.bucket for limit in policy.limits if limit.bucket is not None})
    return ((policy.namespace, bucket) for bucket in named)


def _problem(policy: Policy, limit: PolicyLimit, oldest: Policy) -> Problem:
    field = spelled((*policy.field, "limits", limit.name, "bucket"))
    message = (
        f"is {limit.bucket}, but the limit counts otherwise than that of RateLimitPolicy {oldest.key}, which "
        "comes first: it counts apart, and both admit what they say"
    )
    return Problem(
        "warning", "RateLimitPolicy", policy.namespace, policy.name, field, message, "bucket-apart"
    )
