"""How the three evaluators that official shims have brought so far differ from the gateway's.

Read from their sources, and run: a row of the table in ``test_official_expressions`` is what the real modules
did.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cel_expr_python import cel

from kuadrant.policy.checked_expression import kind, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.reference_model import Request


class FailureError(Exception):
    """An expression has no value."""


@dataclass(frozen=True)
class Evaluator:
    """An evaluator, by what the versions do in their own way.

    ``knows_absence``: a header that is not there is an error, not null. ``&&`` looks at its second side only
    where the first holds, and what only the second part of ``?:`` names is read. ``absorbs``: an error beside
    ``||`` or ``&&`` is none where the other side decides, ``contains`` takes no null, and counters are
    written by ``string``, which takes no booleans.
    """

    knows_absence: bool
    absorbs: bool

    def predicates_hold(self, texts: Sequence[str], request: Request) -> bool:
        """Whether all hold: one after the other or, where that absorbs errors, as one expression."""
        if self.absorbs and texts:
            return self._value(" && ".join(f"({text})" for text in texts), request) is True
        return all(self._value(text, request) is True for text in texts)

    def counted(self, text: str, request: Request) -> str:
        value = self._value(f"string({text})" if self.absorbs else text, request)
        if value is None:
            return "null"
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _value(self, text: str, request: Request) -> Any:
        tree = _parsed(text)
        return _Evaluation(self, request, self._found(tree)).value(tree)

    def _found(self, tree: Any) -> set[str]:
        """The attributes that the shim looks up before it evaluates."""
        if kind(tree) == "select":
            return {tree.select.field} if tree.select.operand.name.name else self._found(tree.select.operand)
        parts = [*tree.call.arguments, *tree.list.elements]
        if tree.call.function == "_?_:_" and not self.knows_absence:
            del parts[1]
        if tree.call.HasField("target"):
            parts.append(tree.call.target)
        return set().union(*map(self._found, parts))


V0_9 = Evaluator(knows_absence=False, absorbs=False)
V0_12 = Evaluator(knows_absence=True, absorbs=False)
V0_14 = Evaluator(knows_absence=True, absorbs=True)

EVALUATORS = {
    "action-sets-v0.7": {"v0.7": V0_9},
    "action-sets-v0.8": {"v0.8": V0_9},
    "action-sets": {"v0.9": V0_9},
    "action-sets-conditional-data": {"v0.10": V0_9, "v0.12": V0_12, "v0.14": V0_14},
}
"""The evaluators of the versions that a form of configuration is for."""


@functools.cache
def _parsed(text: str) -> Any:
    environment = cel.NewEnv(variables=dict.fromkeys(["request", "source", "destination"], cel.Type.DYN))
    return read(environment.compile(text).serialize()).expression


class _Evaluation:
    def __init__(self, evaluator: Evaluator, request: Request, found: set[str]) -> None:
        self._own = evaluator
        self._request = request
        self._found = found

    def value(self, tree: Any) -> Any:
        match kind(tree):
            case "constant":
                constant = tree.constant
                if constant.HasField("bool"):
                    return bool(constant.bool)
                return next(
                    (getattr(constant, one) for one in ("text", "int") if constant.HasField(one)), None
                )
            case "select":
                return self._attribute(tree.select.field)
            case "list":
                return [self.value(one) for one in tree.list.elements]
        assert kind(tree) == "call"
        return self._call(tree.call.function, [*tree.call.arguments], tree.call)

    def _attribute(self, name: str) -> Any:
        if name not in self._found:
            raise FailureError("no such key")
        if name == "headers":
            return {**dict(self._request.headers), ":authority": self._request.authority}
        known = {**self._request.activation()["request"], "port": 80, "address": "10.0.0.1:80"}  # type: ignore[dict-item]
        return known[name] or None  # what is empty is not there

    def _call(self, function: str, operands: list[Any], call: Any) -> Any:
        match function:
            case "_||_" | "_&&_":
                return self._logic(operands, ends=function == "_||_")
            case "_?_:_":
                return self.value(operands[1] if self._truth(operands[0]) else operands[2])
            case "!_":
                return not self._truth(operands[0])
        values = [self.value(one) for one in ([call.target] if call.HasField("target") else [])]
        values += map(self.value, operands)
        if function == "contains" and values[0] is None and not self._own.absorbs:
            return False
        try:
            return _FUNCTIONS[function](*values)
        except KeyError:
            if self._own.knows_absence:
                raise FailureError("no such key") from None
            return None
        except (TypeError, ValueError, AttributeError) as error:
            raise FailureError(str(error)) from None

    def _logic(self, operands: list[Any], *, ends: bool) -> bool:
        try:
            first = self._truth(operands[0])
        except FailureError:
            if self._own.absorbs and self._truth(operands[1]) is ends:
                return ends
            raise
        if first is ends and (ends or self._own.knows_absence):
            return first
        second = self._truth(operands[1])
        return first or second if ends else first and second

    def _truth(self, tree: Any) -> bool:
        value = self.value(tree)
        if not isinstance(value, bool) and self._own.knows_absence:
            raise FailureError("no boolean")
        return bool(value)


def _string(value: Any) -> str:
    if value is None or isinstance(value, bool):
        raise TypeError(value)
    return str(value)


_FUNCTIONS: dict[str, Any] = {
    "_==_": lambda one, other: type(one) is type(other) and one == other,
    "_!=_": lambda one, other: type(one) is not type(other) or one != other,
    "_<_": lambda one, other: one < other,
    "_<=_": lambda one, other: one <= other,
    "_>_": lambda one, other: one > other,
    "_>=_": lambda one, other: one >= other,
    "_+_": lambda one, other: one + other,
    "_[_]": lambda among, key: among[key],
    "@in": lambda key, among: key in among,
    "startsWith": lambda text, part: text.startswith(part),
    "endsWith": lambda text, part: text.endswith(part),
    "contains": lambda text, part: part in text,
    "matches": lambda text, pattern: re.search(pattern, text) is not None,
    "string": _string,
    "int": int,
}
