"""Reads regular expressions as RE2 does, as far as the module's automaton goes; sound they are already."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from kuadrant.expressions.character_sets import ANY, NAMED, PERL, Ranges, folded, inverted, joined
from kuadrant.expressions.not_evaluable import OutsideError

TEXT_BEGIN, TEXT_END, LINE_BEGIN, LINE_END, BOUNDARY, NO_BOUNDARY = range(6)


class Characters(Struct, frozen=True):
    """One character of these."""

    ranges: Ranges


class Assertion(Struct, frozen=True):
    """A place in the text, by its number."""

    number: int


class Sequence(Struct, frozen=True):
    """One part after the other."""

    parts: tuple[Part, ...]


class Choice(Struct, frozen=True):
    """One of the parts."""

    parts: tuple[Part, ...]


class Repetition(Struct, frozen=True):
    """A part so many times; without an end ``most`` is None."""

    part: Part
    least: int
    most: int | None


Part = Characters | Assertion | Sequence | Choice | Repetition

_COUNTED: Final = re.compile(r"\{(\d+)(,(\d*))?\}")
_FLAGS: Final = re.compile(r"\?([imsU]*)(?:-([imsU]+))?([:)])")
_GROUP_NAME: Final = re.compile(r"\?P?<\w+>")
_ESCAPES: Final = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
_ASSERTIONS: Final = {"A": TEXT_BEGIN, "z": TEXT_END, "b": BOUNDARY, "B": NO_BOUNDARY}


def parse(pattern: str) -> Part:
    """The parts of ``pattern``, which RE2 takes.

    Raises:
        OutsideError: It has something that the module's automaton does not know.
    """
    reader = _Reader(pattern)
    found = reader.choice(frozenset())
    if reader.rest:
        raise OutsideError("such a regular expression")
    return found


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    @property
    def rest(self) -> str:
        """The text that is not read yet."""
        return self._pattern[self._at :]

    def _take(self, text: str) -> bool:
        found = self._pattern.startswith(text, self._at)
        self._at += len(text) if found else 0
        return found

    def _next(self) -> str:
        self._at += 1
        return self._pattern[self._at - 1]

    def choice(self, flags: frozenset[str]) -> Part:
        """Alternatives, up to the end of their group."""
        ways = []
        while True:
            way, flags = self._sequence(flags)
            ways.append(way)
            if not self._take("|"):
                return ways[0] if len(ways) == 1 else Choice(tuple(ways))

    def _sequence(self, flags: frozenset[str]) -> tuple[Part, frozenset[str]]:
        parts: list[Part] = []
        while self.rest and self.rest[0] not in "|)":
            if self._take("\\Q"):
                literal, _, _ = self.rest.partition("\\E")
                self._at += len(literal)
                self._take("\\E")
                parts += (self._literal(character, flags) for character in literal)
            elif self._take("("):
                if change := _FLAGS.match(self.rest):
                    self._at += change.end()
                    inner = (flags | set(change[1])) - set(change[2] or "")
                    if change[3] == ")":
                        flags = inner
                        continue
                else:
                    inner = flags
                    if name := _GROUP_NAME.match(self.rest):
                        self._at += name.end()
                parts.append(self.choice(inner))
                if not self._take(")"):
                    raise OutsideError("such a regular expression")
            else:
                parts.append(self._one(flags))
            if parts:
                parts[-1] = self._repeated(parts[-1])
        return Sequence(tuple(parts)), flags

    def _repeated(self, part: Part) -> Part:
        while self.rest:
            counted = _COUNTED.match(self.rest)
            if self.rest[0] in "*+?":
                least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[self._next()]
            elif counted:
                self._at += counted.end()
                least = int(counted[1])
                most = least if counted[2] is None else int(counted[3]) if counted[3] else None
            else:
                break
            # Whether it takes as few as it can does not change what matches.
            self._take("?")
            part = Repetition(part, least, most)
        return part

    def _one(self, flags: frozenset[str]) -> Part:  # noqa: PLR0911 - one for each kind
        character = self._next()
        match character:
            case "^":
                return Assertion(LINE_BEGIN if "m" in flags else TEXT_BEGIN)
            case "$":
                return Assertion(LINE_END if "m" in flags else TEXT_END)
            case ".":
                return Characters(ANY if "s" in flags else inverted(((10, 10),)))
            case "[":
                return Characters(self._set(flags))
            case "\\":
                if self.rest[0] in _ASSERTIONS:
                    return Assertion(_ASSERTIONS[self._next()])
                if self.rest[0].lower() in PERL:
                    return Characters(self._perl())
                number = self._escaped()
                return Characters(folded(((number, number),)) if "i" in flags else ((number, number),))
            case _:
                return self._literal(character, flags)

    def _literal(self, character: str, flags: frozenset[str]) -> Part:
        ranges = ((ord(character), ord(character)),)
        return Characters(folded(ranges) if "i" in flags else ranges)

    def _perl(self) -> Ranges:
        name = self._next()
        return PERL[name] if name in PERL else inverted(PERL[name.lower()])

    def _escaped(self) -> int:
        name = self._next()
        if name in _ESCAPES:
            return _ESCAPES[name]
        if name == "x":
            if self._take("{"):
                digits, _, _ = self.rest.partition("}")
                self._at += len(digits) + 1
            else:
                digits = self._next() + self._next()
            return int(digits, 16)
        if name in "01234567":
            digits = name
            while len(digits) < 3 and self.rest and self.rest[0] in "01234567":
                digits += self._next()
            return int(digits, 8)
        if name.isalnum() or not name.isascii():
            raise OutsideError(f"\\{name} in a regular expression")
        return ord(name)

    def _set(self, flags: frozenset[str]) -> Ranges:
        """What is in brackets."""
        negative = self._take("^")
        found: list[Ranges] = []
        first = True
        while first or not self._take("]"):
            first = False
            if name := re.match(r"\[:(\^?)(\w+):\]", self.rest):
                self._at += name.end()
                found.append(inverted(NAMED[name[2]]) if name[1] else NAMED[name[2]])
            elif self.rest[0] == "\\" and self.rest[1].lower() in PERL:
                self._at += 1
                found.append(self._perl())
            else:
                low = self._set_character()
                ranged = self.rest[0] == "-" and self.rest[1] != "]"
                self._at += ranged
                found.append(((low, self._set_character() if ranged else low),))
        ranges = joined(found)
        ranges = folded(ranges) if "i" in flags else ranges
        return inverted(ranges) if negative else ranges

    def _set_character(self) -> int:
        character = self._next()
        return self._escaped() if character == "\\" else ord(character)
