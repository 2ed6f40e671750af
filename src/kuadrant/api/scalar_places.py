"""Finds a character of a scalar in its document: people write texts in quotes, over lines, and indented."""

from __future__ import annotations

from string import hexdigits
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

Place = tuple[int, int]
"""Line and column, from 1."""

_ESCAPES: Final = dict(
    zip('0abt\tnvfre "/\\N_LP', '\0\a\b\t\t\n\v\f\r\x1b "/\\\x85\xa0\u2028\u2029', strict=True)
)
_NUMBERED: Final = {"x": 2, "u": 4, "U": 8}
_HEXADECIMAL: Final = frozenset(hexdigits)


def place_within(text: str, start: Place, value: str, offset: int) -> Place:
    """Return the place of the character number ``offset`` of ``value``, a scalar that begins at ``start``.

    It is ``start`` where the text is written in a way that is not followed here.
    """
    lines = text.split("\n")
    line, column = start[0] - 1, start[1] - 1
    if line >= len(lines):
        return start
    # A tag or an anchor may stand in front.
    while lines[line][column : column + 1] in ("!", "&"):
        name = len(lines[line][column:].split(" ", 1)[0])
        column += name + 1
    style = lines[line][column : column + 1]
    if style == "|":
        return _in_literal(lines, line, value, offset) or start
    if style == ">":
        line, column = line + 1, 0
    elif style in ("'", '"'):
        column += 1
    if line >= len(lines):
        return start
    return _Walk(lines, line, column, style).to(value, offset) or start


def _in_literal(lines: Sequence[str], header: int, value: str, offset: int) -> Place | None:
    """A literal has its lines as they are, behind the indentation of the first that is not empty."""
    first = next((one for one in lines[header + 1 :] if one.strip()), "")
    indent = len(first) - len(first.lstrip(" "))
    before = value[:offset]
    line, column = header + 1 + before.count("\n"), indent + offset - (before.rfind("\n") + 1)
    wanted = value[offset : offset + 1]
    found = lines[line][column : column + 1] if line < len(lines) else ""
    return (line + 1, column + 1) if found == wanted.strip("\n") else None


class _Walk:
    """Goes along a scalar that is folded or in quotes, and its value beside it."""

    def __init__(self, lines: Sequence[str], line: int, column: int, style: str) -> None:
        self._lines = lines
        self._line = line
        self._column = column
        self._style = style

    def to(self, value: str, offset: int) -> Place | None:
        """The place of a character; None if text and value do not go together."""
        for index, character in enumerate(value):
            if not self._skip_fold(character):
                return None
            if index == offset:
                return self._line + 1, self._column + 1
            if not self._take(character):
                return None
        return (self._line + 1, self._column + 1) if offset == len(value) else None

    def _skip_fold(self, character: str) -> bool:
        """Go on to the next line with a text, where this one has ended.

        A line's end is the one of a fold, which ``character`` stands for, or escaped, and stands for nothing.
        """
        rest = self._lines[self._line][self._column :].rstrip("\r")
        if self._style == '"' and rest == "\\":
            return self._next_text()
        if rest.strip() or (rest and not character.isspace()):
            # At the beginning of a block there is the indentation.
            if self._style == ">" and self._column == 0:
                self._column = len(rest) - len(rest.lstrip(" "))
            return True
        if character not in (" ", "\n"):
            return self._next_text()
        return True

    def _next_text(self) -> bool:
        for line in range(self._line + 1, len(self._lines)):
            text = self._lines[line]
            if text.strip():
                self._line, self._column = line, len(text) - len(text.lstrip())
                return True
        return False

    def _take(self, character: str) -> bool:
        """Go beyond what is written for ``character``; False if that is something else."""
        rest = self._lines[self._line][self._column :].rstrip("\r")
        if not rest.strip():
            # The space or the line breaks of a fold: whatever text comes next is behind it.
            return character in (" ", "\n")
        width = self._width(rest, character)
        self._column += width
        return width > 0

    def _width(self, rest: str, character: str) -> int:
        if self._style == "'" and rest.startswith("''"):
            return 2 if character == "'" else 0
        if self._style == '"' and rest.startswith("\\"):
            digits = _NUMBERED.get(rest[1:2])
            if digits is None:
                return 2 if _ESCAPES.get(rest[1:2]) == character else 0
            number = rest[2 : 2 + digits]
            is_it = set(number) <= _HEXADECIMAL and number and int(number, 16) == ord(character)
            return 2 + digits if is_it else 0
        return 1 if rest[0] == character else 0
