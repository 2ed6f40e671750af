"""Decides which limits have their counters together: those of one bucket of a namespace that count alike.

A bucket belongs to the namespace of its policies. Nobody else's limit is ever in it, so nobody else uses it
up. Its scope is one that no policy and no route has: their names have no ``:``.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from kuadrant.policy.identifiers import limit_identifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.policy.model import Policy, PolicyLimit


def bucket_scope(namespace: str, bucket: str) -> str:
    """Return the domain of the rate limit requests for the limits of a bucket."""
    return f"{namespace}/bucket:{bucket}"


def bucket_key(namespace: str, limit: PolicyLimit) -> str:
    """Return the descriptor key of a limit that has a bucket.

    It is the same for limits that count alike, and for no others: no counter is counted in two ways.
    """
    bucket = limit.bucket or ""
    digest = sha256(repr(counting(limit)).encode()).hexdigest()[:8]
    return limit_identifier(f"{bucket_scope(namespace, bucket)}/{digest}", bucket)


def counting(limit: PolicyLimit) -> tuple[object, ...]:
    """Return all of a limit that has to be the same for two to count together.

    That is all of it but its name, its conditions and what it is for.
    """
    rates = sorted((rate.max_value, max(rate.seconds, 1)) for rate in limit.rates)
    counters = sorted({(type(counter).__name__, counter.text) for counter in limit.counters})
    does = (limit.mode, limit.enforce_percent, limit.signals)
    cost = None if limit.cost is None else limit.cost.text
    # A limit that gateways count is none of the service's; others have the digest that they always had.
    scope = (limit.scope,) if limit.counted_by_gateways else ()
    return rates, counters, limit.algorithm, limit.burst, *does, cost, *scope


def apart(policies: Iterable[Policy], bucket: str) -> Iterator[tuple[Policy, PolicyLimit, Policy]]:
    """Yield the limits of a bucket that count in another way than that of the oldest of these policies.

    Each with its policy, and the oldest one.
    """
    oldest: tuple[Policy, PolicyLimit] | None = None
    for policy in sorted(policies, key=lambda one: one.age):
        for limit in policy.limits:
            if limit.bucket != bucket or not limit.rates:
                continue
            if oldest is None:
                oldest = (policy, limit)
            elif counting(limit) != counting(oldest[1]):
                yield policy, limit, oldest[0]
