"""What cannot be asked of a real gateway, and when its counters are as fresh as a test expects them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.policy_tests import simulate
from kuadrant.policy_tests.real_run import RealRun, turns_of
from tests.unit.policy_tests.examples import GATEWAY, POLICY, gateway, loaded, read_tests

if TYPE_CHECKING:
    from kuadrant.policy_tests.simulation import Simulated

FILE = read_tests("""\
tests:
- name: posts
  steps:
  - request: {method: POST, host: toys.example.com, path: /toys}
  - advance: 4s
  - request: {method: POST, host: toys.example.com, path: /toys}
- name: posts again
  steps: [request: {method: POST, host: toys.example.com, path: /toys}]
- name: alice, for 10s and for a minute
  steps: [request: {host: toys.example.com, path: /toys, headers: {x-user: alice}}]
- name: bob
  steps: [request: {host: toys.example.com, path: /toys, headers: {x-user: bob}}]
- name: from somewhere
  steps: [{request: {host: toys.example.com, path: /toys}}, {request: {host: a.x, source: 10.0.0.7}}]
- name: with a token
  steps: [{request: {host: a.x, jwt: {sub: alice}}}]
- name: with a large body
  steps: [{request: {host: a.x, headers: {Content-Length: "2000000"}}}]
- name: with an upgrade
  steps: [{request: {host: a.x, headers: {Connection: upgrade, upgrade: websocket}}}]
- name: with what is no length
  steps: [{request: {host: a.x, headers: {Content-Length: "-1"}}}]
""")


def simulated(name: str) -> tuple[int, Simulated]:
    case = [one.name for one in FILE.tests.tests].index(name)
    return case, simulate(FILE, case, gateway(loaded(GATEWAY, POLICY), FILE))


def test_a_test_waits_until_the_windows_of_those_before_it_are_over() -> None:
    run = RealRun(longest_wait=120_000)
    _, posts = simulated("posts")
    _, again = simulated("posts again")
    assert run.wait(again, 100.0) == 0

    run.counted(posts, 104.5)

    # The window began at 0 of the test, and its last request was at 4 s: six more, and the margin.
    assert run.wait(again, 104.5) == 6050
    assert run.wait(again, 110.0) == 550
    assert run.wait(again, 200.0) == 0


def test_only_counters_that_a_test_asks_for_are_waited_for() -> None:
    run = RealRun(longest_wait=120_000)
    _, alice = simulated("alice, for 10s and for a minute")
    run.counted(alice, 100.0)

    assert run.wait(simulated("bob")[1], 100.0) == 0
    assert run.wait(simulated("posts")[1], 100.0) == 0
    assert run.wait(alice, 100.0) == 60_050


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("from somewhere", "steps[1].request.source: a real gateway sees where we are"),
        (
            "with a token",
            "steps[0].request.jwt: a real gateway takes only a token that its issuer has signed",
        ),
        (
            "with an upgrade",
            "steps[0].request.headers.Connection: what is about the connection is up to who sends it",
        ),
        (
            "with a large body",
            "steps[0].request.headers.content-length: a body of 0 to 1048576 bytes can be sent",
        ),
        (
            "with what is no length",
            "steps[0].request.headers.content-length: a body of 0 to 1048576 bytes can be ",
        ),
    ],
)
def test_what_a_client_cannot_do_is_not_asked(name: str, says: str) -> None:
    case, alone = simulated(name)
    assert RealRun(longest_wait=120_000).obstacle(turns_of(FILE, case), alone, 100.0).startswith(says)


def test_a_wait_that_is_too_long_is_not_done() -> None:
    case, posts = simulated("posts")
    turns = turns_of(FILE, case)
    assert RealRun(4000).obstacle(turns, posts, 100.0) == ""
    assert RealRun(3999).obstacle(turns, posts, 100.0) == "takes a wait of 4s; --longest-wait is 3s999ms"

    run = RealRun(5000)
    run.counted(posts, 100.0)
    assert run.obstacle(turns, posts, 100.0) == "takes a wait of 6s50ms; --longest-wait is 5s"
    assert run.obstacle(turns, posts, 105.0) == ""
