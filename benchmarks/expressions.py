"""What expressions cost.

As programs of the module against Envoy's own evaluator, and the worst that are admitted.

    .venv/bin/python -m benchmarks.expressions [--rounds N] [--seconds S] [--generated N]

The first half needs what benchmarks/shim.py needs, and measures as it does: a request with ten conditions,
none of which holds, so that nobody is asked. The second half makes expressions at random, besides those that
are known to be costly, leaves out those that no policy may have, and evaluates the others over the largest
request; it prints the ten that take most, with their steps, bytes, and the CPU time in one wasm runtime:
the least of several rounds, since others on the machine only add to it.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import shim
from kuadrant.expressions import programs
from kuadrant.expressions.not_evaluable import OutsideError
from kuadrant.policy.expression_check import check_predicate
from kuadrant.policy.expression_error import ExpressionError
from tests.stand_ins import stand_in
from tests.unit.expressions.evaluations import compiled
from tests.unit.expressions.generated_expressions import Expressions
from tests.unit.expressions.largest_request import COSTLY, LARGEST, MEMORY, STEPS
from tests.unit.expressions.program_runner import Runner, written_attributes

if TYPE_CHECKING:
    from collections.abc import Callable

CONDITIONS = 10
REPEATED = 5
ROUNDS = 12
SHOWN = 10


def predicates() -> list[str]:
    """Conditions of the usual kind, none of which holds."""
    return [
        f"request.method == 'GET' && request.path.startsWith('/x{number}') && request.host == 'a'"
        for number in range(CONDITIONS)
    ]


def filter_with(condition: Callable[[str], dict[str, Any]] | None) -> dict[str, Any]:
    """The module with a rule of ten limits, each with a condition."""
    limits = [
        {"when": [condition(text)], "entries": [{"key": "limit.a", "value": "1"}]}
        for text in predicates()
        if condition
    ]
    return shim.module_with(
        {
            "version": 1,
            "services": {"limiter": {"cluster": "limiter", "timeoutMs": 1000, "failureMode": "deny"}},
            "hosts": [
                {
                    "hostname": "*",
                    "rules": [
                        {"name": "r", "actions": [{"service": "limiter", "scope": "a/b", "limits": limits}]}
                    ],
                }
            ],
        }
    )


def compare(rounds: int, seconds: int) -> None:
    """Print what a condition costs in Envoy."""
    cases = {
        "no conditions": filter_with(None),
        "by the gateway": filter_with(lambda text: {"expression": text}),
        "by the module": filter_with(lambda text: {"program": programs.predicate(text)}),
    }
    with tempfile.TemporaryDirectory() as folder:
        found = shim.measure(Path(folder), cases, rounds, seconds, 16)
    base = found["no conditions"][0]
    print(f"{'':20}{'CPU us/request':>16}{'us/condition':>14}{'/ none':>9}")
    for name, (cpu, _) in found.items():
        print(f"{name:20}{cpu:16.2f}{(cpu - base) / CONDITIONS:14.3f}{cpu / base:9.2f}")


def _took(runner: Runner, data: bytes, length: int, rounds: int) -> tuple[float, bool]:
    """The least CPU seconds of an evaluation, and whether it came to an end."""
    least, ended = inf, 0
    for _ in range(rounds):
        place = runner.write(data)
        began = time.process_time()
        ended = runner.call("repeat", place, length, len(data), REPEATED, STEPS)
        least = min(least, (time.process_time() - began) / REPEATED)
    return least, ended == REPEATED


def worst(generated: int, seed: int) -> None:
    """Print the expressions that take most of those that a policy may have."""
    runner = Runner(stand_in("expressions"))
    source = random.Random(seed)
    expressions = Expressions(source)
    attributes = written_attributes(LARGEST)
    found: list[tuple[float, int, int, bool, bytes, int, str]] = []
    made = [f"dyn({expressions.make()}) == 1" for _ in range(generated)]
    for text in (*COSTLY, *made):
        try:
            check_predicate(text)
            _, program = compiled(text, fold=True)
        except (ExpressionError, OutsideError, RuntimeError):
            continue
        data = program + attributes
        runner.evaluate(program, LARGEST, steps=STEPS, memory=MEMORY)
        steps, memory = runner.taken
        took, ended = _took(runner, data, len(program), 1)
        found.append((took, steps, memory, ended, data, len(program), text))
    again = [
        (*_took(runner, data, length, ROUNDS), steps, memory, text)
        for _, steps, memory, _, data, length, text in sorted(found, reverse=True)[: 3 * SHOWN]
    ]
    print(f"{len(found)} admitted of {len(made) + len(COSTLY)}")
    for took, ended, steps, memory, text in sorted(again, reverse=True)[:SHOWN]:
        print(
            f"{took * 1e6:8.0f} us {steps:7} steps {memory:8} bytes {'' if ended else 'ended '}{text[:200]}"
        )


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument(
        "--seconds", type=int, default=2, help="of load, per case and round; 0 leaves Envoy out"
    )
    parser.add_argument("--generated", type=int, default=20_000, help="expressions; 0 leaves them out")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.seconds:
        compare(options.rounds, options.seconds)
    if options.generated:
        worst(options.generated, options.seed)


if __name__ == "__main__":
    main()
