"""The steps of a regular expression over a text are those that the module takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.expressions.regular_automaton import automaton
from kuadrant.reference_model.pattern_steps import MOST_STEPS, counted, steps

from .evaluations import compiled
from .largest_request import STEPS
from .program_runner import Outcome

if TYPE_CHECKING:
    from .program_runner import Runner

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
OVERHEAD = 4
"""What the text and the node take."""


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_steps_are_those_of_the_module(pattern: str, runner: Runner) -> None:
    _, program = compiled(f"request.path.matches(r'''{pattern}''')", fold=False)
    others = set()
    for text in TEXTS:
        runner.evaluate(program, {("request", "path"): text})
        found = counted(*automaton(pattern), text, most=1 << 60)
        others.add(runner.taken[0] - found)
    assert min(others) >= 0
    assert max(others) - min(others) <= OVERHEAD + max(map(len, TEXTS)) // 32, others


@pytest.mark.parametrize("length", [1000, 3000, 5000, 8000, 20000])
def test_what_the_module_ends_is_known_before(length: int, runner: Runner) -> None:
    pattern, text = "^(/a+)*(a|b)+x$", "/" + "a" * length
    _, program = compiled(f"request.path.matches('{pattern}')", fold=False)
    ended = runner.evaluate(program, {("request", "path"): text}, steps=STEPS) == Outcome.TOO_MUCH
    assert (steps(pattern, text) > MOST_STEPS) == ended
