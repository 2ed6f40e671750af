"""Estimates what an expression may cost the gateway at worst, before any request: steps and memory.

In the manner of Kubernetes' estimate for CEL: every part has a worst-case size, repetitions multiply, and
what a request brings is as large as it can be. A step is about 0.1 microseconds of Envoy's time where
everything goes as badly as it can.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.api.regular_expression import program_size
from kuadrant.policy.attributes import ATTRIBUTES, REQUEST_BYTES
from kuadrant.policy.checked_expression import kind, parts, pattern_of
from kuadrant.policy.expression_sizes import (
    HEADERS,
    ITEM,
    OPEN,
    PER_STEP,
    SCALAR,
    TEXT,
    Value,
    attribute,
    called,
    element_of,
    item_of,
    joined,
    repeated,
)
from kuadrant.policy.expression_text import quoted, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_INSTRUCTIONS_PER_STEP: Final = 10
"""Instructions of a pattern that RE2 carries out in a step where it cannot be quick.

Each is for one byte of a text.
"""
_COMPILE: Final = 25
"""Steps to compile an instruction of a pattern, which Envoy does each time."""
_COPIES: Final = 4
"""Copies of what a message is made of."""


class Costly(Struct, frozen=True, gc=False):
    """A part that costs: in words what it is, and what takes less."""

    words: str = ""
    instead: str = ""


class Estimate(Struct, frozen=True, gc=False):
    """The most steps of an expression, and the most bytes of memory that it may take.

    ``slowest`` and ``largest`` are the numbers of the parts that cost the most of each (:func:`costly`).
    """

    steps: int
    memory: int
    slowest: int = 0
    largest: int = 0


def estimate(checked: Any) -> Estimate:
    """Return what the expression of ``checked`` costs at most."""
    costs = _Costs()
    costs.of(checked.expression, {}, 1)
    costs.take_headers()
    slowest, largest = (max(of, key=of.__getitem__, default=0) for of in (costs.steps, costs.memory))
    return Estimate(
        steps=sum(costs.steps.values()),
        memory=sum(costs.memory.values()),
        slowest=slowest,
        largest=largest,
    )


def costly(checked: Any, number: int) -> Costly:
    """Return what is to be said of the part of ``checked`` that has this number."""
    part = next((one for one in parts(checked.expression) if one.id == number), None)
    return Costly() if part is None else Costly(_words(part), _instead(part))


_LONGEST: Final = 60


def _words(part: Any) -> str:
    """Return what a part is, for people."""
    if part.call.function == "matches" and (pattern := pattern_of(part)) is not None:
        counts = ", whose counts in {..} each make as many copies" if _COUNTED.search(pattern) else ""
        return f"the regular expression {_cut(quoted(pattern))}{counts}"
    text = text_of(part)
    if text.startswith("(("):  # of many operators: the place tells more
        return ""
    return "a repetition" if "#" in text else _cut(text)


_COUNTED: Final = re.compile(r"(?<!\\x)\{[0-9]")
_KINDS: Final = re.compile(r"\\[pP]")


def _instead(part: Any) -> str:
    """Return what takes less than a part; empty where nobody can tell."""
    if part.call.function != "matches":
        return ""
    pattern = pattern_of(part)
    if pattern is None:
        return "a pattern has to be written as a text, such as matches('^/toys')"
    if _KINDS.search(pattern):
        return r"write the characters that are meant in place of \p{..}, such as [a-z\\x{c0}-\\x{24f}]"
    if _COUNTED.search(pattern):
        return (
            "write * or + in place of a count in {..}, or a smaller one, and compare size(..) for the length"
        )
    return ""


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}.."


class _Costs:
    """Walks over an expression once and notes what each part costs, by its number."""

    def __init__(self) -> None:
        self.steps: dict[int, int] = {}
        self.memory: dict[int, int] = {}
        self._headers: dict[str, tuple[Any, int]] = {}

    def of(self, part: Any, names: Mapping[str, Value], times: int) -> Value:
        """Return what ``part``, which is evaluated so many ``times``, may be.

        ``names`` are the variables of repetitions.
        """
        result = _FORMS[kind(part)](self, part, names, times)
        self._take(part, 1, 0, times)
        return result

    def _take(self, part: Any, steps: int, memory: int, times: int) -> None:
        self.steps[part.id] = self.steps.get(part.id, 0) + steps * times
        if memory:
            self.memory[part.id] = self.memory.get(part.id, 0) + memory * times

    def take_headers(self) -> None:
        """Take what reading headers by their names costs.

        All of them together are no larger than the one that is read most may be.
        """
        if self._headers:
            part, times = max(self._headers.values(), key=lambda one: one[1])
            self._take_copy(part, REQUEST_BYTES, times)

    def _take_copy(self, part: Any, size: int, times: int) -> None:
        self._take(part, size // PER_STEP, size, times)

    def _read(self, part: Any, of: Value, value: Value, times: int, name: str | None = None) -> Value:
        """``value``, read from ``of``: an entry of that ``name``, if it is written in the expression."""
        if of is HEADERS and name is not None:
            first, before = self._headers.get(name.lower(), (part, 0))
            self._headers[name.lower()] = first, before + times
        elif of.foreign:
            self._take_copy(part, value.mean, times)
        return value

    def constant(self, part: Any, _names: Mapping[str, Value], _times: int) -> Value:
        """A text has its own size."""
        for field in ("text", "bytes"):
            if part.constant.HasField(field):
                value = getattr(part.constant, field)
                size = len(value.encode() if isinstance(value, str) else value)
                return Value(size, size)
        return SCALAR

    def name(self, part: Any, names: Mapping[str, Value], _times: int) -> Value:
        """A variable of a repetition, or one that only the gateway knows.

        A root such as ``request`` as a whole.
        """
        return names.get(part.name.name, OPEN)

    def select(self, part: Any, names: Mapping[str, Value], times: int) -> Value:
        """An attribute of the request, or an entry of a map."""
        operand, field = part.select.operand, part.select.field
        if operand.name.name in ATTRIBUTES and operand.name.name not in names:
            value = attribute(operand.name.name, field)
            if value is TEXT and not part.select.test_only:
                self._take_copy(part, value.mean, times)
            return SCALAR if part.select.test_only else value
        of = self.of(operand, names, times)
        # To find out whether a header is there makes a copy of one that came several times.
        value = self._read(part, of, element_of(of, None), times, field)
        return SCALAR if part.select.test_only else value

    def list(self, part: Any, names: Mapping[str, Value], times: int) -> Value:
        """A list of what is written in it."""
        elements = [self.of(one, names, times) for one in part.list.elements]
        self._take(part, len(elements), ITEM * len(elements), times)
        return Value(length=len(elements), element=joined(elements))

    def struct(self, part: Any, names: Mapping[str, Value], times: int) -> Value:
        """A map, or a message, of what is written in it."""
        entries = part.struct.entries
        keys = [self.of(one.key, names, times) for one in entries if one.HasField("key")]
        values = [self.of(one.value, names, times) for one in entries]
        self._take(part, 2 * len(values), 2 * ITEM * len(values), times)
        made = Value(length=len(values), key=joined(keys), element=joined(values))
        if not part.struct.name:
            return made
        # A message has copies of what it is made of, and may be a text or a list itself.
        size = sum(value.size for value in values)
        self._take_copy(part, _COPIES * sum(value.whole for value in values), times)
        return replace(made, size=size, mean=size, open=True)

    def comprehension(self, part: Any, names: Mapping[str, Value], times: int) -> Value:
        """One of the macros that repeat: what they gather grows by the same in each round."""
        loop = part.comprehension
        over = self.of(loop.range, names, times)
        start = self.of(loop.start, names, times)
        rounds = times * max(over.length, 1)
        inner = {**names, loop.accumulator: Value(scalar=start.scalar), loop.variable: item_of(over)}
        if loop.second_variable:
            inner[loop.second_variable] = element_of(over, None)
        self.of(loop.condition, inner, rounds)
        grown = self.of(loop.step, inner, rounds)
        gathered = grown if grown.scalar else repeated(grown, over.length)
        # A list that grows may be copied in each round.
        self._take(part, gathered.length * over.length // PER_STEP, 0, times)
        return self.of(loop.result, {**names, loop.accumulator: gathered}, times)

    def call(self, part: Any, names: Mapping[str, Value], times: int) -> Value:
        """A function or an operator."""
        function = part.call.function
        operands = [part.call.target] if part.call.HasField("target") else []
        values = [self.of(one, names, times) for one in (*operands, *part.call.arguments)]
        if function == "matches":
            pattern = pattern_of(part)
            # One that is not known beforehand is refused elsewhere; here it is as bad as it can be.
            size = values[-1].size if pattern is None else program_size(pattern)
            self._take(part, size * (_COMPILE + values[0].mean // _INSTRUCTIONS_PER_STEP), 0, times)
            return SCALAR
        steps, memory, result = called(function, values)
        self._take(part, steps, memory, times)
        if function in _LOOKUPS and len(values) == 2:
            among, key = values[:: _LOOKUPS[function]]
            written = part.call.arguments[0 if function == "@in" else -1].constant
            name = written.text if written.HasField("text") else None
            self._read(part, among, element_of(among, key), times, name)
        return result


_FORMS: Final[dict[str, Callable[[_Costs, Any, Mapping[str, Value], int], Value]]] = {
    "constant": _Costs.constant,
    "name": _Costs.name,
    "select": _Costs.select,
    "call": _Costs.call,
    "list": _Costs.list,
    "struct": _Costs.struct,
    "comprehension": _Costs.comprehension,
    "": lambda *_: SCALAR,
}


_LOOKUPS: Final = {"_[_]": 1, "_[?_]": 1, "_?._": 1, "@in": -1}
"""Where something is looked up in the first of two values (1), or in the last (-1)."""
