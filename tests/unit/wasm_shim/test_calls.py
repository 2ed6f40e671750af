"""What the rate limit service is asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .examples import (
    CLUSTER_TARGET,
    OK,
    action,
    calls,
    configuration,
    configure,
    entries,
    entry,
    fields,
    limit,
    request,
    rule,
    service,
)

if TYPE_CHECKING:
    from .proxy_wasm_host import Host


def test_the_bytes_of_a_request(host: Host) -> None:
    configure(host, configuration(rule(action(limit(entry("admin", "1")), scope="RLS-domain"))))
    (call,) = calls(host, request())
    assert call.message == bytes.fromhex("0a0a") + b"RLS-domain" + bytes.fromhex(
        "120c0a0a0a05"
    ) + b"admin" + bytes.fromhex("1201") + b"1" + bytes.fromhex("1801")
    assert call.method == "envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
    assert call.timeout_ms == 1000


def test_a_cluster_is_never_passed_as_a_bare_name(host: Host) -> None:
    # A name that parses as a GrpcService message by chance ends the Envoy process at the first request.
    configure(host, configuration())
    (call,) = calls(host, request())
    assert call.target == CLUSTER_TARGET


def test_what_a_service_is_to_be_shown_goes_along_with_every_call_before_what_the_client_sent(
    host: Host,
) -> None:
    first, other = service(metadata={"x-token": "a b", "x-more": ""}), service()
    actions = (action(scope="a"), action(scope="b"), action(scope="c", service="other"))
    configure(host, configuration(rule(*actions), services={"limiter": first, "other": other}))
    calls(host, request(traceparent="00-1", **{"x-token": "mine"}))
    while len(host.calls) < len(actions):
        host.answer(host.calls[-1], OK)
    tracing = (b"traceparent", b"00-1")
    token = ((b"x-token", b"a b"), (b"x-more", b""), tracing)
    assert [one.metadata for one in host.calls] == [token, token, (tracing,)]
    assert "a b" not in "".join(map(str, host.errors))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "v"),
        ("X", "v"),
        (":path", "v"),
        ("grpc-timeout", "1S"),
        ("x-bin", "v"),
        ("a b", "v"),
        ("x", "secret\n"),
        ("x", "secr\u00e9t"),
    ],
)
def test_what_grpc_does_not_take_is_refused_and_not_logged(host: Host, name: str, value: str) -> None:
    document = configuration(services={"limiter": service(metadata={name: value})})
    assert not host.configure(json.dumps(document).encode())
    (line,) = host.errors
    assert (
        line
        == "configuration refused: services.limiter.metadata: has a name or a value that gRPC does not take"
    )


def test_a_google_grpc_target_needs_no_cluster(host: Host) -> None:
    target = {"googleGrpc": "dns:///limitador:8081", "timeoutMs": 250, "failureMode": "deny"}
    configure(host, configuration(services={"limiter": target}))
    (call,) = calls(host, request())
    ((_, target),) = fields(call.target)
    address, prefix, (_, arguments) = fields(target)
    assert (address, prefix) == ((1, b"dns:///limitador:8081"), (4, b"kuadrant"))
    named = {name: value for (_, name), (_, value) in (fields(entry) for _, entry in fields(arguments))}
    # A call waits for its connection, for as long as it may.
    ((_, text),) = fields(named[b"grpc.service_config"])
    assert json.loads(text) == {"methodConfig": [{"name": [{}], "waitForReady": True}]}
    assert fields(named[b"grpc.max_reconnect_backoff_ms"]) == [(2, 1000)]
    assert call.timeout_ms == 250


@pytest.mark.row(145)
def test_all_limits_of_an_action_are_one_descriptor(host: Host) -> None:
    limits = [
        limit(entry("limit.a"), {"key": "user", "selector": "request.headers.x-user"}),
        limit(entry("limit.b"), {"key": "user", "selector": "request.headers.x-user"}),
        limit(entry("limit.c"), when=[{"selector": "request.method", "operator": "eq", "value": "PUT"}]),
        limit(entry("limit.b", "2"), {"key": "path", "expression": "request.path"}),
    ]
    configure(host, configuration(rule(action(*limits))))
    (call,) = calls(host, request("/x", x_user="bob"))
    # an equal key and value once, an equal key with another value again
    assert entries(call) == [
        ("limit.a", "1"),
        ("user", "bob"),
        ("limit.b", "1"),
        ("limit.b", "2"),
        ("path", "/x"),
    ]


@pytest.mark.parametrize("count", [1, 7, 8, 9, 10, 100])
def test_an_entry_is_sent_once_however_many_there_are(host: Host, count: int) -> None:
    own = [entry(f"k{n}") for n in range(count)]
    broken = [*own[::2], entry("of a limit that is left out"), {"key": "k", "expression": "1 / 0"}]
    limits = [limit(*own), limit(*broken), limit(*own[::-1]), limit(*own, entry("last"))]
    configure(host, configuration(rule(action(*limits)), services={"limiter": service(failureMode="allow")}))
    (call,) = calls(host, request())
    assert entries(call) == [*((f"k{n}", "1") for n in range(count)), ("last", "1")]


def test_no_limit_that_applies_is_no_call(host: Host) -> None:
    never = {"selector": "request.method", "operator": "eq", "value": "PUT"}
    configure(host, configuration(rule(action(limit(when=[never])))))
    assert host.request(request()).state == "continued"
    assert host.calls == []
    assert host.metrics["kuadrant.allowed"] == 1


def test_an_entry_without_a_value_takes_its_whole_limit_out(host: Host) -> None:
    limits = [
        limit(entry("before"), {"key": "user", "selector": "request.headers.x-user"}, entry("after")),
        limit(entry("other")),
    ]
    configure(host, configuration(rule(action(*limits))))
    assert [entries(call) for call in calls(host, request())] == [[("other", "1")]]
    assert len(entries(calls(host, request(x_user=""))[0])) == 4, (
        "a header that is there and empty has a value"
    )


def test_an_entry_may_have_a_default(host: Host) -> None:
    configure(
        host,
        configuration(
            rule(action(limit({"key": "u", "selector": "request.headers.x-user", "default": "nobody"})))
        ),
    )
    assert [entries(calls(host, headers)[0]) for headers in (request(), request(x_user="bob"))] == [
        [("u", "nobody")],
        [("u", "bob")],
    ]


def test_a_counter_of_a_header_that_came_twice_has_both_values(host: Host) -> None:
    configure(host, configuration(rule(action(limit({"key": "u", "selector": "request.headers.x-user"})))))
    (call,) = calls(host, request("/", "GET", "h", ("x-user", "a"), ("x-user", "b")))
    assert entries(call) == [("u", "a,b")]


@pytest.mark.parametrize(
    ("expression", "text"),
    [("1 + 1", "2"), ("1.5", "1.5"), ("true", "true"), ("request.method", "GET"), ("'é'", "é")],
)
def test_the_value_of_an_expression_is_sent_as_text(host: Host, expression: str, text: str) -> None:
    configure(host, configuration(rule(action(limit({"key": "k", "expression": expression})))))
    (call,) = calls(host, request())
    assert call.message.endswith(text.encode() + b"\x18\x01")


def test_an_expression_without_a_value_follows_the_failure_mode(host: Host) -> None:
    limits = [limit({"key": "k", "expression": "request.headers['absent']"}), limit(entry("other"))]
    configure(host, configuration(rule(action(*limits))))
    assert host.request(request()).response.status == 500
    configure(host, configuration(rule(action(*limits)), services={"limiter": service(failureMode="allow")}))
    assert [entries(call) for call in calls(host, request())] == [[("other", "1")]]


def test_tracing_headers_are_passed_on(host: Host) -> None:
    configure(host, configuration())
    (call,) = calls(host, request(traceparent="00-1-2-01", baggage="k=v", x_other="1"))
    assert call.metadata == ((b"traceparent", b"00-1-2-01"), (b"baggage", b"k=v"))
    (call,) = calls(host, request(tracestate="a=b"))
    assert call.metadata == ((b"tracestate", b"a=b"),)


def test_tracing_headers_that_may_come_in_parts_are_passed_on_whole(host: Host) -> None:
    configure(host, configuration())
    (call,) = calls(
        host,
        request(
            "/",
            "GET",
            "h",
            ("tracestate", "a=1"),
            ("tracestate", "b=2"),
            ("baggage", "c=3"),
            ("baggage", "d=4"),
        ),
    )
    assert call.metadata == ((b"tracestate", b"a=1,b=2"), (b"baggage", b"c=3,d=4"))


@pytest.mark.parametrize(
    ("headers", "passed"),
    [
        ({"traceparent": "1" * 55, "tracestate": "2" * 512, "baggage": "3" * 3529}, [55, 512, 3529]),
        ({"traceparent": "1" * 55, "tracestate": "2" * 512, "baggage": "3" * 3530}, [55, 512]),
        ({"tracestate": "2" * 50_000, "baggage": "3"}, [1]),
        ({"traceparent": "00-\udcff", "tracestate": "a\tb", "baggage": "k=v"}, [3]),
    ],
    ids=["as much as fits", "one byte too many", "a large one before others", "what gRPC does not take"],
)
def test_no_tracing_header_makes_the_service_refuse_the_call(
    host: Host, headers: dict[str, str], passed: list[int]
) -> None:
    configure(host, configuration())
    (call,) = calls(host, request(**headers))
    assert [len(value) for _, value in call.metadata] == passed


@pytest.mark.parametrize(
    ("sent", "counted"),
    [
        ("größer €", "größer €"),
        ("\udcff\udcfe", "\ufffd\ufffd"),
        ("a\udcc3(", "a\ufffd("),
        ("\udced\udca0\udc80", "\ufffd\ufffd\ufffd"),
        ("cut \udce2\udc82", "cut \ufffd\ufffd"),
        ("\udcf0\udc9f\udc98b", "\ufffd\ufffd\ufffdb"),
    ],
)
def test_a_value_that_is_no_utf_8_is_sent_as_text_that_the_service_takes(
    host: Host, sent: str, counted: str
) -> None:
    configure(host, configuration(rule(action(limit({"key": "k", "selector": "request.headers.x"})))))
    (call,) = calls(host, request(x=sent))
    assert entries(call) == [("k", counted)]


def test_every_action_is_one_call_after_the_other(host: Host) -> None:
    services = {"limiter": service(), "other": service(cluster="second", timeoutMs=5)}
    configure(
        host, configuration(rule(action(scope="a"), action(scope="b", service="other")), services=services)
    )
    stream = host.request(request())
    assert [call.message[2:3] for call in host.calls] == [b"a"]
    host.answer(host.calls[0], OK)
    assert [call.message[2:3] for call in host.calls] == [b"a", b"b"]
    assert (host.calls[1].target, host.calls[1].timeout_ms) == (b"\x0a\x08\x0a\x06second", 5)
    assert stream.state == "paused"
    host.answer(host.calls[1], OK)
    assert (stream.state, stream.continued) == ("continued", 1)


def test_later_calls_are_made_of_what_the_request_was_when_it_came(host: Host) -> None:
    # The host evaluates no expressions while it hands over an answer.
    evaluated = limit(
        {"key": "k", "expression": "request.path"}, when=[{"expression": "request.method == 'GET'"}]
    )
    configure(host, configuration(rule(action(scope="a"), action(evaluated, scope="b"))))
    host.request(request("/x"))
    host.answer(host.calls[0], OK)
    assert entries(host.calls[1])[0] == ("k", "/x")


def test_a_request_without_a_rule_makes_no_call_and_is_not_counted(host: Host) -> None:
    configure(host, configuration(rule(path={"type": "exact", "value": "/toys"})))
    assert host.request(request("/other")).state == "continued"
    assert host.metrics["kuadrant.requests"] == 0


def test_a_value_of_200_kilobytes_is_sent(host: Host) -> None:
    configure(host, configuration(rule(action(limit({"key": "k", "selector": "request.headers.x"})))))
    (call,) = calls(host, request(x="x" * 200_000))
    assert call.message.count(b"x") == 200_000
