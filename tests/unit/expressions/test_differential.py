"""The module evaluates as Google's CEL does, whatever the expression and the request."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from kuadrant.expressions.outside import OutsideError

from .evaluations import ENDED, ERROR, UNREADABLE, attributes, compiled, of_activation, of_google, of_module
from .generated_expressions import Expressions, request

if TYPE_CHECKING:
    from tests.conftest import Fuzz

    from .program_runner import Runner

pytestmark = pytest.mark.slow

PAIRS = 10_000
REQUESTS = 5
"""So many for each expression."""


def test_fuzz_expressions_and_requests(runner: Runner, fuzz: Fuzz) -> None:
    source = random.Random(fuzz.seed)
    expressions = Expressions(source)
    done = 0
    while done < PAIRS * fuzz.scale:
        text = expressions.make()
        try:
            google, program = compiled(text, fold=source.random() < 0.3)
        except (OutsideError, RuntimeError):
            continue
        for _ in range(REQUESTS):
            one = request(source)
            wanted = of_google(google, of_activation(one))
            found = of_module(runner.evaluate(program, attributes(one)))
            if wanted in (UNREADABLE, ENDED) or (wanted == ERROR and "substring(" in text):
                # Google's fails, as no definition says, where a part ends with its text.
                continue
            assert repr(found) == repr(wanted), f"{text}\n{one}\nFUZZ_SEED={fuzz.seed}"
            done += 1
    fuzz.done("pairs of an expression and a request", done)
