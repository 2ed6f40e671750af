"""A set of limits, compiled: which of them apply to a request, without looking at all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from kuadrant.ratelimit.conditions import (
    Condition,
    EvaluationError,
    ExpressionError,
    Variable,
    compile_condition,
    compile_variable,
)
from kuadrant.ratelimit.counters import Ask, LimitCounters, counter_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kuadrant.api.limitador import Identity, Limit

# Far beyond any use, and still exact when added to a clock's reading.
_MOST_SECONDS = 2**53


class InvalidLimitsError(ValueError):
    """Some limits are wrong; ``errors`` has a text for each, which names the limit."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = tuple(errors)


class CompiledLimit(NamedTuple):
    """One limit, with its conditions and variables compiled; ``reads`` are the descriptors it looks at, None for any."""

    limit: Limit
    conditions: tuple[Condition, ...]
    variables: tuple[Variable, ...]
    reads: frozenset[int] | None


def compile_limits(limits: Iterable[Limit]) -> dict[Identity, CompiledLimit]:
    """The limits by identity, in their order.

    Of limits with one identity the one with the least ``max_value`` stands for all: they share a counter, and the
    least is what denies first.

    Raises:
        InvalidLimitsError: Some of them are wrong; all errors of all limits are in it.
    """
    compiled: dict[Identity, CompiledLimit] = {}
    errors: list[str] = []
    for limit in limits:
        key = limit.identity
        known = compiled.get(key)
        wrong = _wrong_numbers(limit)
        if known is not None and not wrong:
            if limit.max_value < known.limit.max_value:
                compiled[key] = known._replace(limit=limit)
            continue
        conditions, variables = [], []
        for text in limit.conditions:
            try:
                conditions.append(compile_condition(text))
            except ExpressionError as error:
                wrong.append(f"condition {error}")
        # In one order, because a limit with the same variables in another order has the same counters.
        for text in sorted(set(limit.variables)):
            try:
                variables.append(compile_variable(text))
            except ExpressionError as error:
                wrong.append(f"variable {error}")
        if wrong:
            errors += [f"{describe(limit)}: {text}" for text in wrong]
        else:
            reads = _reads((*conditions, *variables))
            # The native ones first: they are cheap, and an expression may fail where they do not hold.
            conditions.sort(key=lambda condition: not condition.native)
            compiled[key] = CompiledLimit(limit, tuple(conditions), tuple(variables), reads)
    if errors:
        raise InvalidLimitsError(errors)
    return compiled


def describe(limit: Limit) -> str:
    """What a person knows a limit by."""
    name = f"limit {limit.name!r}" if limit.name else "limit"
    return f"{name} of {limit.namespace!r} ({limit.max_value} in {limit.seconds} s)"


def _wrong_numbers(limit: Limit) -> list[str]:
    wrong = []
    if not limit.namespace:
        wrong.append("namespace: is empty, so that no request could be of it")
    if limit.max_value < 0:
        wrong.append("max_value: is less than 0")
    if not 0 <= limit.seconds <= _MOST_SECONDS:
        wrong.append(f"seconds: is not between 0 and {_MOST_SECONDS}")
    return wrong


def _reads(parts: Sequence[Condition | Variable]) -> frozenset[int] | None:
    read: set[int] = set()
    for part in parts:
        if part.reads is None:
            return None
        read |= part.reads
    # Without conditions and variables it is about the whole request.
    return frozenset(read) or None


class NamespaceLimits:
    """The limits of one namespace, found by the entries of a request.

    Each limit that has an equality among its conditions is only looked at for requests that have that entry; of
    several, by the one that the fewest limits of the namespace have.
    """

    def __init__(self, limits: Sequence[tuple[CompiledLimit, LimitCounters]]) -> None:
        frequency = Counter(entry for compiled, _ in limits for entry in _equalities(compiled))
        self._limits = tuple(limits)
        self._by_entry: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._always: list[int] = []
        for position, (compiled, _) in enumerate(limits):
            entry = min(_equalities(compiled), key=frequency.__getitem__, default=None)
            (self._always if entry is None else self._by_entry[entry]).append(position)
        self._by_entry.default_factory = None

    def asks(self, descriptors: Sequence[Mapping[str, str]], hits: Sequence[int]) -> list[Ask]:
        """The counters of the limits that apply, in the limits' order.

        ``hits`` are what each descriptor costs, or what the request does if it has none. A limit counts the most of
        the descriptors that it reads.

        Raises:
            EvaluationError: An expression fails on these descriptors; the text names the limit.
        """
        positions = set(self._always)
        by_entry = self._by_entry
        for descriptor in descriptors:
            for entry in descriptor.items():
                if entry in by_entry:
                    positions.update(by_entry[entry])
        asks = []
        for position in sorted(positions):
            (limit, conditions, variables, reads), counters = self._limits[position]
            try:
                if not _hold(conditions, descriptors):
                    continue
                values = [variable.value(descriptors) for variable in variables]
            except EvaluationError as error:
                raise EvaluationError(f"{describe(limit)}: {error}") from None
            known = [value for value in values if value is not None]
            if len(known) == len(values):
                cost = _cost(reads, hits)
                asks.append(Ask(counters, counter_values(known), limit.max_value, cost, limit.name))
        return asks


def _hold(conditions: Sequence[Condition], descriptors: Sequence[Mapping[str, str]]) -> bool:
    for condition in conditions:  # noqa: SIM110 - all() of a generator takes twice as long
        if not condition.holds(descriptors):
            return False
    return True


def _equalities(compiled: CompiledLimit) -> list[tuple[str, str]]:
    return [condition.equality for condition in compiled.conditions if condition.equality is not None]


def _cost(reads: frozenset[int] | None, hits: Sequence[int]) -> int:
    if len(hits) == 1 or reads is None:
        return max(hits)
    return max([hits[index] for index in reads if index < len(hits)] or hits)
