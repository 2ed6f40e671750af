"""Looks for regular expressions in texts as ``cel/pattern.zig`` does, and counts what that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.expressions.regular_automaton import (
    ASSERTION,
    CHARACTERS,
    JUMP,
    MATCH,
    SPLIT,
    Instruction,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.reference_model.steps.budget import Work

_RANGES_OF_STEP: Final = 8
_ITEMS: Final = ((2, 2, 2), (1, 0, 4), (1, 0, 2), (1, 0, 2))
"""What is allocated: items for each instruction, items more, and bytes of one."""


def matches(anchored: bool, instructions: list[Instruction], text: str, work: Work) -> bool:
    """Tell whether an automaton finds something in ``text``, and take what that takes."""
    size = len(instructions)
    for times, more, of in _ITEMS:
        work.allocate(of, times * size + more)
    run = _Run(instructions, text)
    present: list[int] = []
    for index in range(len(text) + 1):
        run.taken = 1
        if index == 0 or not anchored:
            if run.add(present, 0, index):
                return True
        elif not present:
            return False
        if index == len(text):
            work.take(run.taken)
            return False
        following: list[int] = []
        run.seen = set()
        for at in run.taking(present, ord(text[index])):
            if run.add(following, at + 1, index + 1):
                return True
        work.take(run.taken)
        present = following
    return False


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
