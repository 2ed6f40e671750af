"""Limits, compiled: their conditions and variables, and what is wrong with those that cannot be held."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kuadrant.api.limit_validity import describe, judge, left_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kuadrant.api.counter_identity import Identity
    from kuadrant.api.limit_expressions import LimitCondition, Variable
    from kuadrant.api.limit_validity import Expressions
    from kuadrant.api.limitador import LeftOut, Limit


class InvalidLimitsError(ValueError):
    """Some limits are wrong; ``errors`` has a text for each, which names the limit."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = tuple(errors)


class CompiledLimit(NamedTuple):
    """One limit, with its conditions and variables compiled."""

    limit: Limit
    conditions: tuple[LimitCondition, ...]
    variables: tuple[Variable, ...]


class CompiledLimits(NamedTuple):
    """Limits that were ``asked`` for: those that can be held, by identity in their order, and the others."""

    asked: list[Limit]
    held: dict[Identity, CompiledLimit]
    names: frozenset[str]
    left_out: tuple[LeftOut, ...]
    problems: tuple[str, ...]

    @property
    def wanted(self) -> tuple[Limit, ...]:
        """The limits that can be held."""
        return tuple(one.limit for one in self.held.values())


def compile_limits(limits: Iterable[Limit], expressions: Expressions) -> CompiledLimits:
    """Compile what can be.

    Of limits with one identity, which share a counter, one stands for all: that which denies first, the least
    of those that enforce for most. ``problems`` has a text for each thing that is wrong.
    """
    limits = list(limits)
    compiled: dict[Identity, CompiledLimit] = {}
    out: list[LeftOut] = []
    problems: list[str] = []
    for limit in limits:
        judged = judge(limit, expressions)
        if judged.problems:
            out.append(left_out(limit, judged.problems))
            problems += [f"{describe(limit)}: {text}" for text in judged.problems]
            continue
        known = compiled.get(limit.identity)
        if known is None or _order(limit) < _order(known.limit):
            compiled[limit.identity] = CompiledLimit(limit, judged.conditions, judged.variables)
    names = frozenset(one.limit.name for one in compiled.values())
    return CompiledLimits(limits, compiled, names, tuple(out), tuple(problems))


def _order(limit: Limit) -> tuple[int, int]:
    return -limit.percent, limit.max_value
