"""Compiles a checked CEL expression to a program of the module: constants folded, common parts shared.

What the module evaluates and what not is said in docs/expressions.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.expressions import encoding, program_nodes
from kuadrant.expressions.attribute_numbers import NUMBERS as ATTRIBUTE_NUMBERS
from kuadrant.expressions.constants import Folding, constant
from kuadrant.expressions.functions import NUMBERS, TYPES
from kuadrant.expressions.loops import Binding, Search, Transformation, recognised
from kuadrant.expressions.not_evaluable import OutsideError
from kuadrant.expressions.regular_automaton import pattern
from kuadrant.expressions.time_zones import check_zone
from kuadrant.policy.checked_expression import kind

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROOTS: Final = frozenset({"request", "source", "destination", "connection", "auth"})
_MOST_LOCALS: Final = 32

_Scope = dict[str, int]
"""The variables of repetitions, by the place where their value is."""


def predicate(checked: Any, *, fold: bool = True) -> bytes:
    """The program of a condition. Without ``fold`` constants are what they were written as.

    Raises:
        OutsideError: The module cannot evaluate it; the text says what of it.
    """
    made = _Compiler(Folding(checked) if fold else None)
    return made.nodes.program(made.of(checked.expression, {}))


def value(checked: Any) -> bytes:
    """The program of a value, as text.

    Raises:
        OutsideError: As above.
    """
    made = _Compiler(Folding(checked))
    whole = made.of(checked.expression, {})
    return made.nodes.program(made.call(NUMBERS["string"], whole))


class _Compiler:
    def __init__(self, folding: Folding | None) -> None:
        self.nodes = program_nodes.Nodes()
        self._folding = folding

    def of(self, part: Any, scope: _Scope) -> int:
        """The node of ``part``."""
        if self._folding is not None and (folded := self._folding.of(part)) is not None:
            return self.nodes.add(folded[0], (), folded[1])
        return _FORMS[kind(part)](self, part, scope)

    def call(self, number: int, *parts: int) -> int:
        """The node of a function with this number."""
        return self.nodes.add(program_nodes.CALL, parts, bytes([number]))

    def constant(self, part: Any, _scope: _Scope) -> int:
        number, rest = constant(part.constant)
        return self.nodes.add(number, (), rest)

    def name(self, part: Any, scope: _Scope) -> int:
        name = part.name.name
        if name in scope:
            return self.nodes.add(program_nodes.LOCAL, (), bytes([scope[name]]))
        if name in TYPES:
            return self.nodes.add(10, (), bytes([TYPES[name]]))
        raise OutsideError(f"'{name}' as a whole")

    def select(self, part: Any, scope: _Scope) -> int:
        select = part.select
        if (found := _attribute(select.operand, select.field, scope)) is not None:
            form = program_nodes.ATTRIBUTE_PRESENT if select.test_only else program_nodes.ATTRIBUTE
            return self.nodes.attribute(form, found)
        form = program_nodes.PRESENT if select.test_only else program_nodes.SELECT
        return self.nodes.add(form, (self.of(select.operand, scope),), encoding.text(select.field))

    def list_of(self, part: Any, scope: _Scope) -> int:
        elements = tuple(self.of(one, scope) for one in part.list.elements)
        optional = set(part.list.optional)
        return self.nodes.add(
            program_nodes.LIST, elements, bytes(place in optional for place in range(len(elements)))
        )

    def map_of(self, part: Any, scope: _Scope) -> int:
        if part.struct.name:
            raise OutsideError("messages")
        entries = part.struct.entries
        parts = tuple(self.of(one, scope) for entry in entries for one in (entry.key, entry.value))
        return self.nodes.add(program_nodes.MAP, parts, bytes(bool(entry.optional) for entry in entries))

    def comprehension(self, part: Any, scope: _Scope) -> int:
        slot = len(scope)
        if slot == _MOST_LOCALS:
            raise OutsideError(f"more than {_MOST_LOCALS} repetitions, one within the other")
        match recognised(part.comprehension):
            case Binding(name, bound, result):
                parts = (self.of(bound, scope), self.of(result, _with(scope, name, slot)))
                return self.nodes.add(program_nodes.LET, parts, bytes([slot]))
            case Search(form, name, among, condition):
                parts = (self.of(among, scope), self.of(condition, _with(scope, name, slot)))
                return self.nodes.add(form, parts, bytes([slot]))
            case Transformation(name, among, where, body):
                inner = _with(scope, name, slot)
                made = [self.of(one, inner) for one in (where, body) if one is not None]
                form = program_nodes.MAPPED if where is None else program_nodes.MAPPED_WHERE
                return self.nodes.add(form, (self.of(among, scope), *made), bytes([slot]))

    def function(self, part: Any, scope: _Scope) -> int:
        """A function or an operator."""
        call = part.call
        arguments = [*([call.target] if call.HasField("target") else []), *call.arguments]
        if (special := _SPECIAL.get(call.function)) is not None:
            return int(special(self, arguments, scope))
        if call.function not in NUMBERS:
            raise OutsideError(f"the function '{call.function}'")
        check_zone(call.function, arguments)
        return self.call(NUMBERS[call.function], *(self.of(one, scope) for one in arguments))

    def in_order(self, form: int, arguments: list[Any], scope: _Scope) -> int:
        """One of the operators that do not need all of their arguments."""
        return self.nodes.add(form, tuple(self.of(one, scope) for one in arguments))

    def dyn(self, arguments: list[Any], scope: _Scope) -> int:
        return self.of(arguments[0], scope)

    def index(self, arguments: list[Any], scope: _Scope) -> int:
        return self._lookup(program_nodes.ATTRIBUTE, "_[_]", arguments, scope)

    def optional_index(self, arguments: list[Any], scope: _Scope) -> int:
        return self._lookup(program_nodes.ATTRIBUTE_OPTIONAL, "_[?_]", arguments, scope)

    def contained(self, arguments: list[Any], scope: _Scope) -> int:
        found = _entry(arguments[1], arguments[0], scope)
        if found is not None:
            return self.nodes.attribute(program_nodes.ATTRIBUTE_PRESENT, found)
        return self.call(NUMBERS["@in"], *(self.of(one, scope) for one in arguments))

    def _lookup(self, form: int, function: str, arguments: list[Any], scope: _Scope) -> int:
        if (found := _entry(arguments[0], arguments[1], scope)) is not None:
            return self.nodes.attribute(form, found)
        return self.call(NUMBERS[function], *(self.of(one, scope) for one in arguments))

    def optional_select(self, arguments: list[Any], scope: _Scope) -> int:
        operand, field = arguments
        if (found := _attribute(operand, field.constant.text, scope)) is not None:
            return self.nodes.attribute(program_nodes.ATTRIBUTE_OPTIONAL, found)
        parts = (self.of(operand, scope),)
        return self.nodes.add(program_nodes.SELECT_OPTIONAL, parts, encoding.text(field.constant.text))

    def matches(self, arguments: list[Any], scope: _Scope) -> int:
        written = arguments[1].constant
        if not written.HasField("text"):
            raise OutsideError("a regular expression that is not written there")
        return self.nodes.add(program_nodes.MATCHES, (self.of(arguments[0], scope),), pattern(written.text))


def _with(scope: _Scope, name: str, slot: int) -> _Scope:
    # A place is taken once for each repetition, even if one hides the name of another.
    return {f"{slot}#": slot, **scope, name: slot} if name in scope else {**scope, name: slot}


def _attribute(operand: Any, field: str, scope: Mapping[str, int]) -> bytes | None:
    """How the attribute ``field`` of ``operand`` is written; None if it is none by itself."""
    root = operand.name.name
    if root and root not in scope and (root, field) in ATTRIBUTE_NUMBERS:
        return b"\0" + encoding.integer(ATTRIBUTE_NUMBERS[root, field])
    if root in _ROOTS and root not in scope:
        raise OutsideError(f"{root}.{field}")
    within = operand.select
    outer = within.operand.name.name
    if outer in scope or within.test_only:
        return None
    if (outer, within.field) == ("request", "headers"):
        return b"\x01" + encoding.text(field.lower())
    return None


def _entry(among: Any, key: Any, scope: Mapping[str, int]) -> bytes | None:
    """As ``_attribute``, for what is named by a text in brackets."""
    return (
        _attribute(among, key.constant.text, scope)
        if among.select.field and key.constant.HasField("text")
        else None
    )


_FORMS: Final = {
    "constant": _Compiler.constant,
    "name": _Compiler.name,
    "select": _Compiler.select,
    "call": _Compiler.function,
    "list": _Compiler.list_of,
    "struct": _Compiler.map_of,
    "comprehension": _Compiler.comprehension,
}


def _ordered(form: int) -> Any:
    return lambda compiler, arguments, scope: compiler.in_order(form, arguments, scope)


_SPECIAL: Final[dict[str, Any]] = {
    "_&&_": _ordered(program_nodes.BOTH),
    "_||_": _ordered(program_nodes.EITHER),
    "_?_:_": _ordered(program_nodes.CHOICE),
    "or": _ordered(program_nodes.OR_OPTIONAL),
    "orValue": _ordered(program_nodes.OR_VALUE),
    "dyn": _Compiler.dyn,
    "_[_]": _Compiler.index,
    "_[?_]": _Compiler.optional_index,
    "@in": _Compiler.contained,
    "_?._": _Compiler.optional_select,
    "matches": _Compiler.matches,
}
