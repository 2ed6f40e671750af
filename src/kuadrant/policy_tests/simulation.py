"""Tests carried out without a gateway, a socket or a clock: a function of a file and of programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.policy_tests.judgement import Judge
from kuadrant.policy_tests.moments import seconds
from kuadrant.policy_tests.results import CaseResult, FileResult
from kuadrant.policy_tests.schedule import schedule
from kuadrant.policy_tests.seen_request import SeenRequest
from kuadrant.policy_tests.simulated_gateway import refused_by_itself
from kuadrant.reference_model.counters import CounterKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.policy_tests.file_format import PolicyTestFile
    from kuadrant.policy_tests.inventory import KnownLimit, KnownRule
    from kuadrant.policy_tests.observation import Observation
    from kuadrant.policy_tests.results import Miss
    from kuadrant.policy_tests.schedule import Turn
    from kuadrant.policy_tests.simulated_gateway import SimulatedGateway, Windows


class Simulated(Struct, frozen=True):
    """The outcome of a test, the ``counters`` that it asked for, and how many seconds each is still open."""

    result: CaseResult
    counters: frozenset[CounterKey]
    open_for: Mapping[CounterKey, float]


def simulate_file(file: PolicyTestFile, gateway: SimulatedGateway) -> FileResult:
    """Return what becomes of all tests of ``file``."""
    cases = range(len(file.tests.tests))
    return FileResult(file.path, tuple(simulate(file, case, gateway).result for case in cases))


def simulate(file: PolicyTestFile, case: int, gateway: SimulatedGateway) -> Simulated:
    """Return what becomes of one test, which begins with fresh counters."""
    windows: Windows = {}
    misses: list[Miss] = []
    reached: set[KnownLimit | KnownRule] = set()
    counters: set[CounterKey] = set()
    requests = moment = 0
    for turn in schedule(file.tests.tests[case]):
        observations, windows = _ask(turn, gateway, windows, requests)
        misses += Judge(file, case, turn, gateway.scheme).misses(observations)
        for one in observations:
            if one.inside is not None:
                reached.update(one.inside.reached)
                counters.update(stand.counter for stand in one.inside.stands)
        requests += turn.requests
        moment = turn.moment
    line, column = file.place(("tests", case, "name"))
    result = CaseResult(
        name=file.tests.tests[case].name,
        line=line,
        column=column,
        requests=requests,
        misses=tuple(misses),
        reached=frozenset(reached),
    )
    now = seconds(moment)
    return Simulated(
        result,
        frozenset(counters),
        {key: window.ends - now for key, window in windows.items() if window.ends > now},
    )


def _ask(
    turn: Turn, gateway: SimulatedGateway, windows: Windows, before: int
) -> tuple[Sequence[Observation], Windows]:
    """Return what is observed of the requests of ``turn``, ``before`` which the test had so many."""
    seen = SeenRequest(turn.request, gateway.port, gateway.scheme)
    if seen.refusal is not None:
        return [refused_by_itself(seen.refusal)] * turn.requests, windows
    now = seconds(turn.moment)
    observations = []
    for number in range(before, before + turn.requests):
        observed, windows = gateway.ask(seen.sent(number, turn.moment), windows, now)
        observations.append(observed)
    return observations, windows
