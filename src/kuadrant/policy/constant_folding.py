"""Evaluates the parts of an expression that are known before any request, to find those that only fail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kuadrant.api.regular_expression import excess
from kuadrant.policy.checked_expression import children, kind, pattern_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_DIVISIONS: Final = frozenset({"_/_", "_%_"})
_ZONE: Final = re.compile(r"[+-]?[0-9]{2}:[0-9]{2}|[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}")
"""How time zones are named: what else an engine takes for one is the path of a file."""
_LITERALS: Final = frozenset({"constant", "name", ""})
_NOT_CARRIED_OUT: Final = {
    "duration_to_int64": "int takes no duration; its seconds are .getSeconds()",
    "int64_to_duration": "duration takes no number; write it as a text, such as duration('5s')",
}
"""Functions that are declared, and that no evaluator has, by their overloads."""


class Fault(Struct, frozen=True, gc=False):
    """A part of an expression that cannot work, by its number, and why."""

    id: int
    message: str


def faults(checked: Any, found: Iterable[Any], failure: Callable[[Any], str | None]) -> Iterator[Fault]:
    """Yield what in ``checked`` can only fail, whatever a request is like.

    ``found`` are its parts. ``failure`` evaluates a part that names nothing of a request and returns how it
    fails, None if it does not.
    """
    # Before anything is evaluated: what one may not name is not to be looked up here either.
    not_carried_out = {
        one.id: _NOT_CARRIED_OUT[one.reference.overloads[0]]
        for one in checked.references
        if len(one.reference.overloads) == 1 and one.reference.overloads[0] in _NOT_CARRIED_OUT
    }
    for part in found:
        if kind(part) == "call":
            yield from _unwritten(part)
            if wrong := _place_fault(part, checked):
                yield Fault(part.id, f"it always fails: {wrong}")
            if part.id in not_carried_out:
                yield Fault(part.id, f"it always fails: {not_carried_out[part.id]}")
    yield from _faults(checked.expression, free_names(checked.expression), failure)


def _faults(
    part: Any, free: Mapping[int, frozenset[str]], failure: Callable[[Any], str | None]
) -> Iterator[Fault]:
    form = kind(part)
    if form == "call":
        yield from _call_faults(part, failure)
    if form not in _LITERALS and not free[part.id]:
        if (message := failure(part)) is not None:
            within = [fault for one in children(part) for fault in _faults(one, free, failure)]
            # The smallest part that fails by itself is what its author has to look at.
            yield from within or [Fault(part.id, f"it always fails: {message}")]
        return
    if form == "comprehension":
        loop = part.comprehension
        for name in (loop.variable, loop.second_variable):
            if name.startswith(("_", "@")):
                yield Fault(
                    part.id, f"'{name}' is no name for what is repeated: gateways use such themselves"
                )
    for one in children(part):
        yield from _faults(one, free, failure)


def _unwritten(part: Any) -> Iterator[Fault]:
    """Return what is wrong with a pattern or a time zone by its text."""
    function, arguments = part.call.function, part.call.arguments
    if function == "matches":
        pattern = pattern_of(part)
        if pattern is None:
            yield Fault(part.id, "the pattern of matches has to be written there as a text")
        elif (wrong := excess(pattern)) is not None:
            yield Fault(part.id, f"not a regular expression of RE2: {wrong}")
    elif function.startswith("get") and arguments:
        zone = arguments[-1].constant
        if not zone.HasField("text"):
            yield Fault(part.id, f"the time zone of {function} has to be written there as a text")
        elif not _ZONE.fullmatch(zone.text):
            yield Fault(part.id, f"{function} takes a time zone such as Europe/Berlin or +01:00")


_OF_PLACES: Final = frozenset({"substring", "charAt"})
"""Functions of texts that take places in them."""


def _place_fault(part: Any, checked: Any) -> str:
    """Return why a place in a text or a list can be none of them; empty if it can."""
    call = part.call
    if call.function in _OF_PLACES and call.HasField("target"):
        places = [one.constant.int for one in call.arguments if one.constant.HasField("int")]
        if any(place < 0 for place in places):
            return f"no text has a place before its begin: {min(places)}"
        if len(places) == 2 and places[0] > places[1]:
            return f"a part of a text does not end, at {places[1]}, before it begins, at {places[0]}"
    elif call.function == "_[_]" and call.arguments[1].constant.HasField("int"):
        place, of = call.arguments[1].constant.int, call.arguments[0].id
        if place < 0 and any(one.id == of and one.type.HasField("list") for one in checked.types):
            return f"no list has the place {place}; the first one is 0"
    return ""


def _call_faults(part: Any, failure: Callable[[Any], str | None]) -> Iterator[Fault]:
    function, arguments = part.call.function, part.call.arguments
    if function.startswith("get") and arguments:
        if (wrong := failure(_of_some_moment(part))) is not None:
            yield Fault(part.id, f"it always fails: {wrong}")
    elif function in _DIVISIONS and _is_zero(arguments[-1].constant):
        yield Fault(part.id, "it always fails: divide by zero")


def _of_some_moment(part: Any) -> Any:
    """The same function of a moment that is known, so that nothing but its other argument can be wrong."""
    copy = type(part)()
    copy.CopyFrom(part)
    copy.call.target.Clear()
    copy.call.target.call.function = "timestamp"
    copy.call.target.call.arguments.add().constant.text = "2024-02-29T12:00:00Z"
    return copy


def _is_zero(constant: Any) -> bool:
    return any(constant.HasField(field) and getattr(constant, field) == 0 for field in ("int", "uint"))


def free_names(part: Any) -> dict[int, frozenset[str]]:
    """The names that each part of ``part`` has and does not bind itself, by the number of the part."""
    free: dict[int, frozenset[str]] = {}
    _find_free(part, free)
    return free


def _find_free(part: Any, free: dict[int, frozenset[str]]) -> frozenset[str]:
    """Note the names that each part of ``part`` has and does not bind itself, by the number of the part."""
    form = kind(part)
    names = frozenset({part.name.name}) if form == "name" else frozenset()
    names = names.union(*(_find_free(one, free) for one in children(part)))
    if form == "comprehension":
        loop = part.comprehension
        # What is gone over, and what a name is bound to, are outside of it.
        names -= {loop.variable, loop.second_variable, loop.accumulator}
        names |= free[loop.range.id] | free[loop.start.id]
    free[part.id] = names
    return names
