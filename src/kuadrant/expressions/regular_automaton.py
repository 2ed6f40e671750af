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
_MATCH, _SPLIT, _JUMP, _ASSERTION, _CHARACTERS = range(5)

_Instruction = tuple[int, tuple[int, ...]]


def pattern(expression: str) -> bytes:
    """The bytes of a regular expression that RE2 takes.

    Raises:
        OutsideError: It has something that the module's automaton does not know, or it is too large.
    """
    parsed = parse(expression)
    instructions: list[_Instruction] = []
    _emit(parsed, instructions)
    instructions.append((_MATCH, ()))
    return (
        bytes([_is_anchored(parsed)])
        + encoding.integer(len(instructions))
        + b"".join(_bytes(one) for one in instructions)
    )


def _bytes(instruction: _Instruction) -> bytes:
    kind, numbers = instruction
    head = bytes([kind])
    if kind == _CHARACTERS:
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


def _emit(part: Part, to: list[_Instruction]) -> None:
    if len(to) > _MOST:
        raise OutsideError("a regular expression of that size")
    match part:
        case Characters(ranges):
            to.append((_CHARACTERS, tuple(number for one in ranges for number in one)))
        case Assertion(number):
            to.append((_ASSERTION, (number,)))
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


def _emit_choice(parts: tuple[Part, ...], to: list[_Instruction]) -> None:
    ends = []
    for one in parts[:-1]:
        split = len(to)
        to.append((_SPLIT, ()))
        _emit(one, to)
        ends.append(len(to))
        to.append((_JUMP, ()))
        to[split] = (_SPLIT, (split + 1, len(to)))
    _emit(parts[-1], to)
    for end in ends:
        to[end] = (_JUMP, (len(to),))


def _emit_endless(inner: Part, to: list[_Instruction]) -> None:
    split = len(to)
    to.append((_SPLIT, ()))
    _emit(inner, to)
    to.append((_JUMP, (split,)))
    to[split] = (_SPLIT, (split + 1, len(to)))


def _emit_optional(inner: Part, times: int, to: list[_Instruction]) -> None:
    splits = []
    for _ in range(times):
        splits.append(len(to))
        to.append((_SPLIT, ()))
        _emit(inner, to)
    for split in splits:
        to[split] = (_SPLIT, (split + 1, len(to)))
