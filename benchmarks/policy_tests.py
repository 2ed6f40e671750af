"""What tests of policies cost: simulated requests a second, against ``decide`` alone in the same run.

    .venv/bin/python -m benchmarks.policy_tests [--policies 1000] [--requests 20000] [--rounds 5]

As many routes, each with a host name and a policy of its own whose predicate and counter are expressions, and
one test for each, so that every policy is asked for. The peer is ``decide`` with the same requests, programs
and counters: with the whole program, as it is without a room of its own for tests, and with the part of it
that is for the request's host name, which is the least that there is to do. Times are CPU time; of all rounds
the best counts.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING

from benchmarks.compile import gateway, policy, route
from kuadrant.api import documents
from kuadrant.compiler import Compilation, Compiler
from kuadrant.policy_tests import LoadedPolicies, PolicyTestFile, read, simulate_file
from kuadrant.policy_tests.seen_request import SeenRequest
from kuadrant.policy_tests.simulated_gateway import SimulatedGateway
from kuadrant.reference_model import Counters, decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.api.documents import Folder
    from kuadrant.reference_model import Request

GOAL = 5000
WHOLE_REQUESTS = 500
"""The whole program takes long."""


def loaded(policies: int, compiler: Compiler) -> tuple[Folder, Compilation]:
    """A folder of so many policies, read and compiled."""
    objects = [gateway(0)]
    objects += (
        made for number in range(policies) for made in (route(number, 1), policy(number, f"t{number}"))
    )
    folder = documents.read((f"{number}.yaml", json.dumps(one)) for number, one in enumerate(objects))
    assert not folder.problems, folder.problems[:3]
    return folder, compiler.compile(folder.objects)


def tests(policies: int, times: int) -> PolicyTestFile:
    """One test for each policy: five requests are admitted, and the others are over the limit."""
    cases = [
        {
            "name": f"policy {number}",
            "steps": [
                {
                    "request": {
                        "host": f"app-{number}.example.com",
                        "path": "/toys",
                        "headers": {"x-tenant": f"t{number}", "x-user": "alice"},
                    },
                    "times": times,
                    "expect": {"status": "200x5 then 429", "limitedBy": "requests", "remaining": 0},
                }
            ],
        }
        for number in range(policies)
    ]
    file = read("benchmark", json.dumps({"tests": cases}))
    assert isinstance(file, PolicyTestFile), file[:3]
    return file


def seconds(work: Callable[[], object], rounds: int) -> float:
    """The CPU seconds of the best of so many rounds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def sent(file: PolicyTestFile) -> list[list[Request]]:
    """The requests of each test, as the gateway sees them."""
    found = []
    for case in file.tests.tests:
        (step,) = case.steps
        assert step.request is not None
        seen = SeenRequest(step.request, 80, "http")
        found.append([seen.sent(number, 0) for number in range(step.times or 1)])
    return found


def decided(compilation: Compilation, requests: list[list[Request]]) -> None:
    """Ask ``decide`` with the whole program."""
    (program,) = compilation.programs
    for case in requests:
        counters = Counters(compilation.limits)
        for request in case:
            counters = decide(program, request, counters, 0.0).counters


def decided_by_parts(asked: SimulatedGateway, requests: list[list[Request]]) -> None:
    """Ask ``decide`` with the part of the program that is for each host name, which is found before."""
    for case in requests:
        part = asked.parts.of(case[0].host)
        counters = Counters(part.limits)
        for request in case:
            counters = decide(part.program, request, counters, 0.0).counters


def main() -> None:
    """Measure, and print a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--policies", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    times = max(6, given.requests // given.policies)
    began = time.process_time()
    compiler = Compiler()
    folder, compilation = loaded(given.policies, compiler)
    policies = LoadedPolicies(folder, compilation, compiler.origins, "deny")
    file = tests(given.policies, times)
    asked = policies.gateway_of(file)
    assert isinstance(asked, SimulatedGateway)
    loading = time.process_time() - began
    print(f"{given.policies} policies and as many tests, read and compiled once: {loading:.1f} s")
    assert not any(case.misses for case in simulate_file(file, asked).cases)
    count = given.policies * times
    simulated = seconds(lambda: simulate_file(file, asked), given.rounds) / count
    requests = sent(file)
    part = seconds(lambda: decided_by_parts(asked, requests), given.rounds) / count
    some = [case[:times] for case in requests[: max(1, WHOLE_REQUESTS // times)]]
    whole = seconds(lambda: decided(compilation, some), given.rounds) / (len(some) * times)
    print(f"{'':30}{'requests/s':>12}{'us/request':>12}{'/ decide':>10}")
    for name, took in (
        ("kuadrant test", simulated),
        ("decide, its part of the program", part),
        ("decide, the whole program", whole),
    ):
        print(f"{name:32}{1 / took:10.0f}{took * 1e6:12.1f}{took / part:10.2f}")
    print(f"the aim of {GOAL} requests/s is {'met' if simulated * GOAL <= 1 else 'missed'}")


if __name__ == "__main__":
    main()
