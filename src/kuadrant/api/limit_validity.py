"""The judge of limits, for those who write them and those who hold them: can the service hold this one?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakValueDictionary

import msgspec

from kuadrant.api.algorithm import FIXED_WINDOW, LONGEST_SECONDS, MOST_PER_WINDOW, TOKEN_BUCKET
from kuadrant.api.duration import window_words
from kuadrant.api.limit_expressions import (
    ExpressionError,
    LimitCondition,
    Variable,
    compile_condition,
    compile_variable,
    uses_limit,
)
from kuadrant.api.limit_keys import keys_in
from kuadrant.api.limit_mode import EVERYBODY
from kuadrant.api.limitador import LeftOut

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.limitador import Limit

MOST_SECONDS: Final = 2**53
"""Far beyond any use, and still exact when added to a clock's reading."""
LONGEST_EXPRESSION: Final = 16_384
"""Characters of one condition or variable."""
LONGEST_NAME: Final = 4096
"""Characters of a name, an id and a namespace."""
MOST_EXPRESSIONS: Final = 256
"""Conditions, and variables, of one limit."""
_LONGEST_REASON: Final = 300


class Expressions:
    """Compiled conditions and variables by their text, kept as long as any limit has them.

    It needs nobody to tidy up.
    """

    def __init__(self) -> None:
        self._conditions: WeakValueDictionary[str, LimitCondition] = WeakValueDictionary()
        self._variables: WeakValueDictionary[str, Variable] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._conditions) + len(self._variables)

    def condition(self, source: str, limit: Limit) -> LimitCondition:
        """The condition ``source`` of ``limit``; raises ``ExpressionError``."""
        found = self._conditions.get(source)
        if found is None:
            found = compile_condition(source, limit.name, identifier_of(limit))
            if found.native or not uses_limit(source):  # then it is the same for every limit
                self._conditions[source] = found
        return found

    def variable(self, source: str) -> Variable:
        """The variable ``source``; raises ``ExpressionError``."""
        found = self._variables.get(source)
        if found is None:
            found = self._variables[source] = compile_variable(source)
        return found


class Judged(NamedTuple):
    """The parts of a limit, and why it cannot be held; it can if ``problems`` is empty.

    ``conditions`` has the native ones first: they are cheap, and an expression may fail where they do not
    hold. ``variables`` have one order for all limits that have the same ones: that of their texts.
    """

    conditions: tuple[LimitCondition, ...]
    variables: tuple[Variable, ...]
    problems: tuple[str, ...]


def problems(limits: Iterable[Limit]) -> tuple[str, ...]:
    """Return why the service would leave out one of ``limits``, in words for its writer, each once.

    It is empty if the service would hold all of them.
    """
    known = Expressions()
    judged = [judge(one, known) for one in limits]  # what they have in common is compiled once
    return tuple(dict.fromkeys(problem for one in judged for problem in one.problems))


def judge(limit: Limit, expressions: Expressions) -> Judged:
    """The parts of ``limit``, and all that is wrong with it."""
    wrong = [*_wrong_numbers(limit), *_wrong_sizes(limit)]
    if wrong:
        return Judged((), (), tuple(wrong))
    conditions, variables = [], []
    for text in limit.conditions:
        try:
            conditions.append(expressions.condition(text, limit))
        except ExpressionError as error:
            wrong.append(f"condition {str(error)[:_LONGEST_REASON]}")
    for text in sorted(set(limit.variables)):
        try:
            variables.append(expressions.variable(text))
        except ExpressionError as error:
            wrong.append(f"variable {str(error)[:_LONGEST_REASON]}")
    conditions.sort(key=lambda condition: not condition.native)
    return Judged(tuple(conditions), tuple(variables), tuple(wrong))


def left_out(limit: Limit, reasons: Iterable[str]) -> LeftOut:
    """``limit`` as one that is not held, for these reasons."""
    return LeftOut(describe(limit), tuple(reasons), limit.namespace, keys_in(limit.conditions))


def describe(limit: Limit) -> str:
    """Return what a person knows a limit by."""
    name = f"limit {_short(limit.name)}" if limit.name else "limit"
    rate = f"({limit.max_value} in {window_words(limit.seconds)}){limit.extensions_shown}"
    return f"{name} of {_short(limit.namespace)} {rate}"


def identifier_of(limit: Limit) -> str | None:
    """The id of a limit; None without."""
    return None if limit.id is msgspec.UNSET else limit.id


def _short(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}...")


def _wrong_numbers(limit: Limit) -> Iterable[str]:
    if not limit.namespace:
        yield "namespace: is empty, so that no request could be of it"
    if limit.max_value < 0:
        yield "max_value: is less than 0"
    if not 0 <= limit.seconds <= MOST_SECONDS:
        yield f"seconds: is not between 0 and {MOST_SECONDS}"
    yield from _wrong_percent(limit)
    if limit.counts_by == FIXED_WINDOW:
        return
    if not 1 <= limit.seconds <= LONGEST_SECONDS:
        yield f"seconds: is not between 1 and {LONGEST_SECONDS}, as for a {limit.counts_by}"
    if limit.counts_by == TOKEN_BUCKET and limit.max_value > 0:
        if limit.max_value > MOST_PER_WINDOW:
            yield f"max_value: is more than {MOST_PER_WINDOW}, the most for a {TOKEN_BUCKET}"
        if limit.most < 1:
            yield "burst: is less than 1"
        elif limit.seconds_of_most > LONGEST_SECONDS:
            yield f"burst: takes longer than {LONGEST_SECONDS} seconds to come again"


def _wrong_percent(limit: Limit) -> Iterable[str]:
    if not 0 <= limit.percent <= EVERYBODY:
        yield f"enforce_percent: is not between 0 and {EVERYBODY}"
    elif limit.percent not in (0, EVERYBODY) and not limit.variables:
        yield "enforce_percent: is by the values of variables, and it has none"


def _wrong_sizes(limit: Limit) -> Iterable[str]:
    for what, text in (
        ("name", limit.name),
        ("namespace", limit.namespace),
        ("id", identifier_of(limit) or ""),
    ):
        if "\0" in text:
            yield f"{what}: has a NUL character"
        if len(text) > LONGEST_NAME:
            yield f"{what}: has {len(text)} characters, at most {LONGEST_NAME} are held"
    for what, texts in (("conditions", limit.conditions), ("variables", limit.variables)):
        if len(texts) > MOST_EXPRESSIONS:
            yield f"{what}: are {len(texts)}, at most {MOST_EXPRESSIONS} are held"
        longest = max(map(len, texts), default=0)
        if longest > LONGEST_EXPRESSION:
            yield f"{what}: one has {longest} characters, at most {LONGEST_EXPRESSION} are held"
