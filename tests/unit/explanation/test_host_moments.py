"""What the gateway's own evaluator makes of moments beyond those that CEL has is not guessed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .asking import asked, policy

if TYPE_CHECKING:
    from kuadrant.explanation import Explanation

NAMED = "timestamp(request.headers['x-t']).getHours('Europe/Berlin') >= 0"
"""What the module leaves to the gateway, as a whole."""
LATE = "timestamp(request.headers['x-t']) + duration('1s')"
LONG = "timestamp(request.headers['x-t']) - timestamp('0001-01-01T00:00:00Z')"
YEAR = "timestamp('2024-01-01T00:00:00Z')"


def _with(predicate: str) -> Explanation:
    limit = f"a: {{rates: [{{limit: 2, window: 1s}}], when: [{{predicate: {json.dumps(predicate)}}}]}}"
    return asked(policy(limit), headers=(("x-t", "9999-12-31T23:59:59Z"), ("x-long", "9223372036s")))


@pytest.mark.parametrize(
    ("predicate", "part"),
    [
        (f"{LATE} > {YEAR}", LATE),
        (f"{LONG} > duration('1s')", LONG),
        (f"({LATE} > {YEAR} ? 1 : 2) == 1", LATE),
        (f"[{LATE}].exists(t, t > {YEAR})", LATE),
        (f"!({LATE} > {YEAR})", LATE),
        # Where something else fails, too, that may be made up for.
        (f"request.headers['x-none'] == '' && {LATE} < {YEAR}", LATE),
        ("timestamp(size(request.headers['x-t']) * 100000000000) > " + YEAR, "timestamp((size("),
        (
            "duration(request.headers['x-long']) + duration(request.headers['x-long']) > duration('1s')",
            "duration(request.headers['x-long']) + duration(request.headers['x-long'])",
        ),
        # What is repeated is not looked at one by one.
        (f"[request.headers['x-t']].exists(t, timestamp(t) + duration('1s') > {YEAR})", "timestamp(t) + "),
        ("[duration(request.headers['x-long'])].all(b, b + b > b)", "b + b"),
    ],
)
def test_a_moment_that_there_is_none_of_is_not_known(predicate: str, part: str) -> None:
    found = _with(f"{predicate} && {NAMED}")
    assert found.outcome == "unknown", found
    (fact,) = found.unknown
    assert part in fact.name
    assert fact.name.endswith("which is out of range")


@pytest.mark.parametrize(
    "predicate", [f"{LATE} > {YEAR}", f"{LONG} > duration('1s')", f"[{LATE}].exists(t, t > {YEAR})"]
)
def test_where_the_module_evaluates_it_fails(predicate: str) -> None:
    assert _with(predicate).outcome == "failed"


@pytest.mark.parametrize(
    ("predicate", "outcome"),
    [
        # It decides nothing, whatever it is there.
        (f"({LATE} > {YEAR} || true)", "admitted"),
        (f"{LATE} > {YEAR} && request.method == 'PUT'", "admitted"),
        # Integers end in both.
        ("size(request.headers['x-t']) + 9223372036854775807 > 0", "failed"),
        ("request.headers['x-none'] == ''", "failed"),
        (
            "request.headers['x-none'] == '' && timestamp(request.headers['x-t']) - duration('1s') > " + YEAR,
            "failed",
        ),
    ],
)
def test_what_does_not_depend_on_it_is_known(predicate: str, outcome: str) -> None:
    assert _with(f"{predicate} && {NAMED}").outcome == outcome


def test_a_counter_of_such_a_moment_is_not_known() -> None:
    counter = f"string({LATE}) + string(timestamp(request.headers['x-t']).getHours('Europe/Berlin'))"
    limit = f"a: {{rates: [{{limit: 2, window: 1s}}], counters: [{{expression: {json.dumps(counter)}}}]}}"
    found = asked(policy(limit), headers=(("x-t", "9999-12-31T23:59:59Z"),))
    assert found.outcome == "unknown"
