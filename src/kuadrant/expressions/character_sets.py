"""Sets of characters in regular expressions, as ranges of their numbers in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.expressions.not_evaluable import OutsideError

if TYPE_CHECKING:
    from collections.abc import Iterable

Ranges = tuple[tuple[int, int], ...]

_LAST: Final = 0x10FFFF
ANY: Final[Ranges] = ((0, _LAST),)


def joined(sets: Iterable[Ranges]) -> Ranges:
    """All that is in any of ``sets``."""
    result: list[tuple[int, int]] = []
    for first, last in sorted(one for ranges in sets for one in ranges):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return tuple(result)


def inverted(ranges: Ranges) -> Ranges:
    """All that is not in ``ranges``."""
    result = []
    begin = 0
    for first, last in joined([ranges]):
        if begin < first:
            result.append((begin, first - 1))
        begin = last + 1
    return (*result, (begin, _LAST)) if begin <= _LAST else tuple(result)


def folded(ranges: Ranges) -> Ranges:
    """``ranges`` in either case.

    Raises:
        OutsideError: Some are not ASCII: their cases are in no table here.
    """
    if ranges and max(last for _, last in ranges) > 0x7F:
        raise OutsideError("(?i) with characters that are not ASCII")
    found = [ranges]
    for first, last in ranges:
        for letter in map(chr, range(first, last + 1)):
            if letter.isalpha():
                found.append(
                    tuple((ord(one), ord(one)) for one in _CASES.get(letter.lower(), letter.swapcase()))
                )
                found.append(((ord(letter.swapcase()), ord(letter.swapcase())),))
    return joined(found)


# The sign for kelvin and the long s are letters of ASCII in another case.
_CASES: Final = {"k": "\u212a", "s": "\u017f"}


def _letters(*pairs: str) -> Ranges:
    return joined([tuple((ord(pair[0]), ord(pair[-1])) for pair in pairs)])


PERL: Final[dict[str, Ranges]] = {
    "d": _letters("09"),
    "s": _letters("\t\n", "\f\r", " "),
    "w": _letters("09", "AZ", "_", "az"),
}
NAMED: Final[dict[str, Ranges]] = {
    "alnum": _letters("09", "AZ", "az"),
    "alpha": _letters("AZ", "az"),
    "ascii": _letters("\0\x7f"),
    "blank": _letters("\t", " "),
    "cntrl": _letters("\0\x1f", "\x7f"),
    "digit": _letters("09"),
    "graph": _letters("!~"),
    "lower": _letters("az"),
    "print": _letters(" ~"),
    "punct": _letters("!/", ":@", "[`", "{~"),
    "space": _letters("\t\r", " "),
    "upper": _letters("AZ"),
    "word": PERL["w"],
    "xdigit": _letters("09", "AF", "af"),
}
