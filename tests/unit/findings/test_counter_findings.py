"""Which counters are another one for each connection, or for each request."""

from __future__ import annotations

import json

import pytest

from kuadrant.policy.fleeting_values import fleeting
from tests.unit.findings.checked import GATEWAY, RULES, SERVICE, codes, policy, route


def told(expression: str) -> list[str]:
    """The codes of a limit that is counted by ``expression``."""
    limit = {"rates": [{"limit": 5, "window": "10s"}], "counters": [{"expression": expression}]}
    return codes(GATEWAY, SERVICE, route(RULES), policy(json.dumps({"a": limit})))


@pytest.mark.parametrize(
    "expression",
    [
        "source.address",
        "string(source.port)",
        "connection.id",
        "request.method + source.address",
        "source.address.lowerAscii()",
        "request.method == 'GET' ? source.address : 'other'",
        "dyn(source.address)",
        "[source.address, request.host].join('|')",
        "source.address.split(':')[1]",
        "source.address.substring(source.address.lastIndexOf(':') + 1)",
        "source.?address.orValue('')",
        "cel.bind(a, source.address, a + request.host)",
        "request.headers[?'x'].optMap(x, x + source.address).orValue('')",
    ],
)
def test_what_has_all_of_a_port_in_it_is_another_one_for_each_connection(expression: str) -> None:
    assert told(expression) == ["counter-per-connection"]


@pytest.mark.parametrize(
    "expression",
    [
        "request.id",
        "request.time",
        "request.method + request.id",
        "request.headers['x-request-id']",
        "request.headers['X-Request-Id'].lowerAscii()",
        "request.headers[?'x-request-id'].orValue('')",
        "request.headers[?'x-user'].orValue(request.id)",
    ],
)
def test_what_has_all_of_an_id_in_it_is_another_one_for_each_request(expression: str) -> None:
    assert told(expression) == ["counter-per-request"]


@pytest.mark.parametrize(
    "expression",
    [
        "source.remote_address",
        "source.address.split(':')[0]",
        "source.address.split('.')[1]",
        "source.address.substring(0, source.address.lastIndexOf(':'))",
        "size(source.address)",
        "cel.bind(a, source.address, a.split(':')[0])",
        "[source.address, 'a'][1]",
        "'x-request-id' in request.headers",
        "request.headers[?'x-user-id'].orValue('')",
        "source.address.startsWith('10.')",
        "source.port > 1024",
        "request.time.getHours()",
        "has(request.id)",
        "destination.address",
        "request.path",
    ],
)
def test_what_has_only_a_part_of_it_or_none_is_not_told(expression: str) -> None:
    assert [one for one in told(expression) if one.startswith("counter-per")] == []


def test_a_selector_of_the_header_of_ids_is_another_one_for_each_request() -> None:
    limits = (
        "{a: {rates: [{limit: 5, duration: 10, unit: second}], counters: [request.headers.x-request-id]}}"
    )
    of_beta = policy(limits).replace("kuadrant.io/v1\n", "kuadrant.io/v1beta2\n")
    assert codes(GATEWAY, SERVICE, route(RULES), of_beta) == ["counter-per-request"]


def test_where_only_some_requests_are_counted_by_it_that_is_said() -> None:
    assert fleeting("request.headers[?'x-user'].orValue(request.id)").sometimes
    assert not fleeting("request.headers[?'x-request-id'].orValue('')").sometimes


FORWARDED = "request.headers['x-forwarded-for']"


@pytest.mark.parametrize(
    "expression",
    [
        FORWARDED,
        f"{FORWARDED}.split(',')[0]",
        f"{FORWARDED}.substring(0)",
        f"request.method + {FORWARDED}",
        "request.headers[?'X-Real-IP'].orValue('')",
        "'forwarded' in request.headers ? request.headers['forwarded'] : ''",
    ],
)
def test_what_a_client_writes_is_another_one_whenever_he_wants_it(expression: str) -> None:
    assert "counter-by-wish" in told(expression)


@pytest.mark.parametrize(
    "expression",
    [
        f"{FORWARDED}.split(',')[size({FORWARDED}.split(',')) - 1]",
        f"{FORWARDED}.contains(',')",
        "source.remote_address",
        "request.headers[?'x-user'].orValue('')",
    ],
)
def test_what_the_gateway_writes_is_not(expression: str) -> None:
    assert "counter-by-wish" not in told(expression)
