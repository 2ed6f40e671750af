"""A real Envoy evaluates the expressions that are taken from a policy, with the same answer."""

from __future__ import annotations

import http.client
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kuadrant.policy.budgets import DEFAULT
from kuadrant.policy.expression_check import check_predicate
from kuadrant.policy.expression_error import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e

# A limit of no requests: where the predicate holds it is 429, where it does not 200, where it fails 500.
HOLDS, DOES_NOT_HOLD, FAILS = 429, 200, 500
ANSWERS = {
    "request.method == 'GET'": HOLDS,
    "request.method in ['POST', 'PUT'] // not these": DOES_NOT_HOLD,
    "request.url_path == '/33'": DOES_NOT_HOLD,
    "request.path.matches('^/[0-9]+') && request.query == 'q=1'": HOLDS,
    "request.host == 'api.example.com'": HOLDS,
    "request.scheme == 'http' && request.protocol == 'HTTP/1.1'": HOLDS,
    "request.headers['x-tenant'] == 'a' && request.headers['X-TENANT'] == 'a'": HOLDS,
    "'x-tenant' in request.headers && !('x-other' in request.headers)": HOLDS,
    "request.headers.exists(h, h.startsWith('x-') && request.headers[h] == 'a')": HOLDS,
    "request.headers['x-other'] == 'a'": FAILS,
    "has(request.referer)": DOES_NOT_HOLD,
    "request.referer == ''": FAILS,
    "request.useragent == 'test'": HOLDS,
    "request.id != ''": HOLDS,
    "string(request.size) == '0' && request.total_size > 0": HOLDS,
    "request.time > timestamp('2020-01-01T00:00:00Z') && request.time.getHours() < 24": HOLDS,
    "source.address.startsWith('127.0.0.1:') && source.port > 0": HOLDS,
    "destination.port > 0": HOLDS,
    "connection.mtls || connection.id < 0u": DOES_NOT_HOLD,
    "connection.requested_server_name == ''": HOLDS,
    "has(connection.tls_version)": DOES_NOT_HOLD,
    "has(metadata.filter_metadata)": DOES_NOT_HOLD,
    "has(filter_state.x)": DOES_NOT_HOLD,
    "plugin_name != '' && has(xds.node)": HOLDS,
    "int(request.headers['x-number']) + 1 == 6": HOLDS,
    "duration('1s') < duration('2s') && b'a' == bytes('a') && 'é' == 'é'": HOLDS,
    "type(request.size) == int && size(request.headers) > 0": HOLDS,
    "request.headers.map(h, h).size() == request.headers.filter(h, true).size()": HOLDS,
    "int(request.method) == 0": FAILS,
}


def test_expressions_mean_the_same_to_the_check_and_to_the_gateway(
    start: Callable[..., Kuadrant], tmp_path: Path
) -> None:
    for expression in ANSWERS:
        check_predicate(expression)
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(_documents(list(ANSWERS))))
    kuadrant = start(tmp_path, "--echo")
    headers = {"x-tenant": "a", "x-number": "5", "user-agent": "test"}
    answers = {
        expression: kuadrant.request("GET", f"/{number}?q=1", "api.example.com", **headers).status
        for number, expression in enumerate(ANSWERS)
    }
    assert answers == ANSWERS


NUMBERS = f"[{', '.join(['1'] * 60)}]"
READINGS = (
    "request.query != 'x'",
    "request.headers['b'] != 'x'",
    "has(request.headers.b)",
    "dyn(request)['headers']['b'] != 'x'",
    "(request.headers[request.query] == 'x' || true)",
    "google.protobuf.StringValue{value: request.query} != 'x'",
    "request.headers.exists(h, request.headers[h] == 'x' || true)",
)


def test_what_an_accepted_expression_takes_of_memory_is_within_its_budget(
    start: Callable[..., Kuadrant], tmp_path: Path
) -> None:
    """The gateway copies what is read of a request, each time.

    As much of that as is accepted, for the largest request.
    """
    expressions = [_largest_accepted(reading) for reading in READINGS]
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(_documents(expressions)))
    kuadrant = start(tmp_path, "--echo")
    (envoy,) = (pid for pid in kuadrant.children() if "envoy" in Path(f"/proc/{pid}/comm").read_text())
    taken = {}
    for number, reading in enumerate(READINGS):
        for query, headers in (("q" * 50_000, []), ("q", [("b", "v" * 12_500)] * 4)):
            before = _most_memory(envoy)
            _request(kuadrant.port, f"/{number}?{query}", headers)
            taken[reading, len(headers)] = _most_memory(envoy) - before
    assert max(taken.values()) <= 2 * DEFAULT.expression_memory, taken


def _largest_accepted(reading: str) -> str:
    """``reading`` as often as a policy may have it carried out."""
    for times in range(60, 0, -1):
        expression = f"[{', '.join(['1'] * times)}].all(i, {NUMBERS}.all(j, {reading}))"
        with suppress(ExpressionError):
            check_predicate(expression)
            return expression
    for times in range(60, 0, -1):
        expression = f"[{', '.join(['1'] * times)}].all(i, {reading})"
        with suppress(ExpressionError):
            check_predicate(expression)
            return expression
    pytest.fail(f"not accepted at all: {reading}")


def _most_memory(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) << 10


def _request(port: int, path: str, headers: list[tuple[str, str]]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest("GET", path)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().status in (HOLDS, DOES_NOT_HOLD, FAILS)
    finally:
        connection.close()


def _documents(expressions: list[str]) -> list[dict[str, Any]]:
    """A route for each expression, with a policy that it is the condition of."""
    documents: list[dict[str, Any]] = [
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "gw"},
            "spec": {
                "gatewayClassName": "any",
                "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "app"},
            "spec": {"ports": [{"port": 80}]},
        },
    ]
    for number, expression in enumerate(expressions):
        rule = {
            "matches": [{"path": {"type": "Exact", "value": f"/{number}"}}],
            "backendRefs": [{"name": "app", "port": 80}],
        }
        target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": f"r{number}"}
        limit = {"rates": [{"limit": 0, "window": "10s"}], "when": [{"predicate": expression}]}
        documents += [
            {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "HTTPRoute",
                "metadata": {"name": f"r{number}"},
                "spec": {"parentRefs": [{"name": "gw"}], "rules": [rule]},
            },
            {
                "apiVersion": "kuadrant.io/v1",
                "kind": "RateLimitPolicy",
                "metadata": {"name": f"p{number}"},
                "spec": {"targetRef": target, "limits": {"none": limit}},
            },
        ]
    return documents
