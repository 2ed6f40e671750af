"""The expressions that are taken from a policy are those that a real Envoy evaluates, with the same answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kuadrant.policy.cel import check_predicate
from kuadrant.policy.condition import UNDECIDABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
    UNDECIDABLE.expression: FAILS,
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
