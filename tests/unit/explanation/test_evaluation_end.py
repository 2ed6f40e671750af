"""That the gateway ends an expression after its steps is foreseen, whatever takes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .asking import asked, policy

if TYPE_CHECKING:
    from kuadrant.explanation import Explanation

SEGMENTS = "request.path.split('/').exists(part, part == 'zz')"
LONG = f"http://toys.x/toys/{'ab/' * 3500}"
NOT_THIS = "request.method == 'PUT'"


def _with(*predicates: str, url: str = LONG, **more: Any) -> Explanation:
    when = ", ".join(f"{{predicate: {json.dumps(one)}}}" for one in predicates)
    return asked(policy(f"a: {{rates: [{{limit: 2, window: 1s}}], when: [{when}]}}"), url=url, **more)


@pytest.mark.parametrize("failure_mode", ["deny", "allow"])
@pytest.mark.parametrize(
    ("predicate", "dearest"),
    [
        (SEGMENTS, "request.path.split('/')"),
        (f"{SEGMENTS} || true", "request.path.split('/')"),
        ("request.path.replace('', '/').split('').size() == 1", "request.path.replace('', '/')"),
        (
            "queryMap(request.path.replace('/', '&a='), true).exists(name, name == 'z')",
            "queryMap(request.path.replace('/', '&a='), true)",
        ),
    ],
)
def test_what_takes_most_is_named(predicate: str, dearest: str, failure_mode: str) -> None:
    found = _with(predicate, failure_mode=failure_mode)
    assert (found.outcome, found.client.status if found.client else None) == ("failed", 500)
    told = found.limits[0].because
    assert told.endswith(f"the gateway ends it after 50,000 steps: {dearest} takes most of them")


def test_a_repetition_is_named_by_what_it_goes_through() -> None:
    predicate = "request.path.split('/').all(a, a + 'b' + a + a + a + a + a + a != 'c')"
    told = _with(predicate, url=f"http://toys.x/toys/{'ab/' * 1500}").limits[0].because
    assert told.endswith("50,000 steps: the repetition over request.path.split('/') takes most of them")


def test_a_short_path_is_none_too_long() -> None:
    assert _with(SEGMENTS, url="http://toys.x/toys/ab/ab").outcome == "admitted"


def test_what_is_not_looked_at_takes_nothing() -> None:
    assert _with(f"true || {SEGMENTS}").outcome == "admitted"


def test_a_condition_that_is_false_has_to_be_before_it() -> None:
    assert _with(NOT_THIS, SEGMENTS).outcome == "admitted"
    found = _with(SEGMENTS, NOT_THIS)
    assert (found.outcome, found.limits[0].applies) == ("failed", "fails")
    assert "the gateway ends it" in found.limits[0].because
    # One that fails lets the next one be looked at.
    found = _with("request.headers['x-none'] == 'a'", SEGMENTS, failure_mode="allow")
    assert (found.outcome, found.limits[0].applies) == ("failed", "fails")
    assert "the gateway ends it" in found.limits[0].because


def test_what_is_not_known_before_it_may_keep_it_from_being_looked_at() -> None:
    assert _with("request.id == 'a'", SEGMENTS).outcome == "unknown"
    assert _with(f"{SEGMENTS} || request.id == 'a' || true").outcome == "unknown"
    assert _with(f"true || request.id == 'a' || {SEGMENTS}").outcome == "admitted"


def test_a_counter_may_be_ended_as_well() -> None:
    counter = json.dumps("string(request.path.split('/').map(part, part + 'a').size())")
    limit = f"a: {{rates: [{{limit: 2, window: 1s}}], counters: [{{expression: {counter}}}]}}"
    found = asked(policy(limit), url=LONG)
    assert (found.outcome, found.limits[0].applies) == ("failed", "fails")
    assert "the gateway ends it" in found.limits[0].because
