"""Reads the bytes of a program (docs/expressions.md), as ``cel/program.zig`` does."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kuadrant.expressions.functions import NUMBERS
from kuadrant.expressions.program_nodes import (
    ALL,
    ATTRIBUTE,
    ATTRIBUTE_OPTIONAL,
    ATTRIBUTE_PRESENT,
    BOTH,
    CALL,
    CHOICE,
    EITHER,
    EXISTS,
    EXISTS_ONE,
    KEEP,
    LET,
    LIST,
    LOCAL,
    MAP,
    MAPPED,
    MAPPED_WHERE,
    MATCHES,
    OR_OPTIONAL,
    OR_VALUE,
    PRESENT,
    SELECT,
    SELECT_OPTIONAL,
)
from kuadrant.expressions.regular_automaton import CHARACTERS, JUMP, SPLIT, Instruction
from kuadrant.reference_model.steps.values import Octets, Typed, Uint

if TYPE_CHECKING:
    from collections.abc import Callable

CONSTANT, COMPARISON = 0, 99
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BY_TEXT: Final = frozenset({18, 19, 20})
"""``contains``, ``startsWith`` and ``endsWith``."""
_EQUALITIES: Final = frozenset({8, 9})


class Node(Struct, frozen=True, gc=False):
    """A node: its kind, the nodes that it is made of, and what else it says."""

    kind: int
    parts: tuple[int, ...] = ()
    rest: Any = None


class Program(Struct, frozen=True, gc=False):
    """Nodes, the last of which is the whole, and attributes: a number, or the name of a header.

    ``kept`` and ``variables`` are how many places it needs. In one that ``is_plain`` no node takes more than
    a step for each byte of the longest text of a request.
    """

    attributes: tuple[int | str, ...]
    nodes: tuple[Node, ...]
    kept: int
    variables: int
    is_plain: bool


@lru_cache(maxsize=1024)
def read(program: bytes) -> Program:
    """Return what the bytes of a program of ours say."""
    return _Reader(program).program()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._nodes: list[Node] = []
        self._kept = 0
        self._variables = 0

    def program(self) -> Program:
        self.integer()
        attributes = tuple(self.attribute() for _ in range(self.integer()))
        while self._at < len(self._data):
            self._nodes.append(self.node())
        is_plain = all(
            node.kind in _PLAIN or (node.kind == CALL and node.rest in _PLAIN_CALLS) for node in self._nodes
        )
        return Program(attributes, tuple(self._nodes), self._kept, self._variables, is_plain)

    def attribute(self) -> int | str:
        return self.text().decode() if self.byte() else self.integer()

    def node(self) -> Node:  # noqa: C901, PLR0911 - one for each kind
        kind = self.byte()
        if kind in _CONSTANTS:
            return Node(CONSTANT, (), _CONSTANTS[kind](self))
        match kind:
            case _ if kind in (ATTRIBUTE, ATTRIBUTE_PRESENT, ATTRIBUTE_OPTIONAL):
                return Node(kind, (), self.integer())
            case _ if kind == LOCAL:
                return Node(kind, (), self.place())
            case _ if kind in (SELECT, PRESENT, SELECT_OPTIONAL):
                return Node(kind, (self.before(),), self.text())
            case _ if kind in _PARTS:
                return Node(kind, tuple(self.before() for _ in range(_PARTS[kind])))
            case _ if kind in _LOOPS:
                place = self.place()
                return Node(kind, tuple(self.before() for _ in range(_LOOPS[kind])), place)
            case _ if kind == LIST:
                return self.list_of()
            case _ if kind == MAP:
                return self.map_of()
            case _ if kind == KEEP:
                self._kept += 1
                return Node(kind, (self.before(),), self._kept - 1)
            case _ if kind == CALL:
                return self.call()
            case _ if kind == MATCHES:
                return Node(kind, (self.before(),), self.pattern())
        raise ValueError(kind)

    def list_of(self) -> Node:
        marked = [self.integer() for _ in range(self.integer())]
        parts = tuple(len(self._nodes) - (one >> 1) for one in marked)
        optional = tuple(bool(one & 1) for one in marked)
        if not any(optional) and all(self._nodes[part].kind == CONSTANT for part in parts):
            return Node(CONSTANT, (), [self._nodes[part].rest for part in parts])
        return Node(LIST, parts, optional)

    def map_of(self) -> Node:
        parts: list[int] = []
        optional: list[bool] = []
        for _ in range(self.integer()):
            marked = self.integer()
            parts += (len(self._nodes) - (marked >> 1), self.before())
            optional.append(bool(marked & 1))
        return Node(MAP, tuple(parts), tuple(optional))

    def call(self) -> Node:
        function = self.byte()
        parts = tuple(self.before() for _ in range(self.integer()))
        if function in _BY_TEXT | _EQUALITIES:
            for of, text in (parts, parts[::-1]) if function in _EQUALITIES else (parts,):
                found = self._nodes[text]
                if found.kind == CONSTANT and type(found.rest) is bytes:
                    return Node(COMPARISON, (of,), (function, found.rest))
        return Node(CALL, parts, function)

    def pattern(self) -> tuple[bool, list[Instruction]]:
        return bool(self.byte()), [self.instruction() for _ in range(self.integer())]

    def instruction(self) -> Instruction:
        kind = self.byte()
        count = {0: 0, SPLIT: 2, JUMP: 1}.get(kind, 1)
        if kind == CHARACTERS:
            count = 2 * self.integer()
        return kind, tuple(self.integer() for _ in range(count))

    def place(self) -> int:
        place = self.byte()
        self._variables = max(self._variables, place + 1)
        return place

    def before(self) -> int:
        return len(self._nodes) - self.integer()

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def integer(self) -> int:
        number = shift = 0
        while True:
            byte = self.byte()
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def signed(self) -> int:
        number = self.integer()
        return -(number >> 1) - 1 if number & 1 else number >> 1

    def text(self) -> bytes:
        length = self.integer()
        self._at += length
        return self._data[self._at - length : self._at]

    def double(self) -> float:
        self._at += 8
        return float(struct.unpack("<d", self._data[self._at - 8 : self._at])[0])

    def moment(self) -> timedelta:
        return timedelta(seconds=self.signed(), microseconds=self.integer() // 1000)


_CONSTANTS: Final[dict[int, Callable[[_Reader], Any]]] = {
    0: lambda _: None,
    1: lambda _: False,
    2: lambda _: True,
    3: _Reader.signed,
    4: lambda reader: Uint(reader.integer()),
    5: _Reader.double,
    6: _Reader.text,
    7: lambda reader: Octets(reader.text()),
    8: _Reader.moment,
    9: lambda reader: _EPOCH + reader.moment(),
    10: lambda reader: Typed(reader.byte()),
}
_PARTS: Final = {BOTH: 2, EITHER: 2, CHOICE: 3, OR_OPTIONAL: 2, OR_VALUE: 2}
_LOOPS: Final = {ALL: 2, EXISTS: 2, EXISTS_ONE: 2, MAPPED: 2, MAPPED_WHERE: 3, LET: 2}

# Of attributes those that are texts, and what makes none larger.
_PLAIN: Final = frozenset({CONSTANT, COMPARISON, BOTH, EITHER, CHOICE, ATTRIBUTE, ATTRIBUTE_PRESENT})
_PLAIN_CALLS: Final = frozenset(
    NUMBERS[name] for name in ("!_", "_==_", "_!=_", "size", "startsWith", "endsWith")
)
