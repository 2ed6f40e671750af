"""Counts the steps that the module takes to look for a regular expression in a text (``cel/pattern.zig``)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from kuadrant.expressions.not_evaluable import OutsideError
from kuadrant.expressions.regular_automaton import (
    ASSERTION,
    CHARACTERS,
    JUMP,
    MATCH,
    SPLIT,
    Instruction,
    automaton,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_STEPS: Final = 50_000
"""What an evaluation has."""
_RANGES_OF_STEP: Final = 8
_ITEMS: Final = ((2, 2, 2), (1, 0, 4), (1, 0, 2), (1, 0, 2))
"""What is allocated: items for each instruction, items more, and bytes of one."""


def steps(pattern: str, text: str, most: int = MOST_STEPS) -> int:
    """Return how many steps the module takes; of more than ``most`` some that are more.

    Nothing is counted of a pattern that it leaves to the gateway, and of one that cannot take so many.
    """
    if (found := _automaton(pattern)) is None or len(text) * _dearest(pattern) <= most:
        return 0
    return counted(*found, text, most)


def at_most(pattern: str, longest: int) -> int:
    """Return how many steps it can be over ``longest`` characters; somewhat more, maybe."""
    return (longest + 16) * _dearest(pattern)


def counted(anchored: bool, instructions: list[Instruction], text: str, most: int) -> int:
    """Return how many steps an automaton takes over ``text``; of more than ``most`` some that are more."""
    size = len(instructions)
    taken = sum(3 + (times * size + more) * of // 16 for times, more, of in _ITEMS)
    run = _Run(instructions, text)
    present: list[int] = []
    for index in range(len(text) + 1):
        run.taken = 1
        if index == 0 or not anchored:
            if run.add(present, 0, index):
                return taken
        elif not present:
            return taken
        if index == len(text):
            return taken + run.taken
        following: list[int] = []
        run.seen = set()
        for at in run.taking(present, ord(text[index])):
            if run.add(following, at + 1, index + 1):
                return taken
        taken += run.taken
        if taken > most:
            return taken
        present = following
    return taken


class _Run:
    """All ways of an automaton through a text; ``seen`` are the instructions met in this round."""

    def __init__(self, instructions: list[Instruction], text: str) -> None:
        self._instructions = instructions
        self._text = text
        self.seen: set[int] = set()
        self.taken = 0

    def taking(self, present: list[int], code: int) -> Iterator[int]:
        """Yield those of ``present`` that take the character ``code``."""
        for at in present:
            ranges = self._instructions[at][1]
            self.taken += 1 + len(ranges) // 2 // _RANGES_OF_STEP
            if any(ranges[one] <= code <= ranges[one + 1] for one in range(0, len(ranges), 2)):
                yield at

    def add(self, to: list[int], start: int, index: int) -> bool:
        """Add what takes characters behind ``start``; whether a match is behind it."""
        waiting = [start]
        while waiting:
            at = waiting.pop()
            if at in self.seen:
                continue
            self.seen.add(at)
            self.taken += 1
            kind, numbers = self._instructions[at]
            if kind == MATCH:
                return True
            if kind == JUMP:
                waiting.append(numbers[0])
            elif kind == SPLIT:
                waiting += (numbers[1], numbers[0])
            elif kind == ASSERTION:
                self.taken += 1
                if self._holds(numbers[0], index):
                    waiting.append(at + 1)
            elif kind == CHARACTERS:
                to.append(at)
        return False

    def _holds(self, assertion: int, index: int) -> bool:
        text = self._text
        before, after = text[index - 1 : index] if index else "", text[index : index + 1]
        match assertion:
            case 0:
                return index == 0
            case 1:
                return index == len(text)
            case 2:
                return before in ("", "\n")
            case 3:
                return after in ("", "\n")
        is_boundary = _is_word(before) != _is_word(after)
        return is_boundary if assertion == 4 else not is_boundary


def _is_word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")


@lru_cache(maxsize=256)
def _automaton(pattern: str) -> tuple[bool, list[Instruction]] | None:
    try:
        return automaton(pattern)
    except OutsideError:
        return None


@lru_cache(maxsize=256)
def _dearest(pattern: str) -> int:
    """The most steps that a character can take."""
    found = _automaton(pattern)
    return 1 + sum(4 + len(numbers) // 2 for _, numbers in found[1]) if found else 0
