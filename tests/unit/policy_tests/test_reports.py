"""What is printed: one golden file of ``tests/golden/policy-tests`` for each form."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
from msgspec.structs import replace

from kuadrant.policy_tests import Results, coverage, read, simulate_file
from kuadrant.policy_tests.reports import Form, report, report_problems
from tests.unit.policy_tests.examples import GATEWAY, POLICY, gateway, loaded, read_tests

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.api.problem import Problem

GOLDEN = Path(__file__).parents[2] / "golden" / "policy-tests"
SUFFIXES = {"text": "txt", "json": "json", "junit": "xml", "github": "github"}
TESTS = """\
tests:
- name: five, and no more
  steps:
  - request: {method: POST, host: toys.example.com, path: /toys}
    times: 8
    expect: {status: 200x6 then 429, limitedBy: al, remaining: 1, headers: {x-rule: '<"toys">'}}
- name: "100% of <reads> & co: free, \\e[31m\\nalways"
  steps:
  - request: {host: toys.example.com, path: /toys, query: {a: "1"}}
    expect: {status: 200, asked: false}
- name: alice
  steps:
  - at: 1m
    request: {host: toys.example.com, path: /cars, headers: {x-user: alice}}
    expect: {status: 200}
"""
WRONG = """\
tests:
- name: "a: 100%"
  steps:
  - request: {host: a.x, path: /a b}
    expects: {status: 200}
"""


@pytest.fixture(scope="module")
def results() -> Results:
    """Results with a miss of each kind, tests that real gateways were not asked, and what is not reached."""
    policies = loaded(GATEWAY, POLICY)
    file = read_tests(TESTS, "toys, and cars.kuadrant-test.yaml")
    found = simulate_file(file, gateway(policies, file))
    _, second, third = found.cases
    asked = replace(
        found,
        file="real.kuadrant-test.yaml",
        cases=(
            replace(second, not_compared=("rule", "asked")),
            replace(second, name="in part", in_part=("rule 1 of toys: 500 for 1 of 10 requests",)),
            replace(third, misses=(), not_asked="takes a wait of 1m; --longest-wait is 10s"),
        ),
    )
    return Results(files=(found, asked), coverage=coverage([policies.inventory], [found]))


@pytest.fixture(scope="module")
def problems() -> tuple[Problem, ...]:
    found = read("wrong.kuadrant-test.yaml", WRONG)
    assert isinstance(found, tuple)
    return found


@pytest.mark.parametrize("form", get_args(Form))
def test_results(results: Results, form: Form, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / f"results.{SUFFIXES[form]}", report(results, form))


@pytest.mark.parametrize("form", get_args(Form))
def test_problems(problems: tuple[Problem, ...], form: Form, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / f"problems.{SUFFIXES[form]}", report_problems(problems, form))


def test_in_colour_only_the_outcome_is_coloured(results: Results) -> None:
    plain, coloured = report(results, "text"), report(results, "text", colour=True)
    assert "\x1b" not in plain
    for code, word in (("32", "pass"), ("31", "FAIL"), ("33", "skip")):
        assert f"  \x1b[{code}m{word}\x1b[0m  " in coloured
        coloured = coloured.replace(f"\x1b[{code}m{word}\x1b[0m", word)
    assert coloured == plain


def test_a_gateway_that_was_asked_is_named(results: Results) -> None:
    against = replace(results, against="http://127.0.0.1:8000")
    assert "answered by http://127.0.0.1:8000)\n" in report(against, "text")
    assert json.loads(report(against, "json"))["against"] == "http://127.0.0.1:8000"


def test_whatever_names_hold_the_xml_can_be_read() -> None:
    policies = loaded(GATEWAY, POLICY)
    name = r'"\0\b\uFFFE\x85 <a b=\"\x27&]]> \U0001F600"'
    file = read_tests(
        f"tests: [{{name: {name}, steps: [{{request: {{host: a.x}}, expect: {{status: 200}}}}]}}]"
    )
    found = Results(files=(simulate_file(file, gateway(policies, file)),))
    assert ET.fromstring(report(found, "junit")).find("testsuite/testcase/failure") is not None
