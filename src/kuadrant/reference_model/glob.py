"""The pattern of the operator ``matches``, in time that grows with the text, whatever the pattern is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator


class Glob(Struct, frozen=True, gc=False):
    """A compiled pattern of ``tokens`` parts; in each number bit ``i`` is the part ``i``.

    ``wild`` are those that take any character, ``optional`` those that need not take one, ``loops`` those
    that take any number.
    """

    tokens: int
    wild: int
    optional: int
    loops: int
    characters: Mapping[str, int]

    def matches(self, text: str) -> bool:
        """Tell whether the whole of ``text`` is as the pattern says.

        All ways through the pattern are followed at once: bit ``i`` of the states says that the first ``i``
        parts can have taken what was read.
        """
        states = self._skip(1)
        for character in text:
            moving = states & (self.wild | self.characters.get(character, 0))
            states = self._skip(moving << 1 | states & self.loops)
            if not states:
                return False
        return bool(states >> self.tokens & 1)

    def _skip(self, states: int) -> int:
        """Add the states that are reached without a character.

        An addition carries through a run of optional parts.
        """
        return states | self.optional ^ (self.optional + (states & self.optional))


@lru_cache(maxsize=256)
def glob(pattern: str) -> Glob:
    r"""Compile: ``?`` is no or one character, ``*`` any number, ``+`` one or more.

    ``\`` takes the next one as it is.
    """
    wild = optional = loops = tokens = 0
    characters: dict[str, int] = {}
    for part, literal in _parts(pattern):
        bit = 1 << tokens
        tokens += 1
        if literal:
            characters[part] = characters.get(part, 0) | bit
        elif part == "+":
            # One that has to be there, and any number.
            wild |= bit | bit << 1
            optional |= bit << 1
            loops |= bit << 1
            tokens += 1
        else:
            wild |= bit
            optional |= bit
            loops |= bit if part == "*" else 0
    return Glob(tokens, wild, optional, loops, characters)


def _parts(pattern: str) -> Iterator[tuple[str, bool]]:
    r"""Each part with whether it is a character that stands for itself. A ``\\`` at the end does."""
    rest = iter(pattern)
    for character in rest:
        if character == "\\":
            yield next(rest, character), True
        else:
            yield character, character not in "?*+"
