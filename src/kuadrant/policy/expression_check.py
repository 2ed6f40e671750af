"""Check CEL expressions against what exists when they are evaluated.

By the gateway, when a request's headers are there.

The expressions of a policy run in gateways. They learn only with a request that a name does not
exist, so that is found out here, with the types and the position. What is declared is what Envoy offers in
the request phase; the functions are those of docs/expressions.md. What of it a module cannot be told is the
dialects' matter.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from cel_expr_python import cel

from kuadrant.api.fields import LONGEST_EXPRESSION
from kuadrant.incremental import recent
from kuadrant.policy.attribute_types import typed
from kuadrant.policy.budget_check import over_expression_budget
from kuadrant.policy.budgets import DEFAULT, Budgets
from kuadrant.policy.cel_conformance import as_defined, as_written
from kuadrant.policy.cel_environment import NOT_EVALUATED, UNTYPED
from kuadrant.policy.checked_expression import TooDeepError, kind, offset_of, parts, read, written
from kuadrant.policy.constant_folding import faults
from kuadrant.policy.engine_complaints import readable, refused
from kuadrant.policy.expression_cost import Estimate, costly, estimate
from kuadrant.policy.expression_error import ExpressionError, wrong_at
from kuadrant.policy.identity_source import PATH
from kuadrant.policy.result_types import NotOfTypeError, Wanted, check_result, not_written
from kuadrant.policy.untyped_expression import compiled

_KEPT_CHARACTERS: Final = 200_000
"""Of the trees of a thousand policies' expressions; a tree takes some 50 bytes for a character."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.policy.condition import Cost


def check_predicate(expression: str, budgets: Budgets = DEFAULT, *, identity: bool = False) -> Estimate:
    """Check that ``expression`` is a condition on a request, and return what it costs at most.

    With ``identity`` the gateway knows who a request is from.

    Raises:
        ExpressionError: It does not parse, names something that does not exist, can only fail, is not a
            boolean, or costs too much.
    """
    _check_text(expression)
    return _checked_predicate(expression, budgets, identity=identity)


def check_counter(expression: str, budgets: Budgets = DEFAULT, *, identity: bool = False) -> Estimate:
    """Check that ``expression`` has a value that can be written as text, to count by.

    Returns what it costs at most.

    Raises:
        ExpressionError: As above, or it is a list, a map or the like.
    """
    _check_text(expression)
    return _checked_text(expression, budgets, "counter", identity=identity)


def check_text(expression: str, budgets: Budgets = DEFAULT) -> Estimate:
    """Check that ``expression`` has a value that can be written as text, to tell a client.

    Returns what it costs at most.

    Raises:
        ExpressionError: As above.
    """
    _check_text(expression)
    return _checked_text(expression, budgets, "text", identity=False)


@lru_cache(maxsize=256)
def check_cost(cost: Cost, budgets: Budgets = DEFAULT, *, identity: bool = False) -> Estimate:
    """What it takes at most to evaluate a cost; raises ``ExpressionError``, too, if it is no whole number."""
    _check_text(cost.expression)
    result, checked = _typed_once(cost.expression, identity=identity)
    if result not in ("INT", "UINT", "DYN"):
        raise ExpressionError(
            f"a cost must be a whole number, as int(...) is, this is of type {result.lower()}"
        )
    return _weighed(cost.expression, f"string({cost.hits}\n)", checked, budgets, wanted="cost")


def checked(expression: str) -> Any:
    """The tree of ``expression`` and the places of its parts, as ``checked_expression`` has them.

    Raises:
        ExpressionError: It does not parse, or names something that does not exist.
    """
    _check_text(expression)
    return _typed_once(expression, identity=True)[1]


def _check_text(expression: str) -> None:
    if len(expression) > LONGEST_EXPRESSION:
        raise ExpressionError(
            f"it has {len(expression)} characters, at most {LONGEST_EXPRESSION} are possible"
        )
    if found := _CONTROL.search(expression):
        instead = f"\\u{ord(found[0]):04x}"
        message = f"a control character; write it as an escape, such as {instead}"
        raise wrong_at(expression, found.start(), message)


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def has_control_character(text: str) -> bool:
    """Tell whether ``text`` has a control character other than a tab or the end of a line."""
    return _CONTROL.search(text) is not None


def _typed_once(expression: str, *, identity: bool) -> tuple[str, Any]:
    """As :func:`_typed`; what does not speak of who a request is from is the same with and without."""
    return _typed(expression, identity=identity or PATH[0] not in expression)


