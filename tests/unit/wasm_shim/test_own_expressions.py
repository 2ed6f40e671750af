"""Expressions that the module evaluates by itself.

What it reads of a request, and what becomes of failures.
"""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING

import pytest

from kuadrant.expressions import programs

from .examples import action, calls, configuration, configure, entries, limit, request, rule, service
from .proxy_wasm_host import Host

if TYPE_CHECKING:
    from .examples import Json
    from .proxy_wasm_host import Program


def condition(expression: str) -> Json:
    """A condition by its program."""
    return {"program": programs.predicate(expression)}


def counter(expression: str) -> Json:
    """A counter by its program."""
    return {"key": "k", "program": programs.value(expression)}


def counted(host: Host, expression: str, attributes: dict[str, bytes] | None = None) -> str:
    """What the module counts a request by."""
    configure(host, configuration(rule(action(limit(counter(expression))))))
    headers = request("/toys/é\udcff?a=%41&b", "POST", "api.x:80", ("x-a", "1"), ("x-a", "2"))
    (call,) = calls(host, headers, attributes)
    ((_, value),) = entries(call)
    return value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("request.path", "/toys/é\ufffd?a=%41&b"),
        ("request.url_path.split('/')[1].upperAscii()", "TOYS"),
        ("request.method", "POST"),
        ("request.query", "a=%41&b"),
        ("request.headers['X-A']", "1,2"),
        ("request.headers.filter(h, h.startsWith('x-')).map(h, h + request.headers[h]).join()", "x-a1,2"),
        ("request.headers['hos' + 't']", "api.x:80"),
        ("queryMap(request.query)['a']", "A"),
        ("request.?referer.orValue('none')", "none"),
        ("has(request.useragent)", "false"),
        ("request.host", "api.x:80"),
        ("source.port + 1", "8001"),
        ("source.remote_address + '!'", "2001:db8::1!"),
        ("source.remote_address + source.address", "2001:db8::1[2001:db8::1]:8000"),
        ("string(has(source.remote_address))", "true"),
        ("connection.id", "18446744073709551615"),
        ("connection.mtls ? 'm' : 'p'", "m"),
        ("request.time", "2023-11-14T22:13:20Z"),
        ("request.time.getHours('+02:00')", "0"),
        ("'' in request.headers", "false"),
        ("'x\\u0000' in request.headers", "false"),
        ("1.5", "1.5"),
    ],
)
def test_what_it_reads_of_a_request(host: Host, expression: str, value: str) -> None:
    attributes = {
        "source\0port": struct.pack("<q", 8000),
        "source\0address": b"[2001:db8::1]:8000",
        "connection\0id": b"\xff" * 8,
        "connection\0mtls": b"\x01",
        "request\0time": struct.pack("<q", 1_700_000_000 * 10**9),
        # A host takes these paths for all headers, and for the header without the rest of its name.
        "request\0headers\0": b"all",
        "request\0headers\0x\0": b"x",
    }
    assert counted(host, expression, attributes) == value


def test_it_asks_no_evaluator_of_the_host(program: Program) -> None:
    host = Host(program, cel=False)
    assert counted(host, "request.method + 'x'") == "POSTx"


def test_an_attribute_is_read_once_for_all_expressions_of_a_request(host: Host) -> None:
    def reads(count: int) -> int:
        limits = [
            limit(counter(f"request.headers['x'] + '{n}'"), when=[condition("request.headers['x'] == '1'")])
            for n in range(count)
        ]
        configure(host, configuration(rule(action(*limits))))
        host.host_calls.clear()
        assert len(entries(calls(host, request(x="1"))[0])) == count
        return host.host_calls.count("proxy_get_property")

    assert reads(20) == reads(1)


def test_programs_ask_the_host_for_nothing_that_is_not_asked_for_without_them(host: Host) -> None:
    """What a question costs is mostly that it is one: by far more than a usual condition."""
    usual = [
        condition(
            f"request.headers['x'] == '1' && request.method == 'GET' && request.path.startsWith('/{n}')"
        )
        for n in range(10)
    ]

    def asked(*limits: Json) -> list[str]:
        configure(host, configuration(rule(action(*limits))))
        host.host_calls.clear()
        host.end(host.request(request("/x", x="1")))
        return [name for name in host.host_calls if name.startswith("proxy_get_")]

    without = asked(limit(when=[{"selector": "request.path", "operator": "eq", "value": "-"}]))
    with_ten = asked(*[limit(when=[one]) for one in usual])
    assert with_ten == without
    assert with_ten.count("proxy_get_header_map_pairs") == 1


def test_the_clock_is_asked_when_programs_have_taken_more_steps_than_are_free(host: Host) -> None:
    def asked(path: str) -> int:
        long = [limit(when=[condition(f"request.path.matches('(a?){{9}}{n}')")]) for n in range(5)]
        configure(host, configuration(rule(action(*long))))
        host.host_calls.clear()
        host.end(host.request(request(path)))
        return host.host_calls.count("proxy_get_current_time_nanoseconds")

    assert asked("/a") == 0
    assert asked("/" + "a" * 1000) > 0


def test_an_attribute_is_read_again_for_the_next_request(host: Host) -> None:
    configure(
        host, configuration(rule(action(limit(counter("request.headers.map(h, request.headers[h]).join()")))))
    )
    assert [entries(calls(host, request(x=value))[0])[0][1][-1] for value in "12"] == ["1", "2"]


BROKEN = ["request.headers['absent'] == 'x'", "request.method"]


@pytest.mark.parametrize("expression", BROKEN)
def test_a_failure_follows_the_failure_mode(host: Host, expression: str) -> None:
    limits = [limit(when=[condition(expression)]), limit({"key": "whole", "value": "1"})]
    configure(host, configuration(rule(action(*limits))))
    assert host.request(request()).response.status == 500
    configure(host, configuration(rule(action(*limits)), services={"limiter": service(failureMode="allow")}))
    assert [entries(call) for call in calls(host, request())] == [[("whole", "1")]]


def test_too_much_work_refuses_the_request_whatever_the_failure_mode(host: Host) -> None:
    limits = [limit(when=[condition("request.path.matches('(a?){60}b') || true")])]
    configure(host, configuration(rule(action(*limits)), services={"limiter": service(failureMode="allow")}))
    assert host.request(request("/" + "a" * 20_000)).response.status == 500
    assert len(calls(host, request("/aa"))) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("AgAAAg==", "is for a newer module, this one reads programs of version 1"),
        (base64.b64encode(b"\x01\x01\x00\x7f\x10\x00").decode(), "is for a newer module"),
        ("AQAA!", "is no program"),
        ("", "is no program"),
        ("AQ==", "is no program"),
    ],
)
def test_what_is_no_program_refuses_the_configuration(host: Host, text: str, said: str) -> None:
    document = configuration(rule(action(limit(when=[{"program": text}]))))
    assert not host.configure(json.dumps(document).encode())
    assert host.errors[-1].startswith(
        f"configuration refused: hosts[0].rules[0].actions[0].limits[0].when[0].program: {said}"
    )
