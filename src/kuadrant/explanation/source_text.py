"""The text of each part of an expression, found by the one place that the checker keeps of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Any

from kuadrant.policy.checked_expression import kind, parts
from kuadrant.reference_model.header_names import is_lowering

_STRING = (
    r"""[rRbB]{0,2}(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}"""
    r"""|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
)
_RAW = r"""[bB]?[rR][bB]?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"]*"|'[^']*')"""
_TOKEN = re.compile(
    rf"(?P<comment>//[^\n]*)|{_RAW}|{_STRING}|0[xX][0-9a-fA-F]+[uU]?"
    r"|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[uU]?"
    r"|[A-Za-z_][A-Za-z0-9_]*|`[^`]*`|&&|\|\||==|!=|<=|>=|[^\s]",
    re.DOTALL,
)
_MACROS = frozenset({"optMap", "optFlatMap"})
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class SourceText:
    """An expression, in tokens, with the partner of each bracket."""

    def __init__(self, text: str, checked: Any) -> None:
        self._text = text
        self._tokens = [found.span() for found in _TOKEN.finditer(text) if not found["comment"]]
        self._starts = [start for start, _ in self._tokens]
        self._partners = self._brackets()
        self._offsets = {place.id: place.offset for place in checked.source.positions}

    def of(self, part: Any) -> tuple[int, str]:
        """The offset of a part and its text; brackets around it are left out, those within are whole.

        The text is empty if nobody wrote the part.
        """
        if self._is_made_by_macro(part):
            return 0, ""
        found = {number for one in _written(part) for number in self._own(one)}
        if not found:
            return 0, ""
        first, last = self._balanced(min(found), max(found))
        start, end = self._tokens[first][0], self._tokens[last][1]
        return start, self._text[start:end]

    def _is_made_by_macro(self, part: Any) -> bool:
        """Tell whether it is what `optMap` is made of, all of which has the place of the whole."""
        if kind(part) not in ("call", "comprehension") or part.call.function == "_?_:_":
            return False
        number = bisect_right(self._starts, self._offsets.get(part.id, 0)) - 1
        return self._token(number) == "(" and self._token(number - 1) in _MACROS

    def _own(self, part: Any) -> range:
        """The tokens that a part has besides those of its parts."""
        offset = self._offsets.get(part.id)
        if offset is None:
            return range(0)
        number = bisect_right(self._starts, offset) - 1
        if number < 0 or self._tokens[number][1] <= offset:
            return range(0)
        before, after = number, number
        match self._token(number), kind(part):
            case ".", "select":
                after += 1
            case ".", "call":  # an optional field: `.?name`
                after += 2
            case "(", "call" | "select" | "comprehension":
                # A name such as `optional.of` is of several tokens.
                before -= 1 + 2 * part.call.function.count(".")
                if self._token(before) == "bind":
                    before -= 2
            case "-", "constant":
                after += 1
            case ".", "name":  # of a type, such as `google.protobuf.Duration`
                before, after = before - 2 * part.name.name.count(".") + 1, after + 1
        return range(max(before, 0), min(after + 1, len(self._tokens)))

    def _balanced(self, first: int, last: int) -> tuple[int, int]:
        while True:
            partners = [
                partner
                for number in range(first, last + 1)
                if (partner := self._partners.get(number)) is not None
            ]
            wider = min([first, *partners]), max([last, *partners])
            if wider == (first, last):
                return wider
            first, last = wider

    def _brackets(self) -> dict[int, int]:
        partners: dict[int, int] = {}
        opened: list[int] = []
        for number in range(len(self._tokens)):
            token = self._token(number)
            if token in _CLOSING:
                opened.append(number)
            elif opened and token == _CLOSING[self._token(opened[-1])]:
                partners[number] = opened.pop()
                partners[partners[number]] = number
        return partners

    def _token(self, number: int) -> str:
        if not 0 <= number < len(self._tokens):
            return ""
        start, end = self._tokens[number]
        return self._text[start:end]


def _written(part: Any) -> list[Any]:
    """``part`` and what is in it, without what nobody wrote and what has no place of its own."""
    optional = {
        one.call.arguments[1].id
        for one in parts(part)
        if one.call.function == "_?._" and len(one.call.arguments) > 1
    }
    return [one for one in parts(part) if one.id not in optional and not is_lowering(one)]
