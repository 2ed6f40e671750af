"""Expressions of policies for official modules, which take them as the gateway does.

What can be told is a small language: attributes of the request, its headers by their names, comparisons,
logic, and functions on texts. How it is told is the subject of ``told_expression``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from kuadrant.dialects.dialect import InexpressibleError
from kuadrant.dialects.official.cel_text import literal
from kuadrant.dialects.official.portable_expression import (
    NONE,
    OR,
    RELATION,
    SUM,
    WHOLE,
    Part,
    Said,
    choice,
    conjunction,
    disjunction,
    header,
    in_order,
    negation,
    plain,
    presence,
    query,
    strict,
    when_true,
)
from kuadrant.dialects.official.regular_expressions import is_portable
from kuadrant.policy.attributes import TABLE
from kuadrant.policy.checked_expression import kind, pattern_of
from kuadrant.policy.expression_check import checked
from kuadrant.policy.expression_error import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_ATTRIBUTES: Final = {one.path: one.type for one in TABLE if "expressions" in one.told}
_ROOTS: Final = {root for root, _ in _ATTRIBUTES}
_RELATIONS: Final = {
    "_==_": "==",
    "_!=_": "!=",
    "_<_": "<",
    "_<=_": "<=",
    "_>_": ">",
    "_>=_": ">=",
}
_CALCULATIONS: Final = {"_+_", "_-_", "_*_", "_/_", "_%_", "-_"}


class LimitWords(Struct, frozen=True, gc=False):
    """The predicates and the counters of a limit in words, and whether one of them may fail."""

    predicates: tuple[str, ...]
    counters: tuple[str, ...]
    may_fail: bool


@lru_cache(maxsize=256)
def check_predicate(expression: str) -> None:
    """Check that there are words for ``expression``, a predicate that the gateway takes.

    Raises:
        InexpressibleError: There are none; the text says for which part of it.
    """
    _predicates(expression)


@lru_cache(maxsize=256)
def check_counter(expression: str) -> None:
    """As ``check_predicate``, for the value of a counter: a text, a whole number or a boolean.

    Raises:
        InexpressibleError: There are no words for it, or it is of another type.
    """
    _counted(expression)


@lru_cache(maxsize=256)
def limit_words(predicates: tuple[str, ...], counters: tuple[str, ...]) -> LimitWords:
    """The words for the expressions of a limit.

    Of the predicates one that is false wins over one that fails; the counters are looked at where all hold.

    Raises:
        InexpressibleError: There are no words that mean the same to every version.
    """
    there, may_fail, told = NONE, False, []
    for part in in_order([one for text in predicates for one in _predicates(text)], there, when_true):
        may_fail = may_fail or part.may_fail(there)
        # A choice would swallow what a module writes beside it.
        told.append(part.say(there).within(OR))
        there |= part.when_true | part.reads_always
    counted = [_counted(text) for text in counters]
    return LimitWords(
        predicates=tuple(dict.fromkeys(told)),
        counters=tuple(one.say(there).text for one in counted),
        may_fail=may_fail or any(one.may_fail(there) for one in counted),
    )


def _predicates(expression: str) -> list[Part]:
    """The parts of a predicate that all have to hold: each is told by itself, one after the other."""
    return [_found(_part(one)) for one in _operands(_tree(expression), "_&&_")]


def _counted(expression: str) -> Part:
    part = _part(_tree(expression))
    if part.form == "list":
        raise InexpressibleError("it does not count by a value of type list")
    return _found(_as_text(part) if part.form == "truth" else part)


def _as_text(truth: Part) -> Part:
    """A boolean as a text, for which no version has a function."""
    return choice(truth, plain("'true'", "text"), plain("'false'", "text"))


def _found(part: Part) -> Part:
    for attribute in sorted(part.read - part.found):
        raise InexpressibleError(f"it does not find {attribute} if only the second part of ?: names it")
    return part


def _tree(expression: str) -> Any:
    try:
        return checked(expression).expression
    except ExpressionError as error:
        raise InexpressibleError(f"it does not take the expression: {error}") from None


def _part(tree: Any) -> Part:
    match kind(tree):
        case "constant":
            return _constant(tree.constant)
        case "select":
            return _select(tree)
        case "call":
            return _call(tree)
        case "list":
            items = [_part(one) for one in tree.list.elements]
            return strict("list", items, lambda *words: Said(f"[{', '.join(one.text for one in words)}]"))
        case "comprehension":
            raise InexpressibleError("it reads a header only by its name, request.headers['name']")
        case "name":
            raise InexpressibleError(f"it does not know {tree.name.name}, or not as it is")
        case other:
            raise InexpressibleError(f"it may not know a {other or 'constant of this type'}")


def _constant(constant: Any) -> Part:
    if constant.HasField("text"):
        return plain(literal(constant.text), "text")
    if constant.HasField("int") and constant.int > _LEAST:
        return plain(str(constant.int), "number")
    if constant.HasField("bool"):
        return plain("true" if constant.bool else "false", "truth")
    raise InexpressibleError("it may not take a constant of this type")


_LEAST: Final = -(2**63)
"""It is read as the opposite of a number that there is not."""


def _select(tree: Any) -> Part:
    """An attribute, or a header by its name or the question for it."""
    select = tree.select
    if _is_headers(select.operand):
        return presence(_name(select.field)) if select.test_only else header(_name(select.field))
    root, field = select.operand.name.name, select.field
    if select.test_only:
        raise InexpressibleError("it may not know the function has")
    if not root:
        raise InexpressibleError(f"it does not know {_root(tree)}, or not as it is")
    if root not in _ROOTS:
        raise InexpressibleError(f"it does not know {root}")
    if (root, field) not in _ATTRIBUTES:
        raise InexpressibleError(f"it does not read {root}.{field}, or not as it is")
    if (root, field) == ("request", "headers"):
        raise InexpressibleError("it reads a header only by its name, request.headers['name']")
    if (root, field) == ("request", "query"):
        return query()
    form: Literal["text", "number"] = "text" if _ATTRIBUTES[root, field] == "string" else "number"
    return plain(f"{root}.{field}", form, f"{root}.{field}")


def _root(tree: Any) -> str:
    while kind(tree) == "select":
        tree = tree.select.operand
    return str(tree.name.name)


def _is_headers(tree: Any) -> bool:
    return bool(tree.select.field == "headers" and tree.select.operand.name.name == "request")


def _name(name: str) -> str:
    """A header's name as official modules have it, which the gateway finds in any case."""
    lower = name.lower() if name.isascii() else name
    return ":authority" if lower == "host" else lower


