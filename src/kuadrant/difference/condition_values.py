"""Finds what of a request limits look at, and values for it that may make a difference to them."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import combinations, islice, product
from typing import TYPE_CHECKING, Any, Final

from kuadrant.difference.drafts import MOMENT, changed
from kuadrant.difference.pattern_texts import texts_of
from kuadrant.explanation.knowledge import read_by, selected
from kuadrant.policy.checked_expression import TooDeepError, kind, parts, pattern_of
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter, SelectorCounter
from kuadrant.policy.identity_source import CLAIMS, PATH
from kuadrant.reference_model import EvaluationError
from kuadrant.reference_model.expressions import tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kuadrant.difference.drafts import Draft
    from kuadrant.explanation.knowledge import Path
    from kuadrant.policy.condition import Counter, PolicyCondition, SelectorCondition

Values = dict[str | None, None]
"""In their order, each once; None is that it is not there."""

_MOST_VALUES: Final = 12
_MOST_CHANGES: Final = 3
_LONGEST: Final = 64
_HOURS: Final = 24
_ADDRESSES: Final = ("10.0.0.7:4711", "10.0.0.8:4711")
_SAME_CLIENT: Final = "10.0.0.7:4712"
"""As the first of these, by another connection."""
_SUNDAY: Final = datetime(2026, 1, 4, 12, tzinfo=MOMENT.tzinfo)
_PEOPLE: Final = ("alice", "bob")


def dimensions(
    conditions: Iterable[PolicyCondition], counters: Iterable[Counter]
) -> dict[Path, tuple[str | None, ...]]:
    """Return the attributes that are looked at, each with values that a client could give it."""
    found: dict[Path, Values] = {}
    for condition in conditions:
        if isinstance(condition, ExpressionCondition):
            _of_expression(condition.expression, found)
        else:
            _of_selector(condition, found)
    for counter in counters:
        if isinstance(counter, ExpressionCounter):
            _of_expression(counter.expression, found, counts=True)
        elif isinstance(counter, SelectorCounter):
            _of_counter(selected(counter.selector), found)
    return {path: tuple(islice(values, _MOST_VALUES)) for path, values in found.items() if path and values}


def variations(draft: Draft, values: Mapping[Path, tuple[str | None, ...]], most: int) -> Iterator[Draft]:
    """Yield ``draft``, and what becomes of it with other values, those with few changes first."""
    start = _with_needed(draft, values)
    seen = {start: None}
    yield start
    for many in _choices(values):
        one: Draft | None = start
        for path, value in many:
            one = changed(one, path, value) if one is not None else None
        if one is not None and one not in seen:
            seen[one] = None
            yield one
            if len(seen) >= most:
                return


def _choices(values: Mapping[Path, tuple[str | None, ...]]) -> Iterator[tuple[tuple[Path, str | None], ...]]:
    each = [[(path, value) for value in some] for path, some in values.items()]
    for one in each:
        yield from ((choice,) for choice in one)
    if len(each) > _MOST_CHANGES:  # all at once, as conditions that all have to hold may want it
        yield tuple(one[0] for one in each)
    for count in range(2, _MOST_CHANGES + 1):
        for group in combinations(each, count):
            yield from product(*group)


def _with_needed(draft: Draft, values: Mapping[Path, tuple[str | None, ...]]) -> Draft:
    """``draft`` with what nobody could know otherwise."""
    for path in values:
        if path[0] == "source" and draft.source is None:
            address = _ADDRESSES[0]
            is_host = path[1:2] == ("remote_address",)
            draft = changed(draft, path, address.partition(":")[0] if is_host else address) or draft
        elif path == ("request", "time") and draft.time is None:
            draft = changed(draft, path, MOMENT.isoformat()) or draft
    return draft


def _of_expression(expression: str, found: dict[Path, Values], *, counts: bool = False) -> None:
    try:
        whole = tree(expression).expression
    except (EvaluationError, TooDeepError):
        return
    reads = sorted(map(_lowered, read_by(whole)))
    texts, numbers = _constants(whole)
    for path in reads:
        values = found.setdefault(path, {})
        values.update(dict.fromkeys(_suitable(path, texts, numbers)))
        if counts:
            _of_counter(path, found)


def _constants(whole: Any) -> tuple[list[str], list[int]]:
    texts: dict[str, None] = {}
    numbers: dict[int, None] = {}
    for part in parts(whole):
        if kind(part) == "constant":
            if part.constant.HasField("text"):
                texts[part.constant.text] = None
            for name in ("int", "uint"):
                if part.constant.HasField(name):
                    numbers[getattr(part.constant, name)] = None
        if kind(part) == "call" and part.call.function == "matches" and (pattern := pattern_of(part)):
            texts |= dict.fromkeys(texts_of(pattern, whole=False))
    return [*texts], [*numbers]


def _suitable(path: Path, texts: Iterable[str], numbers: Iterable[int]) -> Iterator[str | None]:
    """Yield what an attribute may be compared with, as it would have to be written."""
    texts, numbers = [*texts], [*numbers]
    if path == ("request", "time"):
        yield from _moments(texts, numbers)
        return
    yield from texts
    if path == ("request", "query"):
        yield ""
        yield from (f"{name}={value}" for name in texts for value in texts if name != value)
        return
    if path == ("request", "path"):  # which has the query, as its like without it has not
        yield from (f"{text}?a=1" for text in texts if text.startswith("/") and "?" not in text)
    yield from (str(one) for number in numbers for one in (number, number - 1, number + 1))
    yield from ("a" * number for number in numbers if 0 < number <= _LONGEST)
    if path[:2] == ("request", "headers") or path[0] in (CLAIMS[0], PATH[0]):
        yield "x"
        yield None


def _moments(texts: Iterable[str], numbers: Iterable[int]) -> Iterator[str]:
    second = timedelta(seconds=1)
    for text in texts:
        try:
            moment = datetime.fromisoformat(text)
            yield from (one.isoformat() for one in (moment, moment - second, moment + second))
        except (ValueError, OverflowError):
            continue
    for number in numbers:
        if 0 <= number < _HOURS:
            yield MOMENT.replace(hour=number, minute=0, second=0).isoformat()
            yield (_SUNDAY + timedelta(days=number)).isoformat()


def _of_selector(condition: SelectorCondition, found: dict[Path, Values]) -> None:
    value = condition.value
    path = selected(condition.selector)
    match condition.operator:
        case "eq" | "neq" | "incl" | "excl":
            texts = [value]
        case "startswith" | "endswith":
            texts = [value, f"{value}x" if condition.operator == "startswith" else f"x{value}"]
        case _:
            texts = [value.replace("*", "").replace("?", "").replace("+", "x"), value.replace("*", "x")]
    values = found.setdefault(path, {})
    values.update(dict.fromkeys([*texts, f"{value}x"]))
    if path[:2] == ("request", "headers"):
        values[None] = None
    if path == ("request", "method"):
        values.update(dict.fromkeys(("GET", "POST")))


def _of_counter(path: Path, found: dict[Path, Values]) -> None:
    values = found.setdefault(path, {})
    match path:
        case ("request", "method"):
            values.update(dict.fromkeys(("GET", "POST")))
        case ("request", "query"):
            values.update(dict.fromkeys(("a=1", "a=2")))
        case ("source", "address"):
            values.update(dict.fromkeys((*_ADDRESSES, _SAME_CLIENT)))
        case ("source", "remote_address"):
            values.update(dict.fromkeys(one.partition(":")[0] for one in _ADDRESSES))
        case ("source", _):
            values.update(dict.fromkeys(_ADDRESSES))
        case ("request", "headers", _) | ("request", "referer" | "useragent"):
            values.update(dict.fromkeys((*_PEOPLE, None)))
        case _ if path[: len(CLAIMS)] == CLAIMS or path[: len(PATH)] == PATH:
            values.update(dict.fromkeys(_PEOPLE))


def _lowered(path: Path) -> Path:
    return (*path[:2], *(name.lower() for name in path[2:])) if path[:2] == ("request", "headers") else path
