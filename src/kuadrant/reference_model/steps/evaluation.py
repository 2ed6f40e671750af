"""Evaluates programs and counts what that takes, as ``cel/evaluator.zig`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.expressions import program_nodes
from kuadrant.reference_model.steps.budget import Growth
from kuadrant.reference_model.steps.functions import call, index, optional_index, some
from kuadrant.reference_model.steps.patterns import matches
from kuadrant.reference_model.steps.program import COMPARISON, CONSTANT
from kuadrant.reference_model.steps.values import ENTRY, MAP, VALUE, Failure, Map, Optional, equal, is_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.reference_model.steps.budget import Work
    from kuadrant.reference_model.steps.program import Node, Program

_OF_NODE: Final = 2
_UNCHARGED: Final = frozenset({program_nodes.BOTH, program_nodes.EITHER, COMPARISON})
_KEPT: Final = 32
"""The bytes of a place for a value that there may be none of."""


def evaluated(
    program: Program,
    read: Callable[[Work, int | str], tuple[Any, ...]],
    work: Work,
    noted: dict[int, int] | None = None,
) -> Any:
    """Return the value of ``program``, which may be a ``Failure``, and take what that takes of ``work``.

    ``read`` gives the value of an attribute, nothing if the request has none. What each node takes, with all
    that it is made of, is added to ``noted``.

    Raises:
        SpentError: It takes more than there is.
    """
    return _Evaluation(program, read, work, noted).of(len(program.nodes) - 1)


class _Evaluation:
    def __init__(
        self,
        program: Program,
        read: Callable[[Work, int | str], tuple[Any, ...]],
        work: Work,
        noted: dict[int, int] | None,
    ) -> None:
        self._noted = noted
        self._program = program
        self._read = read
        self._work = work
        work.allocate(_KEPT, program.kept)
        work.allocate(VALUE, program.variables)
        self._kept: dict[int, Any] = {}
        self._variables: list[Any] = [Failure.OTHER] * program.variables

    def of(self, number: int) -> Any:
        node = self._program.nodes[number]
        before = self._work.steps
        try:
            if node.kind not in _UNCHARGED:
                self._work.take(_OF_NODE)
            return _FORMS[node.kind](self, node)
        finally:
            if self._noted is not None:
                self._noted[number] = self._noted.get(number, 0) + before - self._work.steps

    def attribute(self, node: Node) -> Any:
        found = self._read(self._work, self._program.attributes[node.rest])
        match node.kind:
            case program_nodes.ATTRIBUTE:
                return found[0] if found else Failure.OTHER
            case program_nodes.ATTRIBUTE_PRESENT:
                return bool(found)
        return some(self._work, found[0]) if found else Optional()

    def variable(self, node: Node) -> Any:
        return self._variables[node.rest]

    def select(self, node: Node) -> Any:
        container = self.of(node.parts[0])
        if isinstance(container, Failure):
            return container
        inner = container.inner[0] if isinstance(container, Optional) and container.inner else container
        if not isinstance(inner, Map | Optional) or (inner is not container and not isinstance(inner, Map)):
            return Failure.OTHER
        return index(self._work, container, node.rest)

    def present(self, node: Node) -> Any:
        container = self.of(node.parts[0])
        if isinstance(container, Optional):
            if not container.inner:
                return False
            container = container.inner[0]
        if isinstance(container, Failure):
            return container
        return bool(container.find(self._work, node.rest)) if isinstance(container, Map) else Failure.OTHER

    def select_optional(self, node: Node) -> Any:
        container = self.of(node.parts[0])
        if isinstance(container, Optional):
            if not container.inner:
                return container
            container = container.inner[0]
        if isinstance(container, Failure):
            return container
        is_map = isinstance(container, Map)
        return optional_index(self._work, container, node.rest) if is_map else Failure.OTHER

    def logic(self, node: Node) -> Any:
        decisive = node.kind == program_nodes.EITHER
        self._work.take(_OF_NODE)
        left = self.of(node.parts[0])
        if left is decisive:
            return left
        right = self.of(node.parts[1])
        if right is decisive:
            return right
        failed = next((one for one in (left, right) if isinstance(one, Failure)), None)
        if failed is not None:
            return failed
        return right if isinstance(left, bool) and isinstance(right, bool) else Failure.OTHER

    def comparison(self, node: Node) -> Any:
        self._work.take(2 * _OF_NODE)
        found = self.of(node.parts[0])
        function, text = node.rest
        if isinstance(found, Failure):
            return found
        if type(found) is not bytes:
            return {8: False, 9: True}.get(function, Failure.OTHER)
        match function:
            case 8:
                return equal(self._work, found, text)
            case 9:
                return not equal(self._work, found, text)
        return call(self._work, function, [found, text])

    def choice(self, node: Node) -> Any:
        way = self.of(node.parts[0])
        if isinstance(way, bool):
            return self.of(node.parts[1 if way else 2])
        return way if isinstance(way, Failure) else Failure.OTHER

    def list(self, node: Node) -> Any:
        self._work.allocate(VALUE, len(node.parts))
        values = []
        for part, is_optional in zip(node.parts, node.rest, strict=True):
            found = self.of(part)
            if isinstance(found, Failure):
                return found
            if not is_optional:
                values.append(found)
            elif isinstance(found, Optional):
                values += found.inner
            else:
                return Failure.OTHER
        return values

    def map(self, node: Node) -> Any:
        self._work.allocate(ENTRY, len(node.rest))
        self._work.allocate(MAP)
        result = Map([])
        for key_part, part, is_optional in zip(node.parts[::2], node.parts[1::2], node.rest, strict=True):
            key = self.of(key_part)
            if isinstance(key, Failure) or not is_key(key):
                return key if isinstance(key, Failure) else Failure.OTHER
            found = self.of(part)
            if isinstance(found, Failure):
                return found
            if is_optional:
                if not isinstance(found, Optional):
                    return Failure.OTHER
                if not found.inner:
                    continue
                found = found.inner[0]
            if result.exactly(self._work, key):
                return Failure.OTHER
            result.entries.append((key, found))
        return result

    def range(self, node: Node) -> Any:
        found = self.of(node.parts[0])
        if isinstance(found, Map):
            return [key for key, _ in found.entries]
        return found if isinstance(found, list | Failure) else Failure.OTHER

    def search(self, node: Node) -> Any:
        decisive = node.kind == program_nodes.EXISTS
        items = self.range(node)
        if isinstance(items, Failure):
            return items
        result: Any = not decisive
        for item in items:
            self._variables[node.rest] = item
            found = self.of(node.parts[1])
            if found is decisive:
                return decisive
            if isinstance(result, bool) and not isinstance(found, bool):
                result = found if isinstance(found, Failure) else Failure.OTHER
        return result

    def exists_one(self, node: Node) -> Any:
        items = self.range(node)
        if isinstance(items, Failure):
            return items
        count = 0
        for item in items:
            self._variables[node.rest] = item
            found = self.of(node.parts[1])
            if not isinstance(found, bool):
                return found if isinstance(found, Failure) else Failure.OTHER
            count += found
        return count == 1

    def mapped(self, node: Node) -> Any:
        items = self.range(node)
        if isinstance(items, Failure):
            return items
        growth = Growth(self._work, VALUE)
        result = []
        for item in items:
            self._variables[node.rest] = item
            if node.kind == program_nodes.MAPPED_WHERE:
                holds = self.of(node.parts[1])
                if holds is False:
                    continue
                if holds is not True:
                    return holds if isinstance(holds, Failure) else Failure.OTHER
            found = self.of(node.parts[-1])
            if isinstance(found, Failure):
                return found
            growth.append()
            result.append(found)
        return result

    def let(self, node: Node) -> Any:
        self._variables[node.rest] = self.of(node.parts[0])
        return self.of(node.parts[1])

    def keep(self, node: Node) -> Any:
        if node.rest not in self._kept:
            self._kept[node.rest] = self.of(node.parts[0])
        return self._kept[node.rest]

    def call(self, node: Node) -> Any:
        arguments = [self.of(part) for part in node.parts]
        failed = next((one for one in arguments if isinstance(one, Failure)), None)
        return call(self._work, node.rest, arguments) if failed is None else failed

    def matches(self, node: Node) -> Any:
        subject = self.of(node.parts[0])
        if type(subject) is not bytes:
            return subject if isinstance(subject, Failure) else Failure.OTHER
        anchored, instructions = node.rest
        return matches(anchored, instructions, subject.decode(errors="replace"), self._work)

    def or_else(self, node: Node) -> Any:
        first = self.of(node.parts[0])
        whole = node.kind == program_nodes.OR_VALUE
        if not isinstance(first, Optional):
            return first if isinstance(first, Failure) else Failure.OTHER
        if first.inner:
            return first.inner[0] if whole else first
        second = self.of(node.parts[1])
        return second if whole or isinstance(second, Failure | Optional) else Failure.OTHER


_FORMS: Final[dict[int, Callable[[_Evaluation, Node], Any]]] = {
    CONSTANT: lambda _, node: node.rest,
    COMPARISON: _Evaluation.comparison,
    program_nodes.ATTRIBUTE: _Evaluation.attribute,
    program_nodes.ATTRIBUTE_PRESENT: _Evaluation.attribute,
    program_nodes.ATTRIBUTE_OPTIONAL: _Evaluation.attribute,
    program_nodes.LOCAL: _Evaluation.variable,
    program_nodes.SELECT: _Evaluation.select,
    program_nodes.PRESENT: _Evaluation.present,
    program_nodes.SELECT_OPTIONAL: _Evaluation.select_optional,
    program_nodes.BOTH: _Evaluation.logic,
    program_nodes.EITHER: _Evaluation.logic,
    program_nodes.CHOICE: _Evaluation.choice,
    program_nodes.LIST: _Evaluation.list,
    program_nodes.MAP: _Evaluation.map,
    program_nodes.ALL: _Evaluation.search,
    program_nodes.EXISTS: _Evaluation.search,
    program_nodes.EXISTS_ONE: _Evaluation.exists_one,
    program_nodes.MAPPED: _Evaluation.mapped,
    program_nodes.MAPPED_WHERE: _Evaluation.mapped,
    program_nodes.LET: _Evaluation.let,
    program_nodes.KEEP: _Evaluation.keep,
    program_nodes.CALL: _Evaluation.call,
    program_nodes.MATCHES: _Evaluation.matches,
    program_nodes.OR_OPTIONAL: _Evaluation.or_else,
    program_nodes.OR_VALUE: _Evaluation.or_else,
}
