"""What a request costs a limit: it is told to the service, and what costs nothing is not asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.expressions.programs import value as program

from .examples import action, calls, configuration, configure, entries, entry, limit, request, rule, service

if TYPE_CHECKING:
    from .examples import Json
    from .proxy_wasm_host import Host

EXPRESSION = "uint(int(request.headers['x-cost']))"
FORMS = {"expression": {"expression": EXPRESSION}, "program": {"program": program(EXPRESSION)}}


def costing(form: str, **more: Any) -> Json:
    return {**limit(entry("a"), entry("u", "me")), "cost": FORMS[form], **more}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_a_request_costs_is_told_by_the_limits_key(host: Host, form: str) -> None:
    configure(host, configuration(rule(action(costing(form), limit(entry("b"))))))
    (call,) = calls(host, request(x_cost="7"))
    assert entries(call) == [("a", "1"), ("u", "me"), ("kuadrant:hits:a", "7"), ("b", "1")]


def test_a_limit_for_which_a_request_costs_nothing_does_not_hold(host: Host, form: str) -> None:
    configure(host, configuration(rule(action(costing(form), limit(entry("b"))))))
    (call,) = calls(host, request(x_cost="00"))
    assert entries(call) == [("b", "1")]


@pytest.mark.parametrize("cost", ["-1", "many"])
def test_what_is_no_number_of_hits_is_for_the_failure_mode(host: Host, form: str, cost: str) -> None:
    configure(host, configuration(rule(action(costing(form), limit(entry("b"))))))
    stream = host.request(request(x_cost=cost))
    assert (stream.state, host.calls) == ("answered", [])
    assert any(text.endswith(', limit "a", cost') or ', limit "a", cost;' in text for _, text in host.logs)


def test_where_failures_are_let_through_the_limit_is_left_out(host: Host, form: str) -> None:
    services = {"limiter": service(failureMode="allow")}
    configure(host, configuration(rule(action(costing(form), limit(entry("b")))), services=services))
    (call,) = calls(host, request(x_cost="-1"))
    assert entries(call) == [("b", "1")]


def test_a_limit_in_shadow_has_a_cost_too(host: Host, form: str) -> None:
    configure(host, configuration(rule(action(costing(form, shadow=True)))))
    (call,) = calls(host, request(x_cost="2"))
    assert entries(call) == [("a", "1"), ("u", "me"), ("kuadrant:hits:a", "2")]
    assert calls(host, request(x_cost="-1")) == []
