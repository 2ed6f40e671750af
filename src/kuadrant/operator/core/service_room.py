"""Fits the limits of a cluster into what the rate limit service is told of, the Limitador resource.

Routes multiply the limits of a Gateway's policy, and namespaces add up: together they may be more than the
resource has room for. Who has most of it gets no more, and everybody else gets what is wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kuadrant.api.algorithm import FIXED_WINDOW
from kuadrant.gateways.object_size import MOST_BYTES
from kuadrant.operator.core.room_seniority import KEPT_BACK
from kuadrant.operator.core.staged_program import asked_for, policies_that_ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kuadrant.api.limitador import Limit
    from kuadrant.compiler.program import GatewayProgram
    from kuadrant.gateways.limitador import LimitadorObject

_NO_ROOM: Final = (
    "the Limitador resource has no room for all of its limits, which are there again for each route: "
    f"{KEPT_BACK} is not limited by them until the namespaces of its routes have fewer limits; all limits "
    f"of the cluster take at most {MOST_BYTES // 1024} KiB there"
)
_CANNOT: Final = (
    "the rate limit service that runs cannot count by the algorithm {algorithm}, as Limitador cannot: "
    f"{KEPT_BACK} is not limited by it until `kuadrant ratelimit` of this version serves, or the limit has "
    "the algorithm FixedWindow"
)
_NOT_HELD_BACK: Final = (
    "the rate limit service that runs has no {what}, as Limitador has none, and would enforce the limit for "
    f"all: {KEPT_BACK} is not watched by it until `kuadrant ratelimit` of this version serves"
)
_NO_COSTS: Final = (
    "the rate limit service that runs counts each request once, as Limitador does, whatever it costs: "
    f"{KEPT_BACK} is not limited by it until `kuadrant ratelimit` of this version serves, or the limit has "
    "no cost"
)


def fitted(
    make: Callable[[tuple[Limit, ...]], LimitadorObject],
    limits: tuple[Limit, ...],
    present: Iterable[Limit],
) -> LimitadorObject:
    """Return the resource with as many of the limits as it has room for.

    What is there stays. Of what is new, that of the namespaces that would take most is left out.

    Args:
        make: makes the resource with some limits.
        limits: all that it is to have.
        present: those that it has.
    """
    made = make(limits)
    if made.problem is None:
        return made
    there = {one.identity for one in present}
    sizes: dict[str, int] = {}
    for one in limits:
        sizes[_namespace(one)] = sizes.get(_namespace(one), 0) + one.size
    left_out: set[str] = set()
    for namespace in sorted(sizes, key=lambda name: (-sizes[name], name)):
        left_out.add(namespace)
        kept = tuple(one for one in limits if one.identity in there or _namespace(one) not in left_out)
        less = make(kept)
        if less.problem is None:
            identities = {one.identity for one in kept}
            out = tuple(one for one in limits if one.identity not in identities)
            return replace(less, left_out=(*less.left_out, *out))
    return made


def words(left_out: tuple[Limit, ...], programs: Iterable[GatewayProgram]) -> Mapping[str, str]:
    """Return what is to be said of each policy (namespace/name) that asks for any of these limits."""
    programs = tuple(programs)
    found: dict[str, str] = {}
    for said in sorted(set(map(_said, left_out))):
        asked = asked_for(one for one in left_out if _said(one) == said)
        found |= {policy: said for program in programs for policy in policies_that_ask(program, asked)}
    return found


def _said(limit: Limit) -> str:
    if limit.has_mode:
        return _NOT_HELD_BACK.format(
            what=f"mode {limit.mode}" if limit.refuses_nobody_by_mode else "enforcePercent"
        )
    if limit.by_cost and limit.counts_by == FIXED_WINDOW:
        return _NO_COSTS
    return _NO_ROOM if limit.counts_by == FIXED_WINDOW else _CANNOT.format(algorithm=limit.counts_by)


def _namespace(limit: Limit) -> str:
    return limit.namespace.partition("/")[0]
