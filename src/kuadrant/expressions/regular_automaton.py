"""Regular expressions as instructions of the module's automaton, which goes all ways at once."""

from __future__ import annotations

from typing import Final

from kuadrant.expressions import encoding
from kuadrant.expressions.not_evaluable import OutsideError
from kuadrant.expressions.regular_syntax import (
    TEXT_BEGIN,
    Assertion,
    Characters,
    Choice,
    Part,
    Repetition,
    Sequence,
    parse,
)

_MOST: Final = 1000
"""Instructions; a larger pattern is for an engine that is made for such."""
MATCH, SPLIT, JUMP, ASSERTION, CHARACTERS = range(5)

Instruction = tuple[int, tuple[int, ...]]


def pattern(expression: str) -> bytes:
    """The bytes of a regular expression that RE2 takes.

    Raises:
        OutsideError: It has something that the module's automaton does not know, or it is too large.
    """
    anchored, instructions = automaton(expression)
    return (
        bytes([anchored])
        + encoding.integer(len(instructions))
        + b"".join(_bytes(one) for one in instructions)
    )


def automaton(expression: str) -> tuple[bool, list[Instruction]]:
    """Return whether a regular expression begins at the begin of a text only, and its instructions.

    Raises:
        OutsideError: As above.
    """
    parsed = parse(expression)
    instructions: list[Instruction] = []
    _emit(parsed, instructions)
    instructions.append((MATCH, ()))
    return _is_anchored(parsed), instructions


def _bytes(instruction: Instruction) -> bytes:
    kind, numbers = instruction
    head = bytes([kind])
    if kind == CHARACTERS:
        head += encoding.integer(len(numbers) // 2)
    return head + b"".join(encoding.integer(number) for number in numbers)


def _is_anchored(part: Part) -> bool:
    match part:
        case Assertion(number):
            return number == TEXT_BEGIN
        case Sequence(parts):
            return bool(parts) and _is_anchored(parts[0])
        case Choice(parts):
            return all(_is_anchored(one) for one in parts)
        case Repetition(inner, least, _):
            return least > 0 and _is_anchored(inner)
        case _:
            return False


def _emit(part: Part, to: list[Instruction]) -> None:
    if len(to) > _MOST:
        raise OutsideError("a regular expression of that size")
    match part:
        case Characters(ranges):
            to.append((CHARACTERS, tuple(number for one in ranges for number in one)))
        case Assertion(number):
            to.append((ASSERTION, (number,)))
        case Sequence(parts):
            for one in parts:
                _emit(one, to)
        case Choice(parts):
            _emit_choice(parts, to)
        case Repetition(inner, least, most):
            for _ in range(least):
                _emit(inner, to)
            if most is None:
                _emit_endless(inner, to)
            else:
                _emit_optional(inner, most - least, to)


def _emit_choice(parts: tuple[Part, ...], to: list[Instruction]) -> None:
    ends = []
    for one in parts[:-1]:
        split = len(to)
        to.append((SPLIT, ()))
        _emit(one, to)
        ends.append(len(to))
        to.append((JUMP, ()))
        to[split] = (SPLIT, (split + 1, len(to)))
    _emit(parts[-1], to)
    for end in ends:
        to[end] = (JUMP, (len(to),))


def _emit_endless(inner: Part, to: list[Instruction]) -> None:
    split = len(to)
    to.append((SPLIT, ()))
    _emit(inner, to)
    to.append((JUMP, (split,)))
    to[split] = (SPLIT, (split + 1, len(to)))


def _emit_optional(inner: Part, times: int, to: list[Instruction]) -> None:
    splits = []
    for _ in range(times):
        splits.append(len(to))
        to.append((SPLIT, ()))
        _emit(inner, to)
    for split in splits:
        to[split] = (SPLIT, (split + 1, len(to)))
