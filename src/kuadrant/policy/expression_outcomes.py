"""Tells what an expression may come to for requests of one kind: true, false, another value, or failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from kuadrant.policy.checked_expression import children, is_binding, kind
from kuadrant.policy.expression_text import HEADERS, bound_text, text_of
from kuadrant.policy.fallible_parts import Need, entry_of, need
from kuadrant.policy.request_facts import COMPARING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.policy.request_facts import RequestFacts


class Failing(Struct, frozen=True, gc=False):
    """A part that may fail: in which expression, at which offset in characters, and what it needs."""

    expression: int
    offset: int
    need: Need


class Outcome(Struct, frozen=True, gc=False):
    """Holds what a part may be: true, false, another value, or a failure of one of these parts."""

    true: bool = False
    false: bool = False
    other: bool = False
    failures: frozenset[Failing] = frozenset()

    @property
    def succeeds(self) -> bool:
        """Tell whether it may have a value."""
        return self.true or self.false or self.other


_ANY: Final = Outcome(true=True, false=True, other=True)
_VALUE: Final = Outcome(other=True)
TRUE: Final = Outcome(true=True)
_FALSE: Final = Outcome(false=True)
_EITHER: Final = Outcome(true=True, false=True)


def both(one: Outcome, other: Outcome) -> Outcome:
    """Return what both of two conditions may be: one that is false wins over one that fails."""
    failures = frozenset[Failing]()
    if other.true or other.other or other.failures:
        failures |= one.failures
    if one.true or one.other or one.failures:
        failures |= other.failures
    both = (one.true or one.other) and (other.true or other.other)
    return Outcome(
        true=both,
        false=one.false or other.false or one.other or other.other,
        failures=failures,
    )


def negated(one: Outcome) -> Outcome:
    """Return what the contrary of a condition may be."""
    return Outcome(true=one.false, false=one.true, other=one.other, failures=one.failures)


class _Binding:
    """Holds what a name stands for, and what is known of it so far."""

    def __init__(
        self, start: Any, names: dict[str, str], around: Mapping[str, _Binding], *, is_optional: bool
    ) -> None:
        self.start, self.names, self.around, self.is_optional = start, names, around, is_optional
        self.known: dict[str, Outcome] = {}


class Examined:
    """An expression by its number, and what is so of its parts in every world, each found out once."""

    def __init__(self, number: int, checked: Any) -> None:
        self.expression = checked.expression
        self._number = number
        self._types = {one.id: one.type for one in checked.types}
        self._offsets = {one.id: one.offset for one in checked.source.positions}
        self._needs: dict[int, Need | None] = {}
        self._children: dict[int, list[Any]] = {}

    def need(self, part: Any, names: dict[str, str]) -> Need | None:
        """Return what ``part`` needs, where ``names`` have these texts."""
        if names:
            return need(part, names, self._types)
        if part.id not in self._needs:
            self._needs[part.id] = need(part, names, self._types)
        return self._needs[part.id]

    def children(self, part: Any) -> list[Any]:
        """Return what ``part`` is made of."""
        if part.id not in self._children:
            self._children[part.id] = children(part)
        return self._children[part.id]

    def failing(self, part: Any, of: Need) -> Failing:
        """Return that ``part`` may fail, for the lack of something."""
        return Failing(self._number, self._offsets.get(part.id, 0), of)


class Evaluation:
    """Goes through one expression in one world."""

    def __init__(self, examined: Examined, facts: RequestFacts) -> None:
        self._examined, self._facts = examined, facts
        self._bound: Mapping[str, _Binding] = {}
        self._ranges: dict[str, str] = {}

    def of(self, part: Any, names: dict[str, str]) -> Outcome:  # noqa: PLR0911 - one for each kind
        """Return what ``part`` may be, where ``names`` have these texts."""
        match kind(part):
            case "constant":
                if part.constant.HasField("bool"):
                    return TRUE if part.constant.bool else _FALSE
                return _VALUE
            case "name":
                bound = self._bound.get(part.name.name)
                return self._read(bound, "value") if bound else _ANY
            case "comprehension":
                return self._loop(part.comprehension, names)
            case "call":
                return self._call(part, names)
            case "select" if self._is_optional(part.select.operand):
                return Outcome(other=True, failures=self.of(part.select.operand, names).failures)
            case "select" if part.select.test_only:
                named = entry_of(part, names)
                there = self._facts.there(named.of, named.what) if named else None
                return self._asking(there, part.select.operand, names)
        return self._strict(part, names)

    def _asking(self, answer: bool | None, about: Any, names: dict[str, str]) -> Outcome:
        known = _EITHER if answer is None else TRUE if answer else _FALSE
        return Outcome(true=known.true, false=known.false, failures=self.of(about, names).failures)

    def _strict(self, part: Any, names: dict[str, str], value: Outcome = _ANY) -> Outcome:
        """Return what ``part`` may be that fails where one of its parts does."""
        failures = frozenset[Failing]()
        for one in self._examined.children(part):
            below = self.of(one, names)
            failures |= below.failures
            if not below.succeeds:
                return Outcome(failures=failures)
        wanted = self._examined.need(part, names)
        if wanted is not None and (kind(part) != "call" or not self._is_of_range(part, names)):
            met = self._facts.is_met(wanted)
            if met is not True:
                failures |= {self._examined.failing(part, wanted)}
            if met is False:
                return Outcome(failures=failures)
        return Outcome(true=value.true, false=value.false, other=value.other, failures=failures)

    def _is_of_range(self, part: Any, names: dict[str, str]) -> bool:
        """Tell whether an entry is asked for by a name that comes from the very map."""
        if part.call.function != "_[_]":
            return False
        container, key = part.call.arguments
        return key.name.name != "" and self._ranges.get(key.name.name) == text_of(container, names)

    def _call(self, part: Any, names: dict[str, str]) -> Outcome:  # noqa: PLR0911 - one for each form
        function, arguments = part.call.function, part.call.arguments
        match function:
            case "_&&_":
                return both(self.of(arguments[0], names), self.of(arguments[1], names))
            case "_||_":
                one, other = (negated(self.of(each, names)) for each in arguments)
                return negated(both(one, other))
            case "!_":
                return negated(self.of(arguments[0], names))
            case "_?_:_":
                return self._chosen(part, names)
            case "hasValue" | "value" | "orValue" | "or" if part.call.HasField("target"):
                return self._of_optional(part, names)
            case "@not_strictly_false":
                return _ANY
        known = self._facts.compared(part, names) if function in COMPARING else None
        value = _ANY if known is None else TRUE if known else _FALSE
        return self._strict(part, names, value)

    def _chosen(self, part: Any, names: dict[str, str]) -> Outcome:
        condition, first, second = (self.of(one, names) for one in part.call.arguments)
        may = (condition.true or condition.other, condition.false or condition.other)
        ways = [one for one, is_way in zip((first, second), may, strict=True) if is_way]
        return Outcome(
            true=any(one.true for one in ways),
            false=any(one.false for one in ways),
            other=any(one.other for one in ways),
            failures=condition.failures.union(*(one.failures for one in ways)),
        )

    def _loop(self, loop: Any, names: dict[str, str]) -> Outcome:
        around = self._bound
        if is_binding(loop):
            name, text = loop.accumulator, bound_text(loop.start, names)
            bound = _Binding(loop.start, names, around, is_optional=self._is_optional(loop.start))
            self._bound = {**around, name: bound}
            found = self.of(loop.result, {**names, name: text})
            self._bound = around
            return found
        over = self.of(loop.range, names)
        depth = len(names)
        within = {
            **names,
            loop.variable: f"#{depth}",
            loop.second_variable: f"#{depth}b",
            loop.accumulator: f"#{depth}a",
        }
        self._ranges[loop.variable] = text_of(loop.range, names)
        own = {loop.variable, loop.second_variable, loop.accumulator}
        self._bound = {name: bound for name, bound in around.items() if name not in own}
        step = self.of(loop.step, within)
        result = self.of(loop.result, within)
        self._bound = around
        return Outcome(
            true=True, false=True, other=True, failures=over.failures | step.failures | result.failures
        )

    def _read(self, bound: _Binding, question: Literal["value", "has value"]) -> Outcome:
        """Return what is asked of what a name stands for: where it was named, and once for all reads."""
        if question not in bound.known:
            around, self._bound = self._bound, bound.around
            answer = self.of if question == "value" else self._has_value
            bound.known[question] = answer(bound.start, bound.names)
            self._bound = around
        return bound.known[question]

    def _is_optional(self, part: Any) -> bool:
        match kind(part):
            case "name":
                bound = self._bound.get(part.name.name)
                return bound is not None and bound.is_optional
            case "select":
                return self._is_optional(part.select.operand)
            case "call":
                function = part.call.function
                if function in _MAKING_OPTIONALS:
                    return True
                if function == "_?_:_":
                    return any(map(self._is_optional, part.call.arguments[1:]))
                return function == "_[_]" and self._is_optional(part.call.arguments[0])
        return False

    def _of_optional(self, part: Any, names: dict[str, str]) -> Outcome:
        function, target = part.call.function, part.call.target
        has = self._has_value(target, names)
        if function == "hasValue":
            return has
        if function == "value":
            failures = has.failures
            if has.false:
                failures |= {self._examined.failing(part, Need("optional", text_of(target, names)))}
            return Outcome(true=has.true, false=has.true, other=has.true, failures=failures)
        otherwise = self.of(part.call.arguments[0], names) if has.false else _VALUE
        return Outcome(true=True, false=True, other=True, failures=has.failures | otherwise.failures)

    def _has_value(self, part: Any, names: dict[str, str]) -> Outcome:  # noqa: PLR0911 - as above
        """Tell whether an optional has a value."""
        if kind(part) == "name" and (bound := self._bound.get(part.name.name)):
            return self._read(bound, "has value")
        if kind(part) != "call":
            return self._asking(self._of_its_own(part, names), part, names)
        function, arguments = part.call.function, part.call.arguments
        match function:
            case "optional.of":
                return Outcome(true=True, failures=self.of(arguments[0], names).failures)
            case "optional.none":
                return _FALSE
            case "_[?_]" | "_?._":
                return self._entry(arguments[0], arguments[1], names)
            case "or" if part.call.HasField("target"):
                one = self._has_value(part.call.target, names)
                other = self._has_value(arguments[0], names)
                failures = one.failures | (other.failures if one.false else frozenset())
                return Outcome(
                    true=one.true or other.true, false=one.false and other.false, failures=failures
                )
            case "_?_:_":
                condition = self.of(arguments[0], names)
                ways = []
                if condition.true or condition.other:
                    ways.append(self._has_value(arguments[1], names))
                if condition.false or condition.other:
                    ways.append(self._has_value(arguments[2], names))
                return Outcome(
                    true=any(one.true for one in ways),
                    false=any(one.false for one in ways),
                    failures=condition.failures.union(*(one.failures for one in ways)),
                )
        failures = frozenset[Failing]().union(*(self.of(one, names).failures for one in children(part)))
        own = self._of_its_own(part, names)
        return Outcome(true=own is not False, false=own is not True, failures=failures)

    def _of_its_own(self, part: Any, names: dict[str, str]) -> bool | None:
        return self._facts.is_met(Need("optional", text_of(part, names)))

    def _entry(self, container: Any, key: Any, names: dict[str, str]) -> Outcome:
        base = self._has_value(container, names) if self._is_optional(container) else None
        failures = base.failures if base else self.of(container, names).failures
        of, what = text_of(container, names), text_of(key, names)
        if key.constant.HasField("int"):
            there = self._facts.is_met(Need("length", of, least=key.constant.int + 1))
        else:
            there = self._facts.there(of, what.lower() if of == HEADERS else what, matters=True)
        empty = there is not True or (base is not None and base.false)
        return Outcome(
            true=there is not False and (base is None or base.true), false=empty, failures=failures
        )


_MAKING_OPTIONALS: Final = frozenset(
    {
        "_[?_]",
        "_?._",
        "optional.of",
        "optional.none",
        "optional.ofNonZeroValue",
        "or",
        "first",
        "last",
    }
)