def _call(tree: Any) -> Part:
    function, call = tree.call.function, tree.call
    operands = [*([call.target] if call.HasField("target") else []), *call.arguments]
    if function in _CHAINS:
        return _CHAINS[function](map(_part, _operands(tree, function)))
    if function in {"_[_]", "@in"}:
        return _looked_up(function, operands)
    if function == "matches":
        _check_pattern(tree)
    parts = [_part(one) for one in operands]
    if function in _RELATIONS:
        return _relation(_RELATIONS[function], parts)
    if function in _METHODS:
        return strict(
            "truth", parts, lambda text, other: Said(f"{text.within(WHOLE)}.{function}({other.text})")
        )
    if function in _FUNCTIONS:
        return _FUNCTIONS[function](*parts)
    if function in _CALCULATIONS:
        raise InexpressibleError("it may calculate in another way")
    raise InexpressibleError(f"it may not know the function {function}")


def _operands(tree: Any, chain: str) -> Iterator[Any]:
    """Return what ``chain`` joins (``_&&_`` or ``_||_``), however nested; ``tree`` itself if it is none."""
    if tree.call.function != chain:
        yield tree
        return
    for one in tree.call.arguments:
        yield from _operands(one, chain)


def _looked_up(function: str, operands: list[Any]) -> Part:
    """A header by its name, the question for it, or for a value among others."""
    among, key = operands if function == "_[_]" else reversed(operands)
    if _is_headers(among):
        if not key.constant.HasField("text"):
            raise InexpressibleError("it reads a header only by its name, request.headers['name']")
        return (header if function == "_[_]" else presence)(_name(key.constant.text))
    if function == "_[_]":
        raise InexpressibleError("it may read a place of a list in another way")
    words = lambda one, many: Said(f"{one.within(SUM)} in {many.within(WHOLE)}", RELATION)  # noqa: E731
    return strict("truth", (_part(key), _part(among)), words)


def _relation(sign: str, parts: list[Part]) -> Part:
    if any(part.form == "list" for part in parts) or (sign[0] in "<>" and parts[0].form == "truth"):
        raise InexpressibleError(f"it may compare in another way by {sign}")
    words = lambda one, other: Said(f"{one.within(SUM)} {sign} {other.within(SUM)}", RELATION)  # noqa: E731
    return strict("truth", parts, words)


def _check_pattern(tree: Any) -> None:
    pattern = pattern_of(tree)
    if pattern is None or "\\" in pattern or not is_portable(pattern):
        raise InexpressibleError("its regular expressions are another engine's")


def _text_of(part: Part) -> Part:
    if part.form == "truth":
        return _as_text(part)
    return strict("text", (part,), lambda one: Said(f"string({one.text})"))


def _number_of(part: Part) -> Part:
    # Of a text that is no number there is none.
    return strict("number", (part,), lambda one: Said(f"int({one.text})"), fails=part.form == "text")


def _added(one: Part, other: Part) -> Part:
    if one.form != "text":
        raise InexpressibleError("it may calculate in another way")
    words = lambda first, second: Said(f"{first.within(SUM)} + {second.within(WHOLE)}", SUM)  # noqa: E731
    return strict("text", (one, other), words)


_METHODS: Final = {"startsWith", "endsWith", "contains", "matches"}
_CHAINS: Final[dict[str, Callable[[Iterable[Part]], Part]]] = {"_&&_": conjunction, "_||_": disjunction}
_FUNCTIONS: Final[dict[str, Callable[..., Part]]] = {
    "!_": negation,
    "_?_:_": choice,
    "_+_": _added,
    "string": _text_of,
    "int": _number_of,
}
