"""The limits that a rule is under, by the names that people know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from kuadrant.explanation import section_of
from kuadrant.policy.policy_precedence import merge
from kuadrant.topology.record import LimitNode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.compiler import RuleOrigin
    from kuadrant.compiler.program import RuleProgram
    from kuadrant.policy.policy_precedence import EffectiveLimit


def limits_of(matches: Iterable[tuple[RuleProgram, RuleOrigin]]) -> tuple[LimitNode, ...]:
    """Return the limits of a rule, given each of its matches under each host name, by name."""
    found: dict[tuple[str, str], LimitNode] = {}
    seen: dict[tuple[str, str], int] = {}
    count = 0
    for program, origin in matches:
        count += 1
        for limit in _of_match(program, origin):
            key = (limit.name, limit.policy)
            found[key] = limit
            seen[key] = seen.get(key, 0) + 1
    return tuple(structs.replace(found[key], partly=seen[key] < count) for key in sorted(found))


def _of_match(program: RuleProgram, origin: RuleOrigin) -> Iterator[LimitNode]:
    asked = {limit.key for action in program.actions for limit in action.limits}
    effective = merge(origin.policies)
    for entry in effective.limits if effective else ():
        if entry.key in asked:
            yield _limit(entry)


def _limit(entry: EffectiveLimit) -> LimitNode:
    policy, limit = entry.source, entry.limit
    return LimitNode(
        name=limit.name,
        policy=policy.key,
        section=section_of(policy),
        rates=tuple((max(rate.max_value, 0), max(rate.seconds, 1)) for rate in limit.rates),
        algorithm=limit.algorithm,
        burst=limit.burst,
        mode=limit.mode,
        enforce_percent=limit.enforce_percent,
        cost=limit.cost.text if limit.cost else "",
        bucket=limit.bucket or "",
        fallback=limit.fallback,
        counted_by=limit.scope,
        counters=tuple(counter.text for counter in limit.counters),
        when=tuple(condition.text for condition in (*policy.conditions, *limit.when)),
    )
