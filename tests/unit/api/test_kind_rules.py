"""The table of rules, and the complaints that rules share."""

from __future__ import annotations

from kuadrant.api import (
    gateway_rules,
    rate_limit_policy_rules,
    route_filter_rules,
    route_match_rules,
    route_rules,
)
from kuadrant.api.complaints import one_line, regular_expression, repeated, unique_names
from kuadrant.api.kind_rules import RULES


def test_each_struct_has_one_rule_in_one_place() -> None:
    parts = (gateway_rules, rate_limit_policy_rules, route_filter_rules, route_match_rules, route_rules)
    assert sum(len(part.RULES) for part in parts) == len(RULES)


def test_what_is_repeated_is_told_with_the_first_one() -> None:
    assert list(repeated("abcab")) == [(3, 0), (4, 1)]
    assert list(unique_names(["a", None, "a", None], "rules")) == [
        (("rules", 2, "name"), 'is "a" as in rules[0]; names are unique')
    ]


def test_a_text_that_envoy_would_refuse_is_told_with_its_field() -> None:
    assert [path for path, _ in one_line("set", 0, "value", text="a\r\nb")] == [("set", 0, "value")]
    assert [path for path, _ in regular_expression("value", "(")] == [("value",)]
    assert not [
        *one_line("value", text="a\tb"),
        *one_line("value", text=None),
        *regular_expression("value", "a+"),
    ]
