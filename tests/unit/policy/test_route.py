"""HTTPRoute and GRPCRoute are read into one kind of route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch
from kuadrant.policy.route import from_grpc_route, from_http_route

if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[str], Any]

HTTP = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: toystore, namespace: default}
spec:
  rules:
"""
GRPC = """
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: toystore, namespace: default}
spec:
  rules:
"""


def _match(read: Read, match: str) -> RequestMatch:
    route = from_http_route(read(f"{HTTP}  - matches: [{match}]\n"))
    return route.rules[0].matches[0]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("{type: Exact, value: /toys/}", PathMatch("/toys/", "exact")),
        ("{type: PathPrefix, value: /toys/}", PathMatch("/toys", "prefix")),
        ("{value: /toys}", PathMatch("/toys", "prefix")),
        ("{type: PathPrefix, value: /}", PathMatch("/", "prefix")),
        (r"{type: RegularExpression, value: '/v\d+/'}", PathMatch(r"/v\d+/", "regex")),
    ],
)
def test_paths(read: Read, path: str, expected: PathMatch) -> None:
    assert _match(read, f"{{path: {path}}}").path == expected


@pytest.mark.row(152)
def test_header_names_are_in_lower_case_and_the_first_of_equal_names_counts(read: Read) -> None:
    match = _match(
        read,
        "{headers: [{name: X-Tenant, value: a}, {name: x-tenant, value: b},"
        " {name: y, type: RegularExpression, value: 'b+'}]}",
    )
    assert match.headers == (StringMatch("x-tenant", "a"), StringMatch("y", "b+", "regex"))


@pytest.mark.row(152)
def test_the_first_of_equal_query_parameters_counts_and_case_matters(read: Read) -> None:
    match = _match(read, "{queryParams: [{name: q, value: a}, {name: q, value: b}, {name: Q, value: c}]}")
    assert match.query == (StringMatch("q", "a"), StringMatch("Q", "c"))


def test_a_match_without_statements_is_for_every_path(read: Read) -> None:
    assert _match(read, "{}") == RequestMatch(PathMatch("/"))


def test_a_rule_without_matches_is_for_every_path(read: Read) -> None:
    assert from_http_route(read(f"{HTTP}  - matches: []\n")).rules[0].matches == (
        RequestMatch(PathMatch("/")),
    )


def test_rules_have_their_own_name_or_their_number(read: Read) -> None:
    route = from_http_route(read(f"{HTTP}  - {{}}\n  - {{name: toys}}\n  - {{}}\n"))
    assert [rule.name for rule in route.rules] == ["rule-1", "toys", "rule-3"]


@pytest.mark.row(151)
@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("{service: s, method: m}", PathMatch("/s/m", "exact")),
        ("{type: Exact, service: s}", PathMatch("/s", "prefix")),
        ("{type: Exact, method: m.x}", PathMatch(r"/[^/]+/m\.x", "regex")),
        ("{type: RegularExpression, service: s|t, method: m}", PathMatch("/(?:s|t)/(?:m)", "regex")),
        ("{type: RegularExpression, service: s}", PathMatch("/(?:s)/.+", "regex")),
        ("{type: RegularExpression, method: m}", PathMatch("/[^/]+/(?:m)", "regex")),
        ("null", None),
    ],
)
def test_the_method_of_a_call_is_a_path(read: Read, method: str, expected: PathMatch | None) -> None:
    route = from_grpc_route(read(f"{GRPC}  - matches: [{{method: {method}}}]\n"))
    assert route.rules[0].matches[0].path == expected
