"""The nodes of a program while it is made: each exists once, and what is needed more than once is kept."""

from __future__ import annotations

from typing import Final

from kuadrant.expressions import encoding

VERSION: Final = 1

ATTRIBUTE, ATTRIBUTE_PRESENT, ATTRIBUTE_OPTIONAL, LOCAL = 16, 17, 18, 19
SELECT, PRESENT, SELECT_OPTIONAL = 20, 21, 22
BOTH, EITHER, CHOICE, LIST, MAP = 23, 24, 25, 26, 27
ALL, EXISTS, EXISTS_ONE, MAPPED, MAPPED_WHERE, LET = 28, 29, 30, 31, 32, 33
KEEP, CALL, MATCHES, OR_OPTIONAL, OR_VALUE = 34, 35, 36, 37, 38

_LOOPS: Final = frozenset({ALL, EXISTS, EXISTS_ONE, MAPPED, MAPPED_WHERE, LET})
_LEAVES: Final = frozenset({*range(11), ATTRIBUTE, ATTRIBUTE_PRESENT, LOCAL})

Node = tuple[int, tuple[int, ...], bytes]
"""What it is, the nodes that it is made of, and the bytes that say the rest.

The bytes of a list or a map are a byte for each part, 1 for one that is optional.
"""


class Nodes:
    """Nodes by number; the same node has the same number, and those that it is made of have smaller ones."""

    def __init__(self) -> None:
        self._numbers: dict[Node, int] = {}
        self._nodes: list[Node] = []
        self._attributes: dict[bytes, int] = {}

    def add(self, kind: int, parts: tuple[int, ...] = (), rest: bytes = b"") -> int:
        """The number of a node."""
        node = (kind, parts, rest)
        number = self._numbers.setdefault(node, len(self._nodes))
        if number == len(self._nodes):
            self._nodes.append(node)
        return number

    def attribute(self, kind: int, name: bytes) -> int:
        """The number of a node about the attribute that is written as ``name``."""
        return self.add(kind, (), name)

    def node(self, number: int) -> Node:
        """The node with a number."""
        return self._nodes[number]

    def program(self, root: int) -> bytes:
        """The bytes of the program whose value is that of ``root``."""
        writer = _Writer(self._nodes, _kept(self._nodes, root))
        writer.write(root)
        attributes = b"".join(writer.attributes)
        return (
            encoding.integer(VERSION)
            + encoding.integer(len(writer.attributes))
            + attributes
            + b"".join(writer.written)
        )


def _kept(nodes: list[Node], root: int) -> frozenset[int]:
    """The nodes whose value is worth to be kept.

    They are evaluated more than once: named by several, or in a loop. No variable is part of them.
    """
    named: dict[int, int] = {}
    looped: set[int] = set()
    seen: set[tuple[int, bool]] = set()
    waiting = [(root, False)]
    while waiting:
        number, within = waiting.pop()
        named[number] = named.get(number, 0) + 1
        if within:
            looped.add(number)
        if (number, within) in seen:
            continue
        seen.add((number, within))
        kind, parts, _ = nodes[number]
        loop = kind in _LOOPS and kind != LET
        waiting += [(part, within or (loop and place > 0)) for place, part in enumerate(parts)]
    free = _free(nodes)
    return frozenset(
        number
        for number, times in named.items()
        if (times > 1 or number in looped) and nodes[number][0] not in _LEAVES and not free[number]
    )


def _free(nodes: list[Node]) -> list[frozenset[int]]:
    """The variables of each node that it does not bind itself."""
    free: list[frozenset[int]] = []
    for kind, parts, rest in nodes:
        if kind == LOCAL:
            free.append(frozenset(rest))
        elif kind in _LOOPS:
            inner = frozenset[int]().union(*(free[part] for part in parts[1:])) - frozenset(rest)
            free.append(free[parts[0]] | inner)
        else:
            free.append(frozenset[int]().union(*(free[part] for part in parts)))
    return free


class _Writer:
    """Writes nodes in the order in which they are needed."""

    def __init__(self, nodes: list[Node], kept: frozenset[int]) -> None:
        self._nodes = nodes
        self._kept = kept
        self._places: dict[int, int] = {}
        self._attribute_places: dict[bytes, int] = {}
        self.attributes: list[bytes] = []
        self.written: list[bytes] = []

    def write(self, number: int) -> int:
        """Write a node and what it is made of, if that is not there, and return its place."""
        if number not in self._places:
            kind, parts, rest = self._nodes[number]
            for part in parts:
                self.write(part)
            self.written.append(self._bytes(kind, parts, rest))
            if number in self._kept:
                self.written.append(bytes([KEEP]) + encoding.integer(1))
            self._places[number] = len(self.written) - 1
        return self._places[number]

    def _bytes(self, kind: int, parts: tuple[int, ...], rest: bytes) -> bytes:
        written = [len(self.written) - self._places[part] for part in parts]
        references = [encoding.integer(distance) for distance in written]
        head = bytes([kind])
        match kind:
            case _ if kind in (ATTRIBUTE, ATTRIBUTE_PRESENT, ATTRIBUTE_OPTIONAL):
                return head + encoding.integer(self._attribute(rest))
            case _ if kind in _LOOPS:
                return head + rest + b"".join(references)
            case _ if kind == LIST:
                return head + encoding.integer(len(parts)) + _marked(written, rest)
            case _ if kind == MAP:
                pairs = zip(written[::2], written[1::2], rest, strict=True)
                return (
                    head
                    + encoding.integer(len(rest))
                    + b"".join(
                        _marked([key], bytes([mark])) + encoding.integer(value) for key, value, mark in pairs
                    )
                )
            case _ if kind == CALL:
                return head + rest + encoding.integer(len(parts)) + b"".join(references)
            case _:
                return head + b"".join(references) + rest

    def _attribute(self, name: bytes) -> int:
        place = self._attribute_places.setdefault(name, len(self.attributes))
        if place == len(self.attributes):
            self.attributes.append(name)
        return place


def _marked(distances: list[int], marks: bytes) -> bytes:
    return b"".join(
        encoding.integer(distance << 1 | mark) for distance, mark in zip(distances, marks, strict=True)
    )
