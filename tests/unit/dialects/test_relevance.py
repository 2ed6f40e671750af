"""A shim is told as little as decides every request, and never less."""

from __future__ import annotations

import pytest

from kuadrant.compiler.program import Action, HostProgram, LimitAction, RuleProgram
from kuadrant.dialects.relevance import relevant, relevant_rules
from kuadrant.policy.match import PathMatch, RequestMatch

LIMITED = (Action(scope="ns/p", limits=(LimitAction(key="limit.x__1"),)),)


def rule(name: str, path: str, *, limited: bool = False, exact: bool = False) -> RuleProgram:
    match = RequestMatch(path=PathMatch(type="exact" if exact else "prefix", value=path))
    return RuleProgram(name=name, route="ns/r", match=match, actions=LIMITED if limited else ())


def names(*rules: RuleProgram) -> list[str]:
    return [one.name for one in relevant_rules(rules)]


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ([rule("a", "/a", limited=True), rule("b", "/b")], ["a"]),
        ([rule("shield", "/a/b"), rule("wide", "/a", limited=True)], ["shield", "wide"]),
        ([rule("beside", "/ab"), rule("wide", "/a", limited=True)], ["wide"]),
        ([rule("shield", "/", exact=True), rule("wide", "/", limited=True)], ["shield", "wide"]),
        ([rule("first", "/a", limited=True), rule("again", "/a", limited=True)], ["first"]),
        ([rule("first", "/a"), rule("again", "/a", limited=True)], []),
    ],
    ids=["unlimited", "shields", "a segment is whole", "exact", "repeated", "never reached"],
)
def test_a_rule_without_limits_is_told_only_if_it_shields_one_with_limits(
    rules: list[RuleProgram], told: list[str]
) -> None:
    assert names(*rules) == told


@pytest.mark.parametrize(
    ("limited", "free", "told"),
    [
        ("*.example.com", "a.example.com", ["*.example.com", "a.example.com"]),
        ("*.example.com", "a.b.example.com", ["*.example.com", "a.b.example.com"]),
        ("*", "a.example.com", ["*", "a.example.com"]),
        ("a.example.com", "*.example.com", ["a.example.com"]),
        ("*.example.com", "example.com", ["*.example.com"]),
        ("a.example.com", "b.example.com", ["a.example.com"]),
    ],
)
def test_a_host_without_limits_is_told_only_if_a_wider_one_has_some(
    limited: str, free: str, told: list[str]
) -> None:
    hosts = (
        HostProgram(hostname=limited, rules=(rule("a", "/", limited=True),)),
        HostProgram(hostname=free, rules=(rule("b", "/"),)),
    )
    assert list(relevant(hosts)) == told
