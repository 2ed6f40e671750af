"""Tests carried out without a gateway, a socket or a clock: a function of a file and of programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.explanation.unknown_facts import CLOCK
from kuadrant.policy_tests.judgement import Judge
from kuadrant.policy_tests.moments import read_moment, seconds
from kuadrant.policy_tests.results import CaseResult, FileResult
from kuadrant.policy_tests.schedule import schedule
from kuadrant.policy_tests.seen_request import SeenRequest
from kuadrant.policy_tests.simulated_gateway import refused_by_itself
from kuadrant.reference_model.counter_windows import kept_until
from kuadrant.reference_model.counters import CounterKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.explanation.record import Fact
    from kuadrant.policy_tests.file_format import PolicyTestFile
    from kuadrant.policy_tests.inventory import KnownLimit, KnownRule
    from kuadrant.policy_tests.observation import Observation
    from kuadrant.policy_tests.results import Miss
    from kuadrant.policy_tests.schedule import Turn
    from kuadrant.policy_tests.simulated_gateway import SimulatedGateway, Windows


class Simulated(Struct, frozen=True):
    """The outcome of a test, the ``counters`` that it asked for, and how many seconds each is still open.

    ``statuses`` are those of its requests by the step, and ``longest`` is the longest time, in seconds, after
    which one of its counters is whole again.
    """

    result: CaseResult
    counters: frozenset[CounterKey]
    open_for: Mapping[CounterKey, float]
    statuses: Mapping[int, tuple[int | None, ...]]
    longest: float


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
    in_part: dict[str, None] = {}
    statuses: dict[int, tuple[int | None, ...]] = {}
    longest = 0.0
    requests, moment, is_known = 0, 0, True
    begins = file.tests.tests[case].begins
    for turn in schedule(file.tests.tests[case]):
        seen = SeenRequest(
            turn.request, gateway.port, gateway.scheme, None if begins is None else read_moment(begins)
        )
        observations, windows = _ask(turn, seen, gateway, windows, requests)
        judge = Judge(file, case, turn, gateway.scheme)
        if is_known and (facts := _unknown(turn, seen, gateway) or _of_clock(observations)):
            # What comes after it depends on the same facts.
            is_known = False
            misses.append(judge.not_known(facts))
        elif is_known:
            misses += judge.misses(observations)
        statuses[turn.step] = tuple(one.status for one in observations)
        for one in observations:
            if one.inside is not None:
                reached.update(one.inside.reached)
                in_part.update({one.inside.in_part: None} if one.inside.in_part else {})
                counters.update(stand.counter for stand in one.inside.stands)
                longest = max((longest, *(stand.reset for stand in one.inside.stands)))
        requests += turn.requests
        moment = turn.moment
    line, column = file.place(("tests", case, "name"))
    result = CaseResult(
        name=file.tests.tests[case].name,
        line=line,
        column=column,
        requests=requests,
        misses=tuple(misses),
        in_part=tuple(in_part),
        reached=frozenset(reached),
    )
    now = seconds(moment)
    return Simulated(
        result,
        frozenset(counters),
        {key: end - now for key, window in windows.items() if (end := kept_until(window)) > now},
        statuses,
        longest,
    )


def _unknown(turn: Turn, seen: SeenRequest, gateway: SimulatedGateway) -> tuple[Fact, ...]:
    """Return what would have to be known of the requests of ``turn``: of each the same."""
    request = seen.sent(0, turn.moment)
    return () if gateway.refuses(seen.refusal, request) else gateway.unknown(request, seen.knowledge)


def _of_clock(observations: Sequence[Observation]) -> tuple[Fact, ...]:
    known = all(one.inside is None or one.inside.is_known for one in observations)
    return () if known else (CLOCK,)


def _ask(
    turn: Turn, seen: SeenRequest, gateway: SimulatedGateway, windows: Windows, before: int
) -> tuple[Sequence[Observation], Windows]:
    """Return what is observed of the requests of ``turn``, ``before`` which the test had so many."""
    if seen.refusal is not None and gateway.refuses(seen.refusal, seen.sent(before, turn.moment)):
        return [refused_by_itself(seen.refusal)] * turn.requests, windows
    now = seconds(turn.moment)
    observations = []
    for number in range(before, before + turn.requests):
        observed, windows = gateway.ask(seen.sent(number, turn.moment), windows, now, seen.knowledge)
        observations.append(observed)
    return observations, windows
