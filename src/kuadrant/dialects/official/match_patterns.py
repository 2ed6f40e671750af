"""Matches and conditions as patterns of the official shims before v0.7.

A pattern is a selector, an operator and a value; any of several rows of them has to hold.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.dialects.dialect import InexpressibleError
from kuadrant.dialects.official.attributes import HOST, PRESENT, attribute
from kuadrant.dialects.official.regular_expressions import from_glob, is_portable, whole
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.policy.condition import Counter, PolicyCondition
    from kuadrant.policy.match import PathMatch, RequestMatch


class Pattern(Struct, frozen=True, gc=False):
    """A comparison of an attribute, which is empty if the request has none."""

    selector: str
    operator: str
    value: str


Row = tuple[Pattern, ...]
"""Patterns that hold together; an empty row always holds."""

Rows = tuple[Row, ...]
"""Rows of which one has to hold."""

ALWAYS: Rows = ((),)

_PATH = "request.url_path"
_METHOD = "request.method"


def all_of(*parts: Rows) -> Rows:
    """Rows that hold where each of ``parts`` does."""
    return tuple(tuple(dict.fromkeys(sum(rows, start=()))) for rows in product(*parts))


def is_exact(match: RequestMatch, *, has_regex: bool) -> bool:
    """Tell whether ``match_rows`` hold for the very requests that ``match`` is for."""
    path = match.path
    if match.headers or match.query:
        return False
    return path is None or path.type != "regex" or (has_regex and is_portable(path.value))


def match_rows(match: RequestMatch) -> Rows:
    """Return what a request of ``match`` fulfils: its path, then its method."""
    method: Row = () if match.method is None else (Pattern(_METHOD, "eq", match.method),)
    return all_of(ALWAYS if match.path is None else _path_rows(match.path), (method,))


def _path_rows(match: PathMatch) -> Rows:
    match match.type:
        case "exact":
            return ((Pattern(_PATH, "eq", match.value),),)
        case "regex":
            return ((Pattern(_PATH, "matches", whole(match.value)),),)
        case "prefix" if match.value == "/":
            return ((Pattern(_PATH, "startswith", "/"),),)
        case "prefix":
            below = match.value.rstrip("/") + "/"
            return ((Pattern(_PATH, "eq", match.value),), (Pattern(_PATH, "startswith", below),))


def condition_rows(condition: PolicyCondition, *, has_regex: bool) -> Rows:
    """Return what a request fulfils for which ``condition`` holds.

    Raises:
        InexpressibleError: It is an expression, or the attribute is none that the shim reads, or cannot be
            compared so.
    """
    if isinstance(condition, ExpressionCondition):
        raise InexpressibleError("it knows no expressions in CEL")
    name, operator, value = attribute(condition.selector), condition.operator, condition.value
    if operator in {"incl", "excl"}:
        raise InexpressibleError(f'it does not know the operator "{operator}"')
    if name == HOST:
        return _host_rows(condition.selector, operator, value)
    if operator == "matches" and has_regex:
        value = from_glob(value)
    return ((Pattern(condition.selector, operator, value),),)


def _host_rows(selector: str, operator: str, value: str) -> Rows:
    if value == value.lower() and ":" not in value:
        if operator == "eq":
            return ((Pattern(selector, "eq", value),), (Pattern(selector, "startswith", f"{value}:"),))
        if operator == "startswith":
            return ((Pattern(selector, operator, value),),)
    raise InexpressibleError(
        f'it takes "{selector}" with the port, so that {operator} "{value}" would mean another thing'
    )


def counted(counter: Counter) -> str:
    """The selector that ``counter`` counts by.

    Raises:
        InexpressibleError: It is an expression, or the attribute is none that the shim reads, or not as it is
            counted by.
    """
    if isinstance(counter, ExpressionCounter):
        raise InexpressibleError("it knows no expressions in CEL")
    if attribute(counter.selector) == HOST:
        raise InexpressibleError(
            f'it takes "{counter.selector}" with the port and in the case that the client chose, and would '
            "count each by itself"
        )
    return counter.selector


def may_be_absent(selector: str) -> bool:
    """Tell whether a request may have no value for it; its descriptor is dropped then."""
    return attribute(selector) not in PRESENT


def negated(rows: Iterable[Row]) -> Rows | None:
    """Rows that hold where none of ``rows`` does; None if there are none.

    Only of paths and methods: another value may be no UTF-8 and fulfils neither a pattern nor its opposite.
    """
    parts: list[Rows] = []
    for row in rows:
        opposite = tuple((one,) for pattern in row if (one := _negated(pattern)) is not None)
        if len(opposite) != len(row):
            return None
        parts.append(opposite)
    return all_of(*parts)


def _negated(pattern: Pattern) -> Pattern | None:
    if pattern.selector not in {_PATH, _METHOD}:
        return None
    match pattern.operator:
        case "eq":
            return Pattern(pattern.selector, "neq", pattern.value)
        case "neq":
            return Pattern(pattern.selector, "eq", pattern.value)
        case _:
            return None


def possible(rows: Iterable[Row]) -> Rows:
    """``rows`` without those that no request fulfils, and without patterns that others of their row imply."""
    return tuple(dict.fromkeys(_necessary(row) for row in rows if _is_possible(row)))


def _is_possible(row: Row) -> bool:
    return not any(_excludes(one, other) for one in row for other in row)


def _excludes(one: Pattern, other: Pattern) -> bool:
    if one.selector != other.selector or one.operator != "eq":
        return False
    return not _fulfils(one.value, other)


def _necessary(row: Row) -> Row:
    return tuple(
        pattern
        for pattern in row
        if not (
            pattern.operator == "neq"
            and any(
                other is not pattern
                and other.selector == pattern.selector
                and (
                    (other.operator == "eq" and other.value != pattern.value)
                    or (other.operator == "startswith" and not pattern.value.startswith(other.value))
                )
                for other in row
            )
        )
    )


def _fulfils(value: str, pattern: Pattern) -> bool:
    """Tell whether ``value`` fulfils ``pattern``, as far as that is plain to see."""
    match pattern.operator:
        case "eq":
            return value == pattern.value
        case "neq":
            return value != pattern.value
        case "startswith":
            return value.startswith(pattern.value)
        case "endswith":
            return value.endswith(pattern.value)
        case _:
            return True
