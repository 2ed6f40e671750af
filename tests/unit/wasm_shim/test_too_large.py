"""What cannot be looked at is not let through, whatever the failure mode: a client could choose it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .examples import action, calls, configuration, configure, limit, paused, request, rule, service
from .proxy_wasm_host import Host

if TYPE_CHECKING:
    from .proxy_wasm_host import Header, Program

LARGEST = 64 * 1024
MODES = pytest.mark.parametrize("mode", ["deny", "allow"])


def of_size(size: int) -> list[Header]:
    """A request whose headers have that many bytes together."""
    rest = sum(len(name) + len(value) for name, value in request(x=""))
    return request(x="a" * (size - rest))


def limited(mode: str, *limits: dict[str, Any], **match: Any) -> dict[str, Any]:
    services = {"limiter": service(failureMode=mode)}
    return configuration(rule(action(*limits), **match), services=services)


@MODES
@pytest.mark.parametrize(
    ("limits", "match"),
    [
        ([limit(when=[{"expression": "request.method == 'GET'"}])], {}),
        ([limit({"key": "k", "expression": "request.method"})], {}),
        ([limit(), limit({"key": "k", "expression": "request.method"})], {}),
        ([limit()], {"path": {"type": "regex", "value": "/.*"}}),
        ([limit()], {"headers": [{"name": "x", "type": "regex", "value": "a*"}]}),
    ],
    ids=["condition", "counter", "of one limit of two", "path", "header"],
)
def test_no_expression_is_evaluated_for_a_request_that_is_too_large(
    host: Host, mode: str, limits: list[dict[str, Any]], match: dict[str, Any]
) -> None:
    configure(host, limited(mode, *limits, **match))
    assert len(calls(host, of_size(LARGEST))) == 1
    host.host_calls.clear()
    stream = host.request(of_size(LARGEST + 1))
    assert (stream.response.status, stream.response.body) == (500, b"Internal Server Error.\n")
    assert "proxy_call_foreign_function" not in host.host_calls
    assert host.metrics["kuadrant.errors"] == 1


def test_without_an_expression_a_request_may_be_of_any_size(host: Host) -> None:
    configure(host, limited("deny", limit({"key": "k", "selector": "request.headers.x"})))
    assert len(calls(host, of_size(3 * LARGEST))) == 1


def test_the_size_is_known_without_being_asked_for(host: Host) -> None:
    conditions = [{"expression": f"request.method != '{n}'"} for n in range(5)]
    configure(host, limited("deny", limit(when=conditions)))
    host.host_calls.clear()
    paused(host)
    assert "proxy_get_header_map_size" not in host.host_calls


@MODES
def test_a_request_whose_counters_there_is_no_memory_for(program: Program, mode: str) -> None:
    host = Host(program, memory=3 << 20)
    configure(host, limited(mode, limit({"key": "k", "selector": "request.headers.x"})))
    assert host.request(request(x="a" * (4 << 20))).response.status == 500
    assert paused(host, request(x="1"))[0].state == "paused", "and the next one is served"


@MODES
def test_a_request_whose_expressions_there_is_no_memory_for(program: Program, mode: str) -> None:
    host = Host(program, memory=3 << 20)
    text = "request.path"
    for _ in range(7):
        text = f"({text} + {text})"
    configure(host, limited(mode, limit({"key": "k", "expression": text})))
    assert host.request(request("/" + "a" * 50_000)).response.status == 500
    assert paused(host)[0].state == "paused"


@MODES
def test_a_question_that_is_larger_than_the_service_takes_is_not_asked(host: Host, mode: str) -> None:
    counters = [limit({"key": f"k{n}", "selector": "request.headers.x"}) for n in range(20)]
    configure(host, limited(mode, *counters))
    assert len(calls(host, request(x="a" * 12_500))) == 1
    assert host.request(request(x="a" * 13_200)).response.status == 500
    assert len(host.calls) == 1


def matching(pattern: str) -> dict[str, Any]:
    return limit(when=[{"selector": "request.headers.x", "operator": "matches", "value": pattern}])


@pytest.mark.parametrize(
    ("pattern", "too_long"),
    [
        pytest.param("?" * 1536, False, id="most"),
        pytest.param("?" * 1537, True, id="one more"),
        pytest.param("a?" * 768, False, id="most of two kinds"),
        pytest.param("a?" * 768 + "?", True, id="one more of two kinds"),
        pytest.param("a+" * 512, False, id="1024 characters"),
        pytest.param("?" * 3000 + "*", False, id="what a * makes of no account"),
    ],
)
def test_a_pattern_that_is_too_long_follows_the_failure_mode(
    host: Host, pattern: str, too_long: bool
) -> None:
    configure(host, limited("deny", matching(pattern)))
    stream = host.request(request(x="a"))
    assert bool(stream.local_responses) == too_long
    configure(host, limited("allow", matching(pattern), limit()))
    assert len(calls(host, request(x="a"))) == 1
