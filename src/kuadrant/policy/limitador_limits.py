"""Makes the limits that the rate limit service holds for a limit of a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from kuadrant.api.algorithm import FIXED_WINDOW
from kuadrant.api.limit_mode import ENFORCE, EVERYBODY
from kuadrant.api.limitador import Limit
from kuadrant.policy.identifiers import descriptor_entry, limit_condition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.policy.model import PolicyLimit


def limitador_limits(limit: PolicyLimit, *, key: str, scope: str) -> Iterator[Limit]:
    """Yield one limit of the service for each rate of ``limit``.

    It is asked for by ``key`` in ``scope`` (``namespace/name``).
    """
    for rate in limit.rates:
        yield Limit(
            namespace=scope,
            max_value=rate.max_value,
            # A window of no length would never count anything; the shortest that counts takes its place.
            seconds=max(rate.seconds, 1),
            conditions=(limit_condition(key),),
            variables=tuple(dict.fromkeys(descriptor_entry(counter.text) for counter in limit.counters)),
            name=limit.bucket or limit.name,
            algorithm=UNSET if limit.algorithm == FIXED_WINDOW else limit.algorithm,
            burst=UNSET if limit.burst is None else limit.burst,
            mode=UNSET if limit.mode == ENFORCE else limit.mode,
            enforce_percent=UNSET if limit.enforce_percent == EVERYBODY else limit.enforce_percent,
            by_cost=UNSET if limit.cost is None else True,
        )
