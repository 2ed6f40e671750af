"""Whose expressions take too much of a gateway's worker waits for that himself: nobody else does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.expressions import programs

from .examples import action, configuration, configure, limit, request, rule, service
from .slow_host import SlowHost

if TYPE_CHECKING:
    from .proxy_wasm_host import Header, Program

SMALL, LARGE = request("/hostile"), request("/hostile", x="a" * 5000)
HONEST = request("/honest", x="a" * 5000)


def policies(mode: str = "deny") -> dict[str, Any]:
    """Two tenants with an expression each on one gateway."""

    def of(tenant: str) -> dict[str, Any]:
        expression = {"expression": f"request.path == '/{tenant}'"}
        path = {"type": "exact", "value": f"/{tenant}"}
        return rule(action(limit(when=[expression]), scope=f"{tenant}/route"), name=tenant, path=path)

    return configuration(of("hostile"), of("honest"), services={"limiter": service(failureMode=mode)})


@pytest.fixture(params=["deny", "allow"])
def host(program: Program, request: pytest.FixtureRequest) -> SlowHost:
    """A worker with both tenants' policies, whatever the failure mode."""
    one = SlowHost(program)
    configure(one, policies(request.param))
    return one


def test_who_has_taken_long_is_refused_until_that_is_made_up_for_and_nobody_else_is(host: SlowHost) -> None:
    assert host.answers(LARGE, 150)
    assert not host.answers(LARGE)
    assert host.answers(HONEST)
    host.tick(40_000)
    assert not host.answers(LARGE)
    host.tick(20_000)
    assert host.answers(LARGE)


def test_what_is_refused_is_not_evaluated(host: SlowHost) -> None:
    assert host.answers(LARGE, 300)
    host.host_calls.clear()
    assert not host.answers(LARGE)
    assert "proxy_call_foreign_function" not in host.host_calls


def test_small_requests_are_not_refused_for_what_large_ones_took(host: SlowHost) -> None:
    """Large ones are a client's choice: it is not to break the route for others."""
    assert host.answers(LARGE, 5000)
    assert all(host.answers(SMALL, 1.9) for _ in range(300))


def test_small_requests_that_take_long_are_refused_in_their_turn(host: SlowHost) -> None:
    assert sum(host.answers(SMALL, 25) for _ in range(200)) < 50
    assert host.answers(LARGE)
    host.tick(10_000)
    assert host.answers(SMALL)


def test_an_interruption_now_and_then_is_not_held_against_anybody(host: SlowHost) -> None:
    """The clock goes on while the worker has no processor.

    50 ms once a second, in a request that costs nothing.
    """
    for _ in range(60):
        assert host.answers(SMALL, 50)
        assert all(host.answers(SMALL, 0.1) for _ in range(9))
        host.tick(1000)


def test_a_large_request_is_refused_as_soon_as_its_expressions_have_taken_too_long(program: Program) -> None:
    host = SlowHost(program)
    conditions = [{"expression": f"request.path != '/{number}'"} for number in range(20)]
    configure(host, configuration(rule(action(limit(when=conditions)))))
    assert host.answers(SMALL, 20)
    host.host_calls.clear()
    assert not host.answers(LARGE, 20)
    assert host.host_calls.count("proxy_call_foreign_function") == 3


def test_another_configuration_pays_no_debt(host: SlowHost) -> None:
    assert host.answers(LARGE, 300)
    configure(host, policies())
    assert not host.answers(LARGE)
    host.delete_root(host.root)
    host.root = host.create_root()
    configure(host, policies())
    assert not host.answers(LARGE)


def test_it_is_told_once_in_a_minute_whose_expressions_take_too_much(host: SlowHost) -> None:
    def told() -> list[str]:
        return [text for level, text in host.logs if level == "warn" and '"hostile/route"' in text]

    assert host.answers(LARGE, 3000)
    for _ in range(10):
        assert not host.answers(LARGE)
    (line,) = told()
    assert "expressions of its namespace have taken too much of this worker's time" in line
    host.tick(61_000)
    assert not host.answers(LARGE)
    assert len(told()) == 2


HUGE = request("/hostile", x="a" * 40_000)


def searching(times: int) -> dict[str, Any]:
    """The hostile tenant's conditions, each of which goes through a header of the request."""
    conditions = [
        {"program": programs.predicate(f"!request.headers['x'].contains('{number}')")}
        for number in range(times)
    ]
    path = {"type": "exact", "value": "/hostile"}
    one = limit(when=conditions)
    return configuration(rule(action(one, scope="hostile/route"), name="hostile", path=path))


def admitted(host: SlowHost, headers: list[Header], most: int = 1000) -> int:
    """How many of so many requests are looked at before one is refused."""
    return next((number for number in range(most) if not host.answers(headers)), most)


def test_our_own_evaluator_is_held_to_steps_so_that_a_busy_machine_is_nobodys_debt(program: Program) -> None:
    host = SlowHost(program)
    configure(host, searching(30))
    assert 40 <= admitted(host, HUGE) <= 70
    assert host.answers(request("/hostile", x="a"))
    host.tick(60_000)
    assert host.answers(HUGE)


def test_a_request_that_takes_a_moment_is_paid_back_sooner_than_one_that_holds_up_the_worker(
    program: Program,
) -> None:
    """So has a tenant a tenth of a worker with short ones, and a five hundredth with long ones."""
    host = SlowHost(program)
    configure(host, searching(12))
    assert 100 < admitted(host, HUGE) < 300
    host.tick(1000)
    assert 100 < admitted(host, HUGE) < 300
    configure(host, searching(30))
    host.tick(1000)
    admitted(host, HUGE)
    host.tick(1000)
    assert 1 <= admitted(host, HUGE) <= 4


def test_no_request_takes_a_worker_long(program: Program) -> None:
    host = SlowHost(program)
    configure(host, searching(1000))
    assert not host.answers(HUGE)
    assert host.answers(request("/hostile", x="a"))


def test_what_honest_policies_take_is_never_put_down(program: Program) -> None:
    """Ten conditions about a cookie of 4 KB, or forty about short texts, however many requests come."""
    host = SlowHost(program)
    configure(host, searching(10))
    assert admitted(host, request("/hostile", x="a" * 5000), 5000) == 5000
    configure(host, searching(40))
    assert admitted(host, request("/hostile", x="a" * 100), 5000) == 5000


@pytest.mark.slow
def test_however_many_tenants_there_are_the_accounts_have_an_end(program: Program) -> None:
    host = SlowHost(program)

    def of(number: int) -> dict[str, Any]:
        expression = {"expression": "request.method == 'GET'"}
        path = {"type": "exact", "value": f"/{number}"}
        return rule(action(limit(when=[expression]), scope=f"t{number}/route"), path=path)

    configure(host, configuration(*map(of, range(1500))))
    for number in range(1500):
        assert host.answers(request(f"/{number}"), 2.1)
    # Those of before have paid by now.
    assert host.answers(request("/1499", x="a" * 5000), 300)
    assert not host.answers(request("/1499", x="a" * 5000))
