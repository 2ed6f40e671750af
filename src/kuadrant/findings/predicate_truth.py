"""Decides whether a condition holds for all, or for none, of the requests that come to a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.expressions.constants import Folding
from kuadrant.findings.reaching_requests import HeaderName, Reaching
from kuadrant.policy.checked_expression import kind, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kuadrant.policy.condition import SelectorCondition

Asked = Reaching | HeaderName
Truth = bool | None
"""None where it depends on the request, or is not known here."""

_COMPARED: Final[dict[str, Callable[[Asked, str, str], Truth]]] = {
    "startsWith": lambda of, name, text: of.starts_with(name, text),
    "endsWith": lambda of, name, text: of.ends_with(name, text),
    "contains": lambda of, name, text: of.contains(name, text),
    "matches": lambda of, name, text: of.matches(name, text),
}
_FALSE, _TRUE = (1, b""), (2, b"")


class Predicate:
    """A checked predicate, whose truth can be asked for again and again."""

    def __init__(self, checked: Any) -> None:
        self._checked = checked
        self._folded: dict[int, Truth] = {}

    @property
    def expression(self) -> Any:
        """The whole of it."""
        return self._checked.expression

    def offset(self, part: Any) -> int:
        """Return where ``part`` begins, in characters."""
        offsets = {one.id: one.offset for one in self._checked.source.positions}
        return min((offsets.get(one.id, 0) for one in parts(part)), default=0)

    def truth(self, part: Any, of: Asked) -> Truth:
        """Tell whether ``part`` holds for the requests ``of``, as CEL has it: false wins over what fails."""
        match kind(part):
            case "constant":
                return bool(part.constant.bool) if part.constant.HasField("bool") else None
            case "select":
                asks = part.select.test_only and name_of(part.select.operand) == "request.headers"
                return of.has_header(part.select.field) if asks else None
            case "call":
                return self._call(part, of)
            case "comprehension":
                return self._repeated(part.comprehension, of)
        return None

    def _repeated(self, loop: Any, of: Asked) -> Truth:
        """The truth of ``exists`` and ``all`` over the names of headers, of which there is always one."""
        step = loop.step
        if name_of(loop.range) != "request.headers" or loop.second_variable or len(step.call.arguments) != 2:
            return None
        one, asked = step.call.arguments
        if one.name.name != loop.accumulator:
            return None
        # What holds for each name, or for none, is the result of both.
        known = self.truth(asked, HeaderName(of, loop.variable))
        return known if step.call.function in ("_||_", "_&&_") else None

    def _call(self, part: Any, of: Asked) -> Truth:
        function, arguments = part.call.function, part.call.arguments
        match function:
            case "_&&_":
                return both(self.truth(one, of) for one in arguments)
            case "_||_":
                return negated(both(negated(self.truth(one, of)) for one in arguments))
            case "!_":
                return negated(self.truth(arguments[0], of))
            case "_?_:_":
                return self._choice(arguments, of)
        known = self._compared(part, of)
        return self._fold(part) if known is None else known

    def _choice(self, arguments: Any, of: Asked) -> Truth:
        # Of a condition that is not known, nobody knows either that it does not fail.
        condition = self.truth(arguments[0], of)
        return None if condition is None else self.truth(arguments[1 if condition else 2], of)

    def _compared(self, part: Any, of: Asked) -> Truth:
        function, arguments = part.call.function, part.call.arguments
        if function in _COMPARED and part.call.HasField("target"):
            text = arguments[0].constant
            name = name_of(part.call.target)
            return _COMPARED[function](of, name, text.text) if name and text.HasField("text") else None
        if function == "@in" and name_of(arguments[1]) == "request.headers":
            name = arguments[0].constant
            return of.has_header(name.text) if name.HasField("text") else None
        compared = compared_texts(part)
        if compared is None:
            return None
        name, texts, holds = compared
        answers = [of.equals(name, text) for text in texts]
        equal = negated(both(map(negated, answers)))
        return equal if holds else negated(equal)

    def _fold(self, part: Any) -> Truth:
        """The truth of what names nothing of a request."""
        if part.id not in self._folded:
            names_nothing = not any(kind(one) == "name" for one in parts(part))
            found = Folding(self._checked).of(part) if names_nothing else None
            self._folded[part.id] = None if found not in (_FALSE, _TRUE) else found == _TRUE
        return self._folded[part.id]


def compared_texts(part: Any) -> tuple[str, tuple[str, ...], bool] | None:
    """Return the attribute that ``part`` compares with texts, the texts, and whether it is to be one of them.

    None if it is no such comparison.
    """
    if kind(part) != "call" or len(part.call.arguments) != 2:
        return None
    function, (one, other) = part.call.function, part.call.arguments
    if function in ("_==_", "_!=_"):
        attribute, text = (one, other) if other.constant.HasField("text") else (other, one)
        name = name_of(attribute)
        if name and text.constant.HasField("text"):
            return name, (text.constant.text,), function == "_==_"
    if function == "@in" and kind(other) == "list":
        elements = other.list.elements
        name = name_of(one)
        if name and all(element.constant.HasField("text") for element in elements):
            return name, tuple(element.constant.text for element in elements), True
    return None


def name_of(part: Any) -> str:
    """Return the name of an attribute, such as ``request.method``.

    Headers by their names are ``request.headers.x-user``. Empty for anything else.
    """
    if kind(part) == "name":
        return str(part.name.name)
    if kind(part) == "select" and not part.select.test_only:
        above = name_of(part.select.operand)
        return above and f"{above}.{part.select.field}"
    if kind(part) == "call" and part.call.function == "_[_]":
        among, name = part.call.arguments
        if name_of(among) == "request.headers" and name.constant.HasField("text"):
            return f"request.headers.{name.constant.text.lower()}"
    return ""


def conjuncts(part: Any) -> Iterator[Any]:
    """Yield the parts of ``part`` all of which have to hold."""
    if kind(part) == "call" and part.call.function == "_&&_":
        for one in part.call.arguments:
            yield from conjuncts(one)
    else:
        yield part


def selector_truth(condition: SelectorCondition, of: Reaching) -> Truth:
    """Tell whether a condition of v1beta2 holds for the requests ``of``."""
    name, value = condition.selector, condition.value
    match condition.operator:
        case "eq":
            return of.equals(name, value)
        case "neq":
            return negated(of.equals(name, value))
        case "startswith":
            return of.starts_with(name, value)
        case "endswith":
            return of.ends_with(name, value)
    return None


def both(truths: Iterable[Truth]) -> Truth:
    """Tell whether all of ``truths`` are so."""
    found = tuple(truths)
    return False if False in found else None if None in found else True


def negated(truth: Truth) -> Truth:
    """The other way round."""
    return None if truth is None else not truth
