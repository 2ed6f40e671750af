"""A request that is tried: told as `kuadrant explain` tells it, and saved as a test that holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.console.topology_index import topology_index
from kuadrant.console.try_page import MOST_TIMES, Tried, try_page
from kuadrant.explanation import RequestError
from tests.unit.console.showing import LIMIT, shown
from tests.unit.explanation.asking import WORLD, policy

if TYPE_CHECKING:
    from pathlib import Path

PER_USER = """
per-user:
  rates: [{limit: 1, window: 10s}]
  when: [{predicate: "'x-user' in request.headers"}]
  counters: [{expression: "request.headers['x-user']"}]
"""
PLAN = (
    "plan: {rates: [{limit: 1, window: 10s}], when: [{predicate: \"request.headers['x-plan'] == 'free'\"}]}"
)
CLAIMS = 'sub: {rates: [{limit: 1, window: 10s}], counters: [{expression: "auth.identity.sub"}]}'


def tried(*policies: str, world: str = WORLD, **request: Any) -> dict[str, Any]:
    of = shown(*policies, world=world)
    assert of.configuration is not None
    asked = Tried(**({"url": "toys.x/toys"} | request))
    return try_page(of.configuration, topology_index(of.topology), asked)


def test_it_is_told_what_becomes_of_it_by_which_limit_and_where_that_is_written() -> None:
    told = tried(policy(LIMIT), method="POST", times=3)
    assert told["verdict"] == "429 Too Many Requests: limit create is reached (2 x admitted before)"
    assert told["explanation"]["limits"][0]["origin"]["line"] == 26
    assert told["short"] in told["verbose"]


def test_values_of_headers_are_masked_in_what_is_explained() -> None:
    told = tried(policy(PER_USER), headers=("x-user: alice",))
    assert "alice" not in str(told["explanation"])
    assert "alice" not in told["verbose"]


@pytest.mark.parametrize(
    ("policies", "request_"),
    [
        ((policy(LIMIT),), {"method": "POST", "times": 3}),
        ((policy(LIMIT),), {"method": "POST", "times": 2}),
        ((policy(LIMIT),), {"url": "http://toys.x/toys?page=1"}),
        ((policy(PER_USER),), {"headers": ("x-user: alice", "X-Other: a", "x-other: b"), "times": 4}),
        ((policy(PLAN),), {"times": 2}),
        ((), {"url": "toys.x/else"}),
        ((), {"url": "http://gw/toys", "headers": ("Host: toys.x",), "source": "10.0.0.7"}),
    ],
)
def test_what_is_saved_is_a_test_that_holds(
    tmp_path: Path, policies: tuple[str, ...], request_: dict[str, Any]
) -> None:
    from kuadrant.cli.policy_tests import run_tests

    (tmp_path / "all.yaml").write_text(WORLD + "".join(policies))
    (tmp_path / "one.kuadrant-test.yaml").write_text(tried(*policies, **request_)["test"])
    assert run_tests(tmp_path) == 0


def test_what_is_not_known_is_no_test() -> None:
    assert tried(policy(CLAIMS.replace("auth.identity.sub", "source.address")), source=None)["test"] is None


def test_the_route_that_a_gateway_told_says_where_the_request_came_in() -> None:
    world = WORLD.replace("port: 80, protocol: HTTP", "port: 8443, protocol: HTTP")
    assert tried(world=world, route="default/toys")["explanation"]["listener"]["port"] == 8443


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"times": 0}, "from 1 to"),
        ({"times": MOST_TIMES + 1}, "from 1 to"),
        ({"headers": ("no colon",)}, "no colon"),
        ({"jwt": "[]"}, "no JSON object"),
        ({"url": "toys.x:81/toys"}, "81"),
    ],
)
def test_what_is_no_request_is_said(request_: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        tried(**request_)
