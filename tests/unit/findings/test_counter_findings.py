"""Which counters are another one for each connection, or for each request."""

from __future__ import annotations

import json

import pytest

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
    ],
)
def test_what_has_all_of_a_port_in_it_is_another_one_for_each_connection(expression: str) -> None:
    assert told(expression) == ["counter-per-connection"]


@pytest.mark.parametrize("expression", ["request.id", "request.time", "request.method + request.id"])
def test_what_has_all_of_an_id_in_it_is_another_one_for_each_request(expression: str) -> None:
    assert told(expression) == ["counter-per-request"]


@pytest.mark.parametrize(
    "expression",
    [
        "source.remote_address",
        "source.address.split(':')[0]",
        "source.address.startsWith('10.')",
        "source.port > 1024",
        "request.time.getHours()",
        "has(request.id)",
        "destination.address",
        "request.path",
    ],
)
def test_what_has_only_a_part_of_it_or_none_is_not_told(expression: str) -> None:
    assert told(expression) == []
