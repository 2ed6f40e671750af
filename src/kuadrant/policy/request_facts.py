"""Tells what is known of requests of one kind, and what comparisons are for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kuadrant.policy.checked_expression import kind
from kuadrant.policy.expression_text import HEADERS, measured, quoted, text_of
from kuadrant.policy.fallible_parts import least

if TYPE_CHECKING:
    from kuadrant.policy.fallible_parts import Names, Need

Subject = tuple[str, str, str]
Interval = tuple[int, float]
World = dict[Subject, Interval]
"""What is so of each subject: that it is not (``(0, 0)``) or is (``(1, 1)``), or between which lengths."""

NO: Final = (0, 0)
YES: Final = (1, 1)
MANY: Final = float("inf")

Entry = tuple[str, str]
"""The text of a map, and that of a key of it."""


class Entries(Struct, frozen=True, gc=False):
    """Holds which entries each request has, and pairs of which both are there, or none."""

    present: frozenset[Entry] = frozenset()
    together: tuple[tuple[Entry, Entry], ...] = ()


COMPARING: Final = frozenset(
    {"@in", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "matches", "contains", "startsWith", "endsWith"}
)
_OF_TEXTS: Final = frozenset({"matches", "contains", "startsWith", "endsWith"})
_TURNED: Final = {
    "_==_": "_==_",
    "_!=_": "_!=_",
    "_<_": "_>_",
    "_<=_": "_>=_",
    "_>_": "_<_",
    "_>=_": "_<=_",
}


class RequestFacts:
    """Holds what is known of a request in one ``world``.

    ``asked`` collects what would decide more, with the lengths that matter. ``entries`` are known of every
    request.
    """

    def __init__(self, world: World, asked: dict[Subject, set[int]], entries: Entries) -> None:
        self._world, self._asked = world, asked
        self._present, self._together = entries.present, dict(entries.together)

    def is_met(self, wanted: Need) -> bool | None:
        """Tell whether a need is met; None if that is not known."""
        if wanted.kind == "entry":
            return self.there(wanted.of, wanted.what, matters=True)
        bounds = self._asked.setdefault(wanted.subject, set())
        if wanted.kind == "length":
            bounds.add(wanted.least)
            if (length := self._world.get(wanted.subject)) is None:
                return None
            return (
                length[0] >= wanted.least if (length[0] >= wanted.least or length[1] < wanted.least) else None
            )
        return self.so(wanted.subject)

    def so(self, subject: Subject) -> bool | None:
        """Tell whether it is so of a subject."""
        found = self._world.get(subject)
        return None if found is None else found == YES

    def there(self, of: str, key: str, *, matters: bool = False) -> bool | None:
        """Tell whether the map ``of`` has the entry ``key``; if it ``matters``, it is asked for."""
        if (of, key) in self._present:
            return True
        of, key = self._together.get((of, key), (of, key))
        if matters:
            self._asked.setdefault(("entry", of, key), set())
        return self.so(("entry", of, key))

    def compared(self, part: Any, names: Names) -> bool | None:
        """Return what a comparison of something that a part needs is; None if that is not known."""
        function, call = part.call.function, part.call
        if function == "@in":
            key, container = call.arguments
            of, what = text_of(container, names), text_of(key, names)
            if kind(container) == "list":
                return self._unconverted(text_of(key, names))
            return self.there(of, what.lower() if of == HEADERS else what)
        if function in _OF_TEXTS:
            return self._of_text(function, call, names)
        one, other = call.arguments
        if kind(one) == "constant":
            one, other, function = other, one, _TURNED[function]
        if kind(other) != "constant":
            return None
        return self._with_constant(function, one, other.constant, names)

    def _of_text(self, function: str, call: Any, names: Names) -> bool | None:
        if not call.HasField("target"):
            return None
        of = measured(call.target, names)
        if function == "matches":
            # A pattern is taken to ask for what is needed.
            return False if self._is_short(of, None) or self._unconverted(of) is False else None
        written = call.arguments[0].constant
        if not written.HasField("text"):
            return None
        if function == "contains":
            found = self.so(("found", of, quoted(written.text)))
            if found is not None:
                return found
            pieces = self._world.get(("length", f"{of}.split({quoted(written.text)})", ""), (0, MANY))
            if pieces[0] > 1 or pieces[1] < 2:
                return pieces[0] > 1
        self._bound_of(of, len(written.text))
        return False if self._is_short(of, len(written.text)) else None

    def _with_constant(self, function: str, one: Any, constant: Any, names: Names) -> bool | None:
        text = text_of(one, names)
        if constant.HasField("text") and function in ("_==_", "_!=_"):
            return self._with_text(function, one, text, constant.text, names)
        if not constant.HasField("int"):
            return None
        number = constant.int
        if one.call.function == "size":
            taken = one.call.target if one.call.HasField("target") else one.call.arguments[0]
            of = measured(taken, names)
            for bound in (number, number + 1):
                self._bound_of(of, bound)
            return _decided(function, self._world.get(("length", of, "")), number)
        if one.call.function in ("indexOf", "lastIndexOf") and number in (-1, 0):
            found = self.so(
                ("found", measured(one.call.target, names), text_of(one.call.arguments[0], names))
            )
            return None if found is None else _decided(function, (0, MANY) if found else (-1, -1), number)
        if self.so(("nonzero", text, "")) is False:
            return _decided(function, (0, 0), number)
        return None

    def _with_text(self, function: str, one: Any, text: str, wanted: str, names: Names) -> bool | None:
        of = measured(one, names)
        self._bound_of(of, len(wanted))
        self._bound_of(of, len(wanted) + 1)
        length = self._world.get(("length", of, ""))
        equal: bool | None = None
        if length is not None and not length[0] <= len(wanted) <= length[1]:
            equal = False
        elif length == (0, 0) and not wanted:
            equal = True
        elif self._unconverted(text) is False:
            equal = False
        return equal if equal is None or function == "_==_" else not equal

    def _unconverted(self, text: str) -> bool | None:
        """False where a text is one that a conversion does not take: it is none that is written."""
        for subject, found in self._world.items():
            if subject[:2] == ("conversion", text) and found == NO:
                return False
        return None

    def _bound_of(self, of: str, length: int) -> None:
        if ("length", of, "") in self._asked:
            self._asked["length", of, ""].add(length)

    def _is_short(self, of: str, wanted: int | None) -> bool:
        """Tell whether a text is shorter than ``wanted``, or than anything that is needed of it."""
        length = self._world.get(("length", of, ""))
        if length is None:
            return False
        return length[1] < wanted if wanted is not None else length[0] <= least(of) and length[1] != MANY


def _decided(  # noqa: PLR0911 - one for each comparison
    function: str, length: Interval | None, number: int
) -> bool | None:
    """Return what a comparison of something between two bounds with ``number`` is."""
    if length is None:
        return None
    low, high = length
    match function:
        case "_==_":
            return False if not low <= number <= high else True if low == high else None
        case "_!=_":
            return True if not low <= number <= high else False if low == high else None
        case "_<_":
            return True if high < number else False if low >= number else None
        case "_<=_":
            return True if high <= number else False if low > number else None
        case "_>_":
            return True if low > number else False if high <= number else None
        case _:
            return True if low >= number else False if high < number else None
