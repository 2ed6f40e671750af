"""Short texts that a regular expression matches."""

from __future__ import annotations

import re
from itertools import islice, product
from typing import TYPE_CHECKING, Any, Final

from kuadrant.reference_model import EvaluationError
from kuadrant.reference_model.expressions import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_parser: Any = re._parser  # type: ignore[attr-defined] # noqa: SLF001 - the only parser of patterns there is
_MOST: Final = 6
_TRIED: Final = 40
_ORDINARY: Final = "a1/-_. xA"
_IN: Final = {"category_digit": "1", "category_space": " ", "category_not_word": "-"}


def texts_of(pattern: str, *, whole: bool = True) -> tuple[str, ...]:
    """Return a few texts that ``pattern`` (RE2) matches, the shortest first; none if none is found.

    ``whole`` is whether it has to match the whole text.
    """
    try:
        tree = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return ()
    try:
        found = sorted({*islice(_sequence(tree), _TRIED)}, key=lambda text: (len(text), text))
        return tuple(islice((text for text in found if not whole or _is_match(pattern, text)), _MOST))
    except RecursionError:
        return ()


def _is_match(pattern: str, text: str) -> bool:
    try:
        return matches(pattern, text)
    except (EvaluationError, UnicodeError):
        return False


def _sequence(parts: Iterable[Any]) -> Iterator[str]:
    choices = [[*islice(_part(str(operation).lower(), value), 4)] for operation, value in parts]
    yield from map("".join, islice(product(*choices), _TRIED))


def _part(operation: str, value: Any) -> Iterator[str]:  # noqa: C901, PLR0912 - one for each kind of part
    match operation:
        case "literal":
            yield chr(value)
        case "not_literal":
            yield from (one for one in _ORDINARY if one != chr(value))
        case "any":
            yield "a"
        case "in":
            yield from _among(value)
        case "branch":
            options = [[*islice(_sequence(one), 2)] for one in value[1]]
            for texts in options:
                yield from texts[:1]
            for texts in options:
                yield from texts[1:]
        case "subpattern":
            yield from _sequence(value[-1])
        case "atomic_group":
            yield from _sequence(value)
        case "max_repeat" | "min_repeat" | "possessive_repeat":
            least, _, inner = value
            most = value[1]
            once = [*islice(_sequence(inner), 4)] or [""]
            for count in dict.fromkeys((least, least + 1)):
                if count <= min(int(most), 200):
                    yield from (one * count for one in (once if count else [""]))
        case "at":
            yield ""


def _among(items: Any) -> Iterator[str]:
    wanted = [(str(operation).lower(), value) for operation, value in items]
    if wanted[0][0] == "negate":
        excluded = {text for operation, value in wanted[1:] for text in _members(operation, value)}
        yield from (one for one in _ORDINARY if one not in excluded)
        return
    for operation, value in wanted:
        yield from islice(_members(operation, value), 2)


def _members(operation: str, value: Any) -> Iterator[str]:
    match operation:
        case "literal":
            yield chr(value)
        case "range":
            yield from map(chr, range(value[0], min(value[1], value[0] + 128) + 1))
        case "category":
            yield _IN.get(str(value).lower(), "a")
