"""What people read: at most ten lines of 80 columns, the answer first, then the places that it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.explanation.short_text import MOST_LINES, WIDTH, short_text
from kuadrant.explanation.verbose_text import verbose_text

from .asking import WORLD, asked, policy

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parents[2] / "golden" / "explain"

_PER_USER = policy(
    """
    per-user:
      rates: [{limit: 2, window: 10s}]
      when: [{predicate: "request.method == 'GET'"}]
      counters: [{expression: "request.headers['x-user']"}]
    """
)
_OVERRIDE = policy("all: {rates: [{limit: 3, window: 1m}]}", name="top", target="Gateway, name: gw").replace(
    "  limits:\n    all", "  overrides:\n    limits:\n      all"
)
_FEW = policy("all: {rates: [{limit: 2, window: 10s}]}")
_OF_ONE_RULE = policy(
    "all: {rates: [{limit: 2, window: 10s}]}", target="HTTPRoute, name: toys, sectionName: rule-1"
)
_PER_CONNECTION = policy("all: {rates: [{limit: 2, window: 10s}], counters: [{expression: source.address}]}")
_MANY = policy("\n".join(f"limit-{n}: {{rates: [{{limit: {n + 1}, window: 10s}}]}}" for n in range(12)))
_USER = {"headers": (("x-user", "alice"),)}

CASES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "limited": ((_PER_USER,), {**_USER, "times": 3, "after": 2.5}),
    "limited-shown": ((_PER_USER,), {**_USER, "times": 3, "show_values": True}),
    "failed": ((_PER_USER,), {}),
    "not-applying": ((_PER_USER,), {**_USER, "method": "POST"}),
    "admitted": ((_FEW,), {}),
    "of-zero": ((policy("all: {rates: [{limit: 0, window: 1h}]}"),), {}),
    "overridden": ((_FEW, _OVERRIDE), {}),
    "of-another-rule": ((_OF_ONE_RULE,), {}),
    "per-connection": ((_PER_CONNECTION,), {"times": 5}),
    "of-one-connection": ((_PER_CONNECTION,), {"times": 3, "source": "10.0.0.7:4711"}),
    "no-policy": ((), {}),
    "no-rule": ((_FEW,), {"url": "http://toys.x/"}),
    "no-host": ((_FEW,), {"url": "http://other.x/toys"}),
    "many-limits": ((_MANY,), {}),
    "grpc": ((_FEW,), {"headers": (("content-type", "application/grpc"),), "times": 3}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_person_reads(name: str, golden: Callable[[Path, str], None]) -> None:
    policies, request = CASES[name]
    record = asked(*policies, **request)
    short = short_text(record)
    assert len(short.splitlines()) <= MOST_LINES
    assert all(len(line) <= WIDTH for line in short.splitlines())
    golden(GOLDEN / f"{name}.txt", f"{verbose_text(record)}\n")
    assert verbose_text(record).startswith(f"{short}\n")


def test_colours_are_around_the_answer_and_the_places() -> None:
    text = short_text(asked(_FEW, times=3), lambda style, text: f"<{style}>{text}</>")
    assert text.splitlines()[0] == "<bad>429 Too Many Requests: limit all is reached (2 x admitted before)</>"
    assert text.splitlines()[1].startswith("<place>all.yaml:26:10</>: limit all")


def test_what_cannot_be_printed_is_escaped() -> None:
    limit = "all: {rates: [{limit: 1, window: 1s}], when: [{predicate: \"request.path == '\\u202e'\"}]}"
    text = verbose_text(asked(policy(limit)))
    assert "request.path == '\\u202e'" in text
    assert all(line.isprintable() for line in text.splitlines())


def test_what_only_some_backends_of_a_rule_answer_is_said_first() -> None:
    canary = "{name: canary, namespace: canary, port: 80, weight: 1}"
    split = WORLD.replace(
        "  - matches: [{path: {value: /toys}}]\n    backendRefs: [{name: toys, port: 80}]",
        "  - matches: [{path: {value: /toys}}]\n"
        f"    backendRefs: [{{name: toys, port: 80, weight: 9}}, {canary}]",
    )
    head = " ".join(short_text(asked(_FEW, world=split)).split())
    assert "a backend answers, but 500 for 1 of 10 requests: no ReferenceGrant allows canary/canary" in head
    assert "500" not in short_text(asked(_FEW))


def test_an_expression_that_is_long_leaves_room_for_why_it_fails() -> None:
    long = f"request.headers['x-user'] == '{'a' * 900}'"
    found = asked(policy(f'few: {{when: [{{predicate: "{long}"}}], rates: [{{limit: 9, window: 10s}}]}}'))
    assert "the request has no header x-user" in " ".join(short_text(found).split())
    assert len(short_text(found).splitlines()) <= MOST_LINES


def test_the_only_match_of_a_rule_is_where_the_rule_is() -> None:
    found = asked(_FEW)
    assert found.rule is not None
    assert (found.rule.origin.field, found.rule.origin.line) == ("spec.rules[1]", 17)
    two = WORLD.replace("[{path: {value: /toys}}]", "[{path: {value: /cars}}, {path: {value: /toys}}]")
    of_two = asked(_FEW, world=two)
    assert of_two.rule is not None
    assert of_two.rule.origin.field == "spec.rules[1].matches[1]"
