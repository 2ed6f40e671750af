"""A set of limits, compiled: which of them apply to a request, without looking at all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from kuadrant.api.limit_expressions import DescriptorList, EvaluationError, LimitCondition, Variable
from kuadrant.api.limit_mode import EVERYBODY, SOFT, is_enforced
from kuadrant.api.limit_validity import describe
from kuadrant.ratelimit.compiled_limits import CompiledLimit, CompiledLimits, compile_limits
from kuadrant.ratelimit.counters import Ask, LimitCounters, Values, counter_values
from kuadrant.ratelimit.request_hits import NO_COSTS, hits_by_descriptor, own_hits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kuadrant.api.counter_identity import Identity
    from kuadrant.api.limit_validity import Expressions
    from kuadrant.api.limitador import Limit

MOST_WORK: Final = 8_000
"""What one request may cost, in units of about a microsecond.

A counter is one, and so is a condition or a variable.

One that needs the expression engine is thirty, and one more for each entry and each KiB that it gets to see.
"""
_ENGINE_WORK: Final = 30


class WorkError(Exception):
    """A request would cost more than one request may; the text says what to do."""


class UnansweredError(Exception):
    """A request asks for limits of policies without the values that their counters are told apart by.

    ``keys`` are those of the limits.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        super().__init__()
        self.keys = sorted(keys)


class _Rate(NamedTuple):
    """One limit of a group; ``percent`` is for how many of its values it is enforced, if it is not soft."""

    counters: LimitCounters
    most: int
    name: str
    rate: int
    percent: int
    soft: bool

    def ask(self, values: Values | None, hits: int) -> Ask:
        """The counter for these values."""
        # Most are, without a call for each of hundreds.
        enforced = self.percent == EVERYBODY or is_enforced(
            self.percent, self.counters.identity[2], values.text if values else ""
        )
        return Ask(self.counters, values, self.most, hits, self.name, self.rate, enforced, self.soft)


class _Group(NamedTuple):
    """Limits that differ in nothing but number, window and name.

    They apply together and name their counters alike.

    ``positions`` are their places among all limits of the namespace.
    """

    conditions: tuple[LimitCondition, ...]
    variables: tuple[Variable, ...]
    reads: frozenset[int] | None
    limit: Limit
    rates: list[_Rate]
    positions: list[int]


class NamespaceLimits:
    """The limits of one namespace, found by the entries of a request.

    Each limit that has an equality among its conditions is only looked at for requests that have that entry;
    of several, by the one that the fewest limits of the namespace have. ``keys`` are those of policies'
    limits that some condition is about, ``made_of`` the limits that it was made of.
    """

    def __init__(self, limits: Sequence[tuple[CompiledLimit, LimitCounters]]) -> None:
        self.made_of = limits
        groups: dict[tuple[frozenset[int], frozenset[int]], _Group] = {}
        for position, (compiled, counters) in enumerate(limits):
            limit, conditions, variables = compiled
            # By instance: one that is about the limit itself has an instance for each limit.
            form = frozenset(map(id, conditions)), frozenset(map(id, variables))
            group = groups.get(form)
            if group is None:
                reads = _reads((*conditions, *variables))
                group = groups[form] = _Group(conditions, variables, reads, limit, [], [])
            rate = (limit.most, limit.name, limit.max_value, limit.percent, limit.mode == SOFT)
            group.rates.append(_Rate(counters, *rate))
            group.positions.append(position)
        self._groups = list(groups.values())
        places = [position for group in self._groups for position in group.positions]
        self._is_in_order = places == sorted(places)
        frequency = Counter(entry for group in self._groups for entry in _equalities(group))
        self._by_entry: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._always: list[int] = []
        for place, group in enumerate(self._groups):
            entry = min(_equalities(group), key=frequency.__getitem__, default=None)
            (self._always if entry is None else self._by_entry[entry]).append(place)
        self._by_entry.default_factory = None
        self.keys = frozenset(
            key for group in self._groups for condition in group.conditions for key in condition.keys
        )

    def asks(
        self, descriptors: DescriptorList, hits: Sequence[int], costs: Mapping[str, int] = NO_COSTS
    ) -> list[Ask]:
        """The counters of the limits that apply, in the limits' order.

        ``hits`` are what each descriptor costs, or what the request does if it has none. A limit counts the
        most of the descriptors that it reads, or what ``costs`` say of its key.

        Raises:
            EvaluationError: An expression fails on these descriptors; the text names the limit.
            WorkError: It would cost more than ``MOST_WORK``.
            UnansweredError: Every limit of a policy's key lacks a value. Gateways that know the limit leave
                out the key then, so this one asks for a limit that had other counters.
        """
        places = self._places(descriptors)
        lookup = _Lookup(descriptors)
        found: list[Ask] = []
        positions: list[int] = []
        lacking: set[str] = set()
        for place in places:
            conditions, variables, reads, limit, rates, their_positions = self._groups[place]
            lookup.spend(1)
            try:
                if not lookup.hold(conditions):
                    continue
                values = lookup.values(variables)
            except EvaluationError as error:
                raise EvaluationError(f"{describe(limit)}: {error}") from None
            if values is _MISSING:
                lacking.update(*(condition.keys for condition in conditions))
                continue
            lookup.spend(len(rates))
            own = own_hits(conditions, costs) if costs else None
            number = hits_by_descriptor(reads, hits) if own is None else own
            found += [one.ask(values, number) for one in rates]
            if not self._is_in_order:
                positions += their_positions
        if lacking:
            self._check_answered(lacking, {id(ask.counters) for ask in found})
        if positions:
            return [ask for _, ask in sorted(zip(positions, found, strict=True), key=itemgetter(0))]
        return found

    def _places(self, descriptors: DescriptorList) -> list[int]:
        """The groups that may apply, in their order."""
        places = set(self._always)
        by_entry = self._by_entry
        for descriptor in descriptors:
            for entry in descriptor.items():
                if entry in by_entry:
                    places.update(by_entry[entry])
        return sorted(places)

    def _check_answered(self, lacking: set[str], counted: set[int]) -> None:
        for group in self._groups:
            if id(group.rates[0].counters) in counted:
                lacking.difference_update(*(condition.keys for condition in group.conditions))
        if lacking:
            raise UnansweredError(lacking)


