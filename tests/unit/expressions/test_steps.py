"""What an evaluation takes by the reference model is what the module takes: the same steps and bytes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.expressions import compiler
from kuadrant.expressions.attribute_numbers import NUMBERS
from kuadrant.expressions.not_evaluable import OutsideError
from kuadrant.policy import untyped_expression
from kuadrant.policy.checked_expression import read as checked
from kuadrant.reference_model.steps.budget import MOST_BYTES, SpentError, Work
from kuadrant.reference_model.steps.evaluation import evaluated
from kuadrant.reference_model.steps.program import read
from kuadrant.reference_model.steps.values import Map, Octets
from kuadrant.reference_model.steps.values import Uint as OwnUint

from .evaluations import attributes
from .generated_expressions import Expressions, request
from .largest_request import COSTLY, LARGEST
from .program_runner import Outcome, Uint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.conftest import Fuzz

    from .program_runner import Runner

PAIRS = 4000
PATTERNS = (
    "(a|b)*c",
    "^/a+$",
    "[a-z/]{1,20}x",
    "x?a{3}|b+$",
    r"\bab\b",
    "(?i)AB.*z",
    "(?m)^b$",
    "[^a]",
    "",
    "^",
    "é+",
    r"(a+)+b\B",
)
TEXTS = ("", "a", "/aab/abc" * 40, "ab " * 300, "é" * 200, "b\nb\n" * 50, "/" + "a" * 400, "zé_b" * 90)


def own(value: Any, *, headers: bool = False) -> Any:
    match value:
        case str():
            return value.encode()
        case bytes():
            return Octets(value)
        case Uint(number):
            return OwnUint(number)
        case list():
            return [own(one) for one in value]
        case dict():
            return Map([(own(key), own(one)) for key, one in value.items()], headers)
    return value


def reading(given: Mapping[tuple[str, ...], Any]) -> Callable[[Work, int | str], tuple[Any, ...]]:
    """What the runner gives for an attribute, for a step."""
    by_name: dict[int | str, Any] = {
        NUMBERS[path] if path in NUMBERS else path[2]: own(value, headers=path == ("request", "headers"))
        for path, value in given.items()
    }

    def read_(work: Work, name: int | str) -> tuple[Any, ...]:
        work.take(1)
        return (by_name[name],) if name in by_name else ()

    return read_


def program_of(expression: str) -> bytes | None:
    try:
        return compiler.predicate(checked(untyped_expression.compiled(expression).serialize()))
    except (OutsideError, RuntimeError):
        return None


def taken(program: bytes, given: Mapping[tuple[str, ...], Any], steps: int) -> tuple[int, int] | None:
    work = Work(steps, MOST_BYTES)
    try:
        evaluated(read(program), reading(given), work)
    except SpentError:
        return None
    return steps - work.steps, MOST_BYTES - work.bytes


def by_module(
    runner: Runner, program: bytes, given: Mapping[tuple[str, ...], Any], steps: int
) -> tuple[int, int] | None:
    return None if runner.evaluate(program, given, steps=steps) == Outcome.TOO_MUCH else runner.taken


@pytest.mark.parametrize("expression", COSTLY)
def test_what_costs_takes_as_much(expression: str, runner: Runner) -> None:
    program = program_of(expression)
    assert program is not None
    for steps in (1_000_000, 50_000):
        assert taken(program, LARGEST, steps) == by_module(runner, program, LARGEST, steps)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_regular_expression_takes_as_much(pattern: str, runner: Runner) -> None:
    program = program_of(f"request.path.matches(r'''{pattern}''')")
    assert program is not None
    for text in TEXTS:
        given: dict[tuple[str, ...], Any] = {("request", "path"): text}
        assert taken(program, given, 1_000_000) == by_module(runner, program, given, 1_000_000), text


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_expressions_at_random_take_as_much(runner: Runner, fuzz: Fuzz) -> None:
    source = random.Random(fuzz.seed)
    expressions = Expressions(source)
    done = 0
    while done < PAIRS * fuzz.scale:
        expression = expressions.make()
        program = program_of(expression)
        # Python's moments have no nanoseconds.
        if program is None or "1ns" in expression:
            continue
        for _ in range(3):
            given = attributes(request(source))
            own_count = taken(program, given, 1_000_000)
            assert own_count == by_module(runner, program, given, 1_000_000), (fuzz.seed, expression, given)
            done += 1
    fuzz.done("pairs of an expression and a request, of which steps and bytes were counted", done)
