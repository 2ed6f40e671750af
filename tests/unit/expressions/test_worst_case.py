"""Steps say what an evaluation costs, whatever it does: so their number bounds its time.

Counted in instructions of the module, of which a processor of today does some 30 in a nanosecond.
"""

from __future__ import annotations

import re
from math import prod
from pathlib import Path

import pytest

from kuadrant.policy.expression_check import check_predicate
from tests.stand_ins import stand_in

from .evaluations import compiled
from .largest_request import COSTLY, LARGEST, MEMORY, STEPS
from .program_runner import Runner, written_attributes

INSTRUCTIONS = 320
"""Of a step, at most: 10 ns, so that all steps are half a millisecond."""
MODULE = Path(__file__).parents[3] / "wasm-shim" / "src" / "cel" / "work_budget.zig"
ATTRIBUTES = written_attributes(LARGEST)


@pytest.fixture(scope="module")
def counting() -> Runner:
    return Runner(stand_in("expressions"), counting=True)


def instructions(runner: Runner, program: bytes) -> int:
    """Of one evaluation, without those of reading the program and the request."""
    data = program + ATTRIBUTES

    def of(times: int) -> int:
        place = runner.write(data)
        before = runner.instructions
        runner.call("repeat", place, len(program), len(data), times, STEPS)
        return runner.instructions - before

    return of(2) - of(1)


def test_the_module_has_the_bounds_that_are_measured_here() -> None:
    told = dict(re.findall(r"const most_(steps|bytes) = ([0-9_* ]+);", MODULE.read_text()))
    assert {name: prod(map(int, text.split("*"))) for name, text in told.items()} == {
        "steps": STEPS,
        "bytes": MEMORY,
    }


@pytest.mark.parametrize("expression", COSTLY)
def test_no_step_is_too_cheap_for_what_it_does(counting: Runner, expression: str) -> None:
    check_predicate(expression)
    program = compiled(expression, fold=True)[1]
    counting.evaluate(program, LARGEST, steps=STEPS, memory=MEMORY)
    steps, memory = counting.taken
    assert steps <= STEPS
    assert memory <= MEMORY
    assert instructions(counting, program) <= INSTRUCTIONS * (steps + 20)


@pytest.mark.parametrize(
    ("expression", "request_"),
    [
        ("request.method == 'POST' && request.path.startsWith('/x')", {("request", "method"): "POST"}),
        (
            "queryMap(request.query)['a'] == 'A'",
            {("request", "query"): "&".join(["b=%41"] * 100 + ["a=%41"])},
        ),
        ("request.path.split('/').exists(x, x == 'b')", {("request", "path"): "/a" * 1000 + "/b"}),
        (
            "request.path.matches('^/api/v[0-9]+/users/[^/]+$')",
            {("request", "path"): "/api/v1/users/" + "a" * 900},
        ),
    ],
)
def test_what_honest_requests_bring_is_far_from_the_bound(
    runner: Runner, expression: str, request_: dict[tuple[str, ...], str]
) -> None:
    program = compiled(expression, fold=True)[1]
    whole = {("request", "path"): "/x", **request_}
    assert runner.evaluate(program, whole, steps=STEPS // 3, memory=MEMORY // 4) is True
