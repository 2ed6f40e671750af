"""Finds where in an expression all headers of a request are, under whatever name."""

from __future__ import annotations

from typing import Any, Final

from kuadrant.policy.checked_expression import children, is_binding, kind

_THE_SAME: Final = frozenset({"dyn", "value", "optional.of", "optional.ofNonZeroValue"})
"""Functions whose value is what they are given, as far as names are looked for in it."""
_EITHER: Final = frozenset({"or", "orValue", "_?_:_"})
_ENTRIES: Final = frozenset({"_?._", "_[_]", "_[?_]"})


def all_headers(expression: Any) -> frozenset[int]:
    """The numbers of those parts of ``expression`` whose value are all headers, or an optional of them.

    What comes out of a list or a map that headers were put into is not found, nor are they where another map
    that is not empty could be in their place.
    """
    found: set[int] = set()
    _find(expression, frozenset(), found)
    return frozenset(found)


def _find(part: Any, names: frozenset[str], found: set[int]) -> None:
    if kind(part) == "comprehension":
        loop = part.comprehension
        for one in (loop.range, loop.start):
            _find(one, names, found)
        within = names - {loop.variable, loop.second_variable, loop.accumulator}
        if is_binding(loop) and loop.start.id in found:
            within |= {loop.accumulator}
        for one in (loop.condition, loop.step, loop.result):
            _find(one, within, found)
        return
    for one in children(part):
        _find(one, names, found)
    if _is_all(part, names, found):
        found.add(part.id)


def _is_all(part: Any, names: frozenset[str], found: set[int]) -> bool:
    match kind(part):
        case "name":
            return part.name.name in names
        case "select":
            select = part.select
            return not select.test_only and select.field == "headers" and _is_request(select.operand)
        case "call":
            function, arguments = part.call.function, children(part)
            if function in _ENTRIES:
                return _is_request(arguments[0]) and arguments[1].constant.text == "headers"
            if function in _EITHER:
                ways = [one for one in arguments[-2:] if not _is_empty(one)]
                return bool(ways) and all(one.id in found for one in ways)
            return function in _THE_SAME and arguments[0].id in found
    return False


def _is_request(part: Any) -> bool:
    return bool(part.name.name == "request")


def _is_empty(part: Any) -> bool:
    """Tell whether nothing is found in it, whatever the name."""
    if part.call.function == "optional.none":
        return True
    return kind(part) == "struct" and not part.struct.entries