# Checks are pure, policies repeat themselves, and findings ask for the trees again: some are kept, whatever
# becomes of who wrote them.
@recent(_KEPT_CHARACTERS)
def _typed(expression: str, *, identity: bool) -> tuple[str, Any]:
    """The name of the type of an expression, for example ``BOOL``, and its tree."""
    compiled = _compile(expression, typed(identity=identity))
    try:
        return str(compiled.return_type().name()), read(compiled.serialize())
    except TooDeepError as error:
        raise ExpressionError(str(error)) from None
    except RuntimeError as error:
        # Of a map with keys that no map may have the engine tells only here.
        told = readable(str(error))
        raise ExpressionError(told.text, at=told.at) from None


@lru_cache(maxsize=256)
def _checked_predicate(expression: str, budgets: Budgets, *, identity: bool) -> Estimate:
    result, checked = _typed_once(expression, identity=identity)
    if result not in ("BOOL", "DYN"):
        raise ExpressionError(f"a predicate must be true or false, this is of type {result.lower()}")
    within = f"({expression}\n) ? true : false"
    return _weighed(expression, within, checked, budgets, wanted="predicate")


@lru_cache(maxsize=256)
def _checked_text(expression: str, budgets: Budgets, wanted: Wanted, *, identity: bool) -> Estimate:
    result, checked = _typed_once(expression, identity=identity)
    if result not in _WRITABLE:
        raise ExpressionError(not_written(wanted, result.lower()))
    return _weighed(expression, f"string({expression}\n)", checked, budgets, wanted=wanted)


_WRITABLE = frozenset({"STRING", "INT", "UINT", "DOUBLE", "BOOL", "BYTES", "TIMESTAMP", "DURATION", "DYN"})


def _weighed(
    expression: str,
    within: str,
    checked: Any,
    budgets: Budgets,
    *,
    wanted: Wanted,
) -> Estimate:
    """What ``expression`` costs, if it is not too much and nothing in it can only fail.

    The shim makes ``within`` of it.
    """
    found = parts(checked.expression)
    _check_within(expression, within, found)
    try:
        check_result(checked, wanted)
    except NotOfTypeError as error:
        raise wrong_at(expression, error.offset, str(error)) from None
    for part in found:
        if part.call.function in NOT_EVALUATED:
            message = f"the gateway has no function '{part.call.function}'"
            raise wrong_at(expression, offset_of(checked, part.id), message)
    cost = estimate(checked)
    # Before anything of it is evaluated here.
    for number, message in over_expression_budget(cost, budgets, lambda number: costly(checked, number)):
        raise wrong_at(expression, offset_of(checked, number), message)
    for one in faults(checked, found, lambda part: _failure(checked, part)):
        raise wrong_at(expression, offset_of(checked, one.id), one.message)
    if not any(kind(part) == "name" for part in found):
        # Of what is dynamic the type comes to light only here.
        whole = read(_compile(within, typed()).serialize())
        if (wrong := _failure(whole, whole.expression)) is not None:
            raise wrong_at(expression, 0, f"it always fails: {wrong}")
    return cost


def _failure(checked: Any, part: Any) -> str | None:
    """How ``part`` of ``checked``, which names nothing of a request, fails; None if it does not."""
    alone = type(checked)()
    alone.CopyFrom(checked)
    alone.expression.CopyFrom(part)
    try:
        result = typed().deserialize(written(as_defined(alone))).eval(data={})
    except RuntimeError as error:
        return readable(str(error)).text
    if result.type() != cel.Type.ERROR:
        return None
    try:
        words = str(result.plain_value())
    except TypeError:
        # An optional value is of no other type than a failure, and has no words.
        return None
    return as_written(words.partition(": ")[2] or words)


def _check_within(expression: str, within: str, found: Sequence[Any]) -> None:
    """Check that ``expression``, which is sound in itself, is taken without the types of attributes, too.

    It has to be taken alone and ``within`` the one that the shim makes of it. ``found`` are its parts.
    """
    if _is_taken_anywhere(expression, found):
        return
    try:
        compiled(within)
    except RuntimeError:
        # The part first, so that the place of the mistake is the one in its author's text.
        for text in (expression, within):
            try:
                compiled(text)
            except RuntimeError as error:
                raise refused(str(error), text) from None


def _is_taken_anywhere(expression: str, found: Sequence[Any]) -> bool:
    """Tell whether a sound expression names no type and is far from too deep: it is taken untyped, too."""
    return len(found) + expression.count("(") <= _SURELY_SHALLOW and all(
        kind(part) in _WITHOUT_TYPES and (kind(part) != "name" or part.name.name in UNTYPED) for part in found
    )


_SURELY_SHALLOW = 24
_WITHOUT_TYPES = frozenset({"constant", "name", "select", "call", "list"})


def _compile(expression: str, environment: cel.Env) -> cel.Expression:
    try:
        return environment.compile(expression)
    except RuntimeError as error:
        raise refused(str(error), expression) from None
