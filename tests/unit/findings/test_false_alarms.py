"""Documents that are as they should be say nothing; of those that are kept for other tests all is true."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuadrant.standalone import folder_files
from tests.unit.findings.checked import GATEWAY, RULES, SERVICE, codes, found, policy, route

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "compile"


@pytest.mark.parametrize("example", ["toystore", "toystore-v1"])
def test_the_examples_say_nothing(example: str) -> None:
    assert found(*(file.text for file in folder_files.read(ROOT / "examples" / example))) == ()


def test_what_is_said_of_the_documents_of_other_tests(golden: Callable[[Path, str], None]) -> None:
    """Most routes there have no backends, and some policies are wrong on purpose."""
    told = [
        f"{path.parent.name}:{one.line}:{one.column}: {one.code}: {one.subject}: {one.field}"
        for path in sorted(GOLDEN.glob("*/in.yaml"))
        for one in found(path.read_text())
        if one.code != "no-backend"
    ]
    golden(Path(__file__).with_name("golden_documents.txt"), "\n".join(told) + "\n")


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param("{a: {rates: [{limit: 5, window: 10s}, {limit: 8, window: 60s}]}}", id="burst and rate"),
        pytest.param(
            "{a: {rates: [{limit: 5, window: 10s}]}, b: {rates: [{limit: 3, window: 10s}], "
            "when: [{predicate: request.method == 'POST'}]}}",
            id="the stricter one is for fewer requests",
        ),
        pytest.param(
            "{all: {rates: [{limit: 10, window: 10s}]}, user: {rates: [{limit: 15, window: 10s}], "
            "when: [{predicate: \"'u' in request.headers\"}], "
            "counters: [{expression: \"request.headers['u']\"}]}}",
            id="windows of two counters do not begin together",
        ),
        pytest.param(
            "{a: {rates: [{limit: 5, window: 10s}], counters: [{expression: source.remote_address}]}}",
            id="the address without port",
        ),
        pytest.param(
            "{a: {rates: [{limit: 5, window: 10s}], "
            "counters: [{expression: \"source.address.split(':')[0]\"}]}}",
            id="the port is cut off",
        ),
        pytest.param(
            "{a: {rates: [{limit: 5, window: 10s}], when: [{predicate: request.url_path == '/toys'}]}}",
            id="a path, whatever the query",
        ),
        pytest.param(
            "{a: {rates: [{limit: 5, window: 10s}], when: [{predicate: \"request.path == '/toys?all=1'\"}]}}",
            id="a path with a query that is meant",
        ),
        pytest.param(
            "{a: {rates: [{limit: 5, window: 10s}], when: [{predicate: request.path != '/toys'}]}}",
            id="all paths but one",
        ),
        pytest.param(
            "{a: {rates: [{limit: 5, window: 10s}], when: [{predicate: request.host == 'A.example:8080'}]}}",
            id="a host as a client may write it",
        ),
        pytest.param(
            "{a: {rates: [{limit: 5, window: 10s}], "
            "when: [{predicate: has(request.referer) && request.referer != ''}]}}",
            id="a referer that is asked for",
        ),
    ],
)
def test_a_limit_as_it_should_be_says_nothing(limits: str) -> None:
    assert codes(GATEWAY, SERVICE, route(RULES), policy(limits)) == []


def test_a_cap_of_a_gateway_may_be_wider_than_what_its_routes_have() -> None:
    cap = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: cap, namespace: default}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: gw}
  overrides: {strategy: merge, limits: {cap: {rates: [{limit: NUMBER, window: 10s}]}}}
"""
    own = policy("{own: {rates: [{limit: 5, window: 10s}]}}")
    assert codes(GATEWAY, SERVICE, route(RULES), own, cap.replace("NUMBER", "100")) == []
    # The other way round, the route's own limit is in vain.
    assert codes(GATEWAY, SERVICE, route(RULES), own, cap.replace("NUMBER", "2")) == ["never-reached"]


def test_a_header_that_every_rule_asks_for_is_there() -> None:
    rules = "[{matches: [{headers: [{name: X-User, value: a}]}], backendRefs: [{name: app, port: 80}]}]"
    limits = "{a: {rates: [{limit: 5, window: 10s}], counters: [{expression: request.headers.user}]}}"
    for name, expected in (("x-user", []), ("x-other", ["header-may-be-absent"])):
        of = limits.replace("request.headers.user", f"\"request.headers['{name}']\"")
        assert codes(GATEWAY, SERVICE, route(rules), policy(of)) == expected


def test_where_there_is_no_service_at_all_none_is_missed() -> None:
    assert codes(GATEWAY, route(RULES)) == []


def test_what_could_not_be_read_is_not_said_to_be_missing() -> None:
    """The route, the Gateway and the Service have a mistake, and are there nevertheless."""
    broken = [text.replace("spec:", "spec: {x: 1}\nstatus:") for text in (GATEWAY, SERVICE, route(RULES))]
    limits = "{a: {rates: [{limit: 5, window: 10s}]}}"
    assert set(codes(*broken, policy(limits))) == {"invalid-field"}
    assert codes(GATEWAY, SERVICE, "kind: [", policy(limits)) == ["not-yaml"]
