"""What expressions mean, by the language's definition: conformance.txt, in the module and in Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .evaluations import ERROR, compiled, of_google, of_module

if TYPE_CHECKING:
    from .program_runner import Runner

pytestmark = pytest.mark.slow

TABLE = Path(__file__).with_name("conformance.txt")
CASES = [tuple(line.split("  =>  ")) for line in TABLE.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_the_value(runner: Runner, expression: str, expected: str) -> None:
    google, program = compiled(expression, fold=False)
    _, folded = compiled(expression, fold=True)
    wanted = ERROR
    if expected != "error":
        wanted = of_google(compiled(expected, fold=False)[0], {})
    assert repr(of_google(google, {})) == repr(wanted)
    assert repr(of_module(runner.evaluate(program))) == repr(wanted)
    assert repr(of_module(runner.evaluate(folded))) == repr(wanted)
