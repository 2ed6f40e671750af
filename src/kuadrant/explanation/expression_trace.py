"""Tells what each part of an expression is for a request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.explanation.failure_words import is_absent, no_cost, plain, why
from kuadrant.explanation.host_moments import beyond
from kuadrant.explanation.knowledge import attribute, children, read_by
from kuadrant.explanation.masked_values import MASK
from kuadrant.explanation.record import Fact, Part
from kuadrant.explanation.source_text import SourceText
from kuadrant.expressions import programs
from kuadrant.policy.checked_expression import TooDeepError, is_binding, kind
from kuadrant.policy.expression_error import position
from kuadrant.reference_model.conditions import costs
from kuadrant.reference_model.evaluation_end import TooMuchError
from kuadrant.reference_model.expressions import EvaluationError, Optional, tree
from kuadrant.reference_model.header_names import is_lowering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kuadrant.explanation.knowledge import Knowledge
    from kuadrant.policy.condition import Cost
    from kuadrant.reference_model.expressions import Expressions

_MOST_PARTS: Final = 64
"""So many parts of an expression are told; who reads more reads the expression."""
_LONGEST_VALUE: Final = 200
_ABSENT: Final = "optional.none(), as it is absent"
_ALL_HEADERS: Final = ("request", "headers")


class Unknown(Exception):  # noqa: N818 - nothing is wrong, it is only not known
    """Stands for an expression that depends on facts that are not known."""

    def __init__(self, facts: tuple[Fact, ...]) -> None:
        super().__init__(", ".join(fact.name for fact in facts))
        self.facts = facts


class Traced(Struct, frozen=True, gc=False):
    """The value of an expression for a request, or why there is none, and what its parts are.

    ``missing`` are facts that are not known and would be needed. ``error`` and ``shown`` tell nothing that is
    masked. ``ends`` tells that the module ends the evaluation, whatever else there is.
    """

    value: object = None
    shown: str | None = None
    error: str | None = None
    missing: tuple[Fact, ...] = ()
    parts: tuple[Part, ...] = ()
    ends: bool = False


def traced_predicate(expression: str, expressions: Expressions, knowledge: Knowledge) -> Traced:
    """Evaluate a predicate and its parts."""
    return _traced(
        expression, expressions, knowledge, lambda: expressions.holds(expression), programs.predicate
    )


def traced_counter(expression: str, expressions: Expressions, knowledge: Knowledge) -> Traced:
    """Evaluate what a limit counts by, as a text, and its parts."""
    return _traced(expression, expressions, knowledge, lambda: expressions.text(expression), programs.value)


def traced_cost(cost: Cost, expressions: Expressions, knowledge: Knowledge) -> Traced:
    """Evaluate how many hits a request is, and the parts of what says it."""
    found = _traced(
        cost.expression,
        expressions,
        knowledge,
        lambda: costs(cost, expressions),
        lambda _: programs.value(cost.hits),
    )
    if found.error is None or found.ends:
        return found
    value = traced_counter(cost.expression, expressions, knowledge)
    return found if value.shown is None else replace(found, error=no_cost(str(value.value), value.shown))


def _traced(
    expression: str,
    expressions: Expressions,
    knowledge: Knowledge,
    whole: Any,
    program: Callable[[str], str | None],
) -> Traced:
    try:
        checked = tree(expression)
    except (EvaluationError, TooDeepError):
        # Its parts cannot be looked at; what it is as a whole is known all the same.
        return _outcome(whole, (), hidden=not knowledge.show_values)
    tracer = _Tracer(expression, checked, expressions, knowledge)
    parts = tuple(tracer.parts())
    missing = knowledge.missing(read_by(checked.expression))
    if missing:
        try:
            expressions.foresee(expression, program)
        except TooMuchError:
            # With what is not known it may take less.
            return Traced(missing=missing, parts=parts)
        return _by_the_rest(tracer, checked.expression, missing, parts)
    hidden = knowledge.hides(read_by(checked.expression))
    found = _outcome(whole, parts, tracer, hidden=hidden)
    fails = found.error is not None and not found.ends
    # Where there is no such moment the gateway's own evaluator goes on.
    if fails and program(expression) is None and (part := beyond(checked, tracer.value)):
        fact = Fact(name=f"what the gateway takes {_cut(part)} for, which is out of range", give="")
        return Traced(missing=(fact,), parts=parts)
    return found


def _by_the_rest(tracer: _Tracer, whole: Any, missing: tuple[Fact, ...], parts: tuple[Part, ...]) -> Traced:
    """What is known of an expression of which something is ``missing``."""
    try:
        known = tracer.value(whole)
    except Unknown as unknown:
        return Traced(missing=unknown.facts, parts=parts)
    except EvaluationError:
        return Traced(missing=missing, parts=parts)
    if not isinstance(known, bool):
        return Traced(missing=missing, parts=parts)
    # Decided by what is known.
    return Traced(known, _shown(known), parts=parts)


def _outcome(whole: Any, parts: tuple[Part, ...], tracer: _Tracer | None = None, *, hidden: bool) -> Traced:
    try:
        value = whole()
    except TooMuchError as error:
        return Traced(error=str(error), parts=parts, ends=True)
    except EvaluationError as error:
        words = tracer.failure(str(error)) if tracer else ""
        return Traced(error=words or (MASK if hidden else _words(str(error))), parts=parts)
    shown = MASK if hidden and not isinstance(value, bool) else _cut(str(value))
    return Traced(value, shown, parts=parts)


class _Tracer:
    """The parts of one expression, each evaluated once."""

    def __init__(self, text: str, checked: Any, expressions: Expressions, knowledge: Knowledge) -> None:
        self._text = text
        self._checked = checked
        self._expressions = expressions
        self._knowledge = knowledge
        self._source = SourceText(text, checked)
        self._found: dict[int, object] = {}
        self._missing: dict[int, tuple[Fact, ...]] = {}

    def parts(self) -> Iterator[Part]:
        """Return what is told of the parts, the outermost first, each text once."""
        told: set[tuple[int, str]] = set()
        collected: list[Part] = []
        for part, needed in self._worth_telling(self._checked.expression, needed=True):
            offset, text = self._source.of(part)
            if text and (offset, text) not in told:
                told.add((offset, text))
                one = self._told(part, offset, text, needed=needed)
                if one is not None:
                    collected.append(one)
            if len(collected) == _MOST_PARTS:
                break
        yield from collected

    def value(self, part: Any) -> Any:
        """Return what a part is, also if some of what it reads is not known, where the rest decides.

        Raises:
            Unknown: The rest does not.
            EvaluationError: It fails.
        """
        missing = self._missing_for(part)
        if not missing:
            return self._evaluated(part)
        operands = [*part.call.arguments]
        match part.call.function:
            case "_&&_":
                return self._decided_by(operands, missing, decisive=False)
            case "_||_":
                return self._decided_by(operands, missing, decisive=True)
            case "!_":
                return self._negated(operands[0], missing)
            case "_?_:_":
                return self.value(operands[1] if self.value(operands[0]) is True else operands[2])
            case _:
                raise Unknown(missing)

    def _decided_by(self, operands: list[Any], missing: tuple[Fact, ...], *, decisive: bool) -> bool:
        for operand in operands:
            try:
                value: object = self.value(operand)
            except (Unknown, EvaluationError):
                continue
            if value is decisive:
                return decisive
        raise Unknown(missing)

    def _negated(self, operand: Any, missing: tuple[Fact, ...]) -> bool:
        value: object = self.value(operand)
        if isinstance(value, bool):
            return not value
        raise Unknown(missing)

    def _missing_for(self, part: Any) -> tuple[Fact, ...]:
        if part.id not in self._missing:
            self._missing[part.id] = self._knowledge.missing(read_by(part)) if self._knowledge.unknown else ()
        return self._missing[part.id]

    def _evaluated(self, part: Any) -> object:
        if part.id not in self._found:
            try:
                self._found[part.id] = self._expressions.value(self._checked, part)
            except EvaluationError as error:
                self._found[part.id] = error
        found = self._found[part.id]
        if isinstance(found, EvaluationError):
            raise found
        return found

    def _worth_telling(self, part: Any, *, needed: bool) -> Iterator[tuple[Any, bool]]:
        """Yield parts that have a value by themselves, with whether it had a say."""
        if is_lowering(part):
            part = part.call.arguments[0]
        path = attribute(part)
        if path is not None:
            yield part, needed
            return
        below = children(part)
        if kind(part) in ("select", "call", "comprehension"):
            yield part, needed
        if kind(part) == "comprehension":
            # What is in the loop has another value each time. With `cel.bind` there is none to go over.
            loop = part.comprehension
            below = [loop.start if is_binding(loop) else loop.range]
        decisive = {"_&&_": False, "_||_": True}.get(part.call.function)
        settled = decisive is not None and any(self._known(one) is decisive for one in below)
        for number, one in enumerate(below):
            had_a_say = needed
            if settled:
                had_a_say = needed and self._known(one) is decisive
            elif part.call.function == "_?_:_" and number:
                had_a_say = needed and self._known(below[0]) is (number == 1)
            yield from self._worth_telling(one, needed=had_a_say)

    def _known(self, part: Any) -> object:
        try:
            return self.value(part)
        except (Unknown, EvaluationError):
            return None

    def _value_or_none(self, part: Any) -> object:
        """What a part is by what is known of the request, of whose headers only the names are told."""
        try:
            return self._evaluated(part)
        except EvaluationError:
            return None

    def _told(self, part: Any, offset: int, text: str, *, needed: bool) -> Part | None:
        paths = read_by(part)
        reads = attribute(part) is not None
        if attribute(part) == _ALL_HEADERS:
            # What of them counts is told where it is asked for.
            return None
        hidden = self._knowledge.hides(paths)
        try:
            value = self.value(part)
        except Unknown as unknown:
            why = str(unknown)
            return Part(text=text, offset=offset, unknown=why, needed=needed, reads=reads)
        except EvaluationError as error:
            words = self._error(part, str(error), hidden=hidden)
            return Part(text=text, offset=offset, error=words, needed=needed, reads=reads)
        if reads and isinstance(value, dict):
            return None
        if reads and isinstance(value, Optional) and not value.inner:
            shown = _ABSENT  # which tells no value
        else:
            shown = MASK if hidden and not isinstance(value, bool) else _shown(value)
        return Part(text=text, offset=offset, value=shown, needed=needed, reads=reads)

    def failure(self, text: str) -> str:
        """The words for a failure of the whole, with its place; empty where nothing of it fails so."""
        part = self._origin(self._checked.expression, text)
        if part is None:
            return ""
        words = self._error(part, text, hidden=self._knowledge.hides(read_by(part)))
        offset, _ = self._source.of(part)
        if not offset or words == MASK:
            return words
        place = "line {}, column {}".format(*position(self._text, offset))
        return f"{words} ({place.removeprefix('line 1, ')})"

    def _origin(self, part: Any, text: str) -> Any:
        """The innermost part that fails with these words; None if ``part`` does not."""
        try:
            self.value(part)
        except EvaluationError as error:
            if str(error) != text:
                return None
        except Unknown:
            return None
        else:
            return None
        found = (self._origin(one, text) for one in children(part))
        return next((one for one in found if one is not None), part)

    def _error(self, part: Any, text: str, *, hidden: bool) -> str:
        """The words for a failure, which tell nothing that is masked."""
        origin = self._origin(part, text)
        if origin is None:
            return MASK if hidden else _words(text)
        below = [path for one in children(origin) for path in read_by(one)]
        words = why(origin, text, self._value_or_none, hides=self._knowledge.hides(below))
        if words:
            return _cut(words)
        path = attribute(origin)
        if path is not None and is_absent(text):
            return f"the request has no {'.'.join(path)}"
        return MASK if self._knowledge.hides(read_by(origin)) else _words(text)


def _words(text: str) -> str:
    return _cut(plain(text))


def _shown(value: object) -> str:
    if isinstance(value, Optional):
        return f"optional.of({_shown(value.inner[0])})" if value.inner else "optional.none()"
    if isinstance(value, str):
        return _cut(json.dumps(value, ensure_ascii=False))
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
