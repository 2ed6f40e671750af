"""Merges the policies along one path, from the Gateway to a rule of a route, into one effective policy.

The policies are reduced from the most specific to the least specific one; at each step the less specific
policy's block and strategy decide (Kuadrant, and GEP-713 for the words). Merging is by the name of a limit,
whole limits replace each other. Which of several policies of one target comes first is their age's matter
(``policy_attachment``, by ``Policy.age``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.response import Response
from kuadrant.policy.buckets import bucket_key, bucket_scope
from kuadrant.policy.identifiers import limit_identifier
from kuadrant.policy.model import Policy, PolicyLimit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class EffectiveLimit(Struct, frozen=True, gc=False):
    """A limit that holds on a path, with the policy that it came from.

    ``source`` has the limit's own conditions beside it: its policy-level ``when`` is for its own limits only.
    ``identity`` is the policy, as ``namespace/name``, under which the limit is counted and identified. It is
    ``source`` except for an override that takes the place of another policy's limits and keeps that policy's
    counters.
    """

    limit: PolicyLimit
    source: Policy
    identity: str

    @property
    def key(self) -> str:
        """The key by which the gateway and the rate limit service know it."""
        if self.limit.bucket is not None:
            return bucket_key(self.source.namespace, self.limit)
        return limit_identifier(self.identity, self.limit.name)

    def scope(self, route: str) -> str:
        """The domain of the rate limit request for a path of ``route`` (``namespace/name``)."""
        if self.limit.bucket is not None:
            return bucket_scope(self.source.namespace, self.limit.bucket)
        return self.identity if self.source.counted_under == "policy" else route


class EffectivePolicy(Struct, frozen=True, gc=False):
    """The limits that hold on a path, by name. ``owner`` is the policy whose place on the path they take.

    ``response`` is what clients are told of them: a rule beside the limits, which is merged or replaced as
    one of them is.
    """

    owner: Policy
    limits: tuple[EffectiveLimit, ...]
    response: Response | None = None

    @property
    def sources(self) -> frozenset[str]:
        """The policies, as ``namespace/name``, that the limits came from, or the one that wants none."""
        return frozenset(entry.source.key for entry in self.limits) or frozenset((self.owner.key,))


def merge(policies: Sequence[Policy]) -> EffectivePolicy | None:
    """Reduce the policies of a path, given from the least to the most specific.

    None if none of them has limits.

    Policies on one object are given by age, oldest first, so that the older one counts as the less specific.
    A policy without limits takes no part: it neither shields from the defaults of others nor overrides them
    with nothing. The exception is one that `takes_out` its route: it is the most specific one where only
    policies of the Gateway have limits.
    """
    taking_part = [policy for policy in policies if policy.limits]
    if not taking_part:
        return None
    *rest, most_specific = taking_part
    if most_specific.target.kind == "Gateway":
        for policy in policies:
            if takes_out(policy):
                rest, most_specific = taking_part, policy
    effective = _whole(most_specific)
    for policy in reversed(rest):
        effective = _step(policy, effective)
    return effective


def takes_out(policy: Policy) -> bool:
    """Tell whether a policy takes its route out of the defaults of the Gateway, without limits of its own.

    A policy of ``v1beta2`` on a route does: as in Kuadrant, a Gateway's limits are for the routes that have
    none.
    """
    return policy.exclusive and not policy.limits and policy.target.kind != "Gateway"


def _whole(policy: Policy) -> EffectivePolicy:
    """``policy`` as if it were alone on the path."""
    limits = (EffectiveLimit(limit, policy, policy.key) for limit in policy.limits)
    return EffectivePolicy(policy, _by_name(limits), policy.response)


def _step(less_specific: Policy, effective: EffectivePolicy) -> EffectivePolicy:
    match less_specific.block, less_specific.strategy:
        case "defaults", "atomic":
            return effective
        case "overrides", "atomic":
            return _replace(effective, less_specific)
        case "defaults", _:
            winner, loser = effective, _whole(less_specific)
        case _:
            winner, loser = _whole(less_specific), effective
    taken = {entry.limit.name for entry in winner.limits}
    kept = (entry for entry in loser.limits if entry.limit.name not in taken)
    told = loser.response if winner.response is None else winner.response
    return EffectivePolicy(effective.owner, _by_name((*winner.limits, *kept)), told)


def _replace(effective: EffectivePolicy, override: Policy) -> EffectivePolicy:
    """All limits of ``override`` in the place of those of ``effective``.

    Between policies that do not share their targets, the one that is replaced stays the one that is counted:
    each route then has the override's limits for itself, and keeps its counters when the override comes or
    goes.
    """
    owner = effective.owner
    if not (owner.exclusive and override.exclusive):
        return _whole(override)
    limits = (EffectiveLimit(limit, override, owner.key) for limit in override.limits)
    return EffectivePolicy(owner, _by_name(limits), override.response)


def _by_name(limits: Iterable[EffectiveLimit]) -> tuple[EffectiveLimit, ...]:
    return tuple(sorted(limits, key=lambda entry: entry.limit.name))
