"""A wrong test file is a line with its place, whatever is in it; a right one is carried out and reported."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, get_args

import pytest

from kuadrant.policy_tests import LoadedPolicies, PolicyTestFile, Results, coverage, read, simulate_file
from kuadrant.policy_tests.reports import Form, report, report_problems
from tests.unit.mutations import Mutations
from tests.unit.policy_tests.examples import EVERY_FIELD, GATEWAY, POLICY, gateway, loaded

if TYPE_CHECKING:
    from tests.conftest import Fuzz

pytestmark = pytest.mark.slow

RUNS = """\
tests:
- name: runs
  steps:
  - request: {method: POST, host: toys.example.com, path: /toys, headers: {x-user: alice}}
    expect: {status: 200x2 then 429, limitedBy: per-user, rule: toys}
  - {advance: 1m30s}
  - {at: 2m, request: {host: toys.example.com, path: /moved, query: {a: b}}, expect: {status: [301]}}
  - request: {host: toys.example.com, path: /toys, source: "10.0.0.7", jwt: {sub: alice, groups: [a, 1]}}
    times: 3
    expect: {status: 200, asked: false, policies: [], headers: {x-rule: toys}}
- {name: again, steps: [{request: {host: no.example.com}, expect: {status: 404}}]}
"""
MUTATIONS = Mutations(
    [EVERY_FIELD, RUNS],
    odd=[
        *("200x", "then", "200x99999999", "99999h99999h", "request", "200 then " * 60 + "429", [200] * 50),
        *("?", "*", "%", "[::1", "1.2.3.4:0", {"a": {"b": [None]}}, ["../.."]),
    ],
)


@cache
def policies() -> LoadedPolicies:
    return loaded(GATEWAY, POLICY)


def check(text: str) -> bool:
    """Read ``text`` and hold it to what is promised; tell whether it was right."""
    file = read("a.kuadrant-test.yaml", text)
    if isinstance(file, PolicyTestFile):
        asked = policies().gateway_of(file)
        file = (asked,) if not hasattr(asked, "ask") else file
    if isinstance(file, PolicyTestFile):
        found = simulate_file(file, gateway(policies(), file))
        results = Results(files=(found,), coverage=coverage([policies().inventory], [found]))
        for form in get_args(Form):
            assert report(results, form)
        return True
    lines = len(text.splitlines()) + 1
    assert file
    for problem in file:
        assert 1 <= problem.line <= lines, problem
        assert problem.column >= 1, problem
        assert problem.message, problem
        assert "\n" not in str(problem), problem
    for form in get_args(Form):
        assert report_problems(file, form)
    return False


def test_the_corpus_is_right() -> None:
    assert check(RUNS)
    assert isinstance(read("a", EVERY_FIELD), PolicyTestFile)


def test_mutated_files(fuzz: Fuzz) -> None:
    dice = random.Random(fuzz.seed)
    number = int(2_000 * fuzz.scale)
    right = 0
    for n in range(number):
        text = MUTATIONS.any(dice)
        try:
            right += check(text)
        except Exception as error:
            error.add_note(f"FUZZ_SEED={fuzz.seed}, file {n}:\n{text!r}")
            raise
    assert right
    fuzz.done(f"mutated files, {right} of them right", number)