_MISSING: Final = Values("")


class _Lookup:
    """What one request's descriptors say, each thing looked up once, within its bound of work."""

    def __init__(self, descriptors: DescriptorList) -> None:
        self._descriptors = descriptors
        self._left = MOST_WORK
        self._held: dict[int, bool] = {}
        self._found: dict[int, str | None] = {}
        self._values: dict[tuple[int, ...], Values | None] = {}
        self._engine_work = 0

    def spend(self, work: int) -> None:
        """Take from what the request may cost."""
        self._left -= work
        if self._left < 0:
            raise WorkError(
                f"the request meets more limits, rates and counters of its domain than one may ({MOST_WORK} "
                "units of work): a policy of that domain has to have fewer of them"
            )

    def hold(self, conditions: Sequence[LimitCondition]) -> bool:
        """Tell whether all of them hold."""
        for condition in conditions:
            if condition.native:
                holds = condition.holds(self._descriptors)
            elif (known := self._held.get(id(condition))) is not None:
                holds = known
            else:
                self.spend(self._engine())
                holds = self._held[id(condition)] = condition.holds(self._descriptors)
            if not holds:
                return False
        self.spend(len(conditions))
        return True

    def values(self, variables: Sequence[Variable]) -> Values | None:
        """Return what names the counter; ``_MISSING`` if the request lacks the value of one."""
        if not variables:
            return None
        form = tuple(map(id, variables))
        if form in self._values:
            return self._values[form]
        texts = []
        for variable in variables:
            if id(variable) not in self._found:
                self.spend(1 if variable.native else self._engine())
                self._found[id(variable)] = variable.value(self._descriptors)
            text = self._found[id(variable)]
            if text is None:
                self._values[form] = _MISSING
                return _MISSING
            texts.append(text)
        values = self._values[form] = counter_values(texts)
        return values

    def _engine(self) -> int:
        if not self._engine_work:
            entries = sum(map(len, self._descriptors))
            size = sum(len(key) + len(value) for one in self._descriptors for key, value in one.items())
            self._engine_work = _ENGINE_WORK + entries + size // 1024
        return self._engine_work


def _reads(parts: Sequence[LimitCondition | Variable]) -> frozenset[int] | None:
    read: set[int] = set()
    for part in parts:
        if part.reads is None:
            return None
        read |= part.reads
    # Without conditions and variables it is about the whole request.
    return frozenset(read) or None


def _equalities(group: _Group) -> list[tuple[str, str]]:
    return [condition.equality for condition in group.conditions if condition.equality is not None]


class HeldNamespace(NamedTuple):
    """The compiled limits of a namespace, and the way to find those that are held."""

    compiled: CompiledLimits
    limits: NamespaceLimits


def compile_namespaces(
    limits: Iterable[Limit], former: Mapping[str, HeldNamespace], expressions: Expressions
) -> dict[str, CompiledLimits]:
    """Compile the limits of each namespace.

    Of one whose limits are as they were the former result is given.
    """
    asked: dict[str, list[Limit]] = {}
    for limit in limits:
        asked.setdefault(limit.namespace, []).append(limit)
    return {
        name: former[name].compiled
        if name in former and former[name].compiled.asked == own
        else compile_limits(own, expressions)
        for name, own in asked.items()
    }


def hold_namespaces(
    compiled: Mapping[str, CompiledLimits],
    former: Mapping[str, HeldNamespace],
    counters: Mapping[Identity, LimitCounters],
) -> dict[str, HeldNamespace]:
    """Return how the limits of each namespace are found; what is as it was is the same instance."""
    return {
        name: former[name]
        if name in former and former[name].compiled is one
        else HeldNamespace(one, NamespaceLimits([(limit, counters[key]) for key, limit in one.held.items()]))
        for name, one in compiled.items()
    }
