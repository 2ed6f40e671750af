"""What real Envoy shows of a request, to selectors and to expressions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from .conftest import Envoy, Service, cluster, configuration, limited, rule, send
from .message_strings import strings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e

HEAD = (
    "PUT /toys/1?a=b&c HTTP/1.1\r\nHost: API.toystore.com:8080\r\nUser-Agent: curl\r\nReferer: "
    "http://r/\r\nX-User: bob\r\nX-Twice: 1\r\nx-twice: 2\r\nX-Empty:\r\nContent-Length: 3"
)
METADATA = "metadata.filter_metadata.envoy\\.filters\\.http\\.test.key"

SELECTORS = {
    "request.method": "PUT",
    "request.path": "/toys/1?a=b&c",
    "request.url_path": "/toys/1",
    "request.query": "a=b&c",
    "request.host": "api.toystore.com",
    "request.scheme": "http",
    "request.protocol": "HTTP/1.1",
    "request.useragent": "curl",
    "request.referer": "http://r/",
    "request.size": "3",
    "request.headers.x-user": "bob",
    "request.headers.X-User": "bob",
    "request.headers.x-twice": "1,2",
    "request.headers.x-empty": "",
    "request.headers.absent": None,
    "request.nothing": None,
    "nothing": None,
    "source.remote_address": "127.0.0.1",
    "connection.mtls": "false",
    "xds.node.id": "test",
    METADATA: "of the route",
    "auth.identity.user": None,
}
PATTERNS = {
    "request.id": r"[0-9a-f-]{36}",
    "request.time": r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
    "source.address": r"127\.0\.0\.1:\d+",
    "source.port": r"\d+",
    "destination.address": r"127\.0\.0\.1:\d+",
    "destination.port": r"\d+",
    "connection.id": r"\d+",
    "request.total_size": r"\d+",
}
EXPRESSIONS = {
    "request.method == 'PUT' ? 'yes' : 'no'": "yes",
    "request.url_path.startsWith('/toys')": "true",
    "request.headers['x-user'] + '!'": "bob!",
    "request.headers['x-twice']": "1,2",
    "'x-user' in request.headers": "true",
    "has(request.headers.absent)": "false",
    "request.headers.exists(h, h == 'x-user' && request.headers[h] == 'bob')": "true",
    "request.url_path.matches('^/toys/[0-9]+$')": "true",
    "size(request.path)": "13",
    "1.5": "1.5",
    "'\\u00e9'": "é",
    "source.address.split": None,
    "request.headers['absent']": None,
    "nothing": None,
    "[1]": None,
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Envoy, Service]]:
    """For every attribute a limit; a service that allows what cannot be evaluated."""
    limiter = Service()
    lenient = {"cluster": "limiter", "timeoutMs": 2000, "failureMode": "allow"}

    def document(*entries: dict[str, str]) -> dict[str, object]:
        shown = configuration(rule(), limiter=lenient)
        shown["hosts"][0]["rules"][0]["actions"][0]["limits"] = [{"entries": [entry]} for entry in entries]
        return shown

    selected = document(*({"key": name, "selector": name} for name in [*SELECTORS, *PATTERNS]))
    evaluated = document(*({"key": text, "expression": text} for text in EXPRESSIONS))
    route = {
        "match": {"prefix": "/"},
        "direct_response": {"status": 200},
    }
    set_metadata = {
        "name": "metadata",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config",
            "metadata": [{"metadata_namespace": "envoy.filters.http.test", "value": {"key": "of the route"}}],
        },
    }
    hosts = [{"name": "all", "domains": ["*"], "routes": [route]}]
    listeners = [limited("selectors", selected, hosts), limited("expressions", evaluated, hosts)]
    filters = listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
    filters.insert(0, set_metadata)
    envoy = Envoy(
        tmp_path_factory.mktemp("attributes"), listeners, [cluster("limiter", limiter.port, http2=True)]
    )
    yield envoy, limiter
    envoy.stop()
    limiter.stop()


def entries(gateway: tuple[Envoy, Service], listener: str) -> dict[str, str]:
    """What the service is asked."""
    envoy, limiter = gateway
    assert send(envoy.ports[listener], HEAD, b"xyz").status == 200
    _, descriptor = strings(limiter.requests[-1])
    pairs = [strings(entry) for entry in strings(descriptor)]
    return {pair[0].decode(): pair[1].decode() for pair in pairs}


def test_selectors(gateway: tuple[Envoy, Service]) -> None:
    found = entries(gateway, "selectors")
    assert {name: found.get(name) for name in SELECTORS} == SELECTORS
    assert [
        name for name, pattern in PATTERNS.items() if not re.fullmatch(pattern, found.get(name, "absent"))
    ] == []
    now = datetime.now(UTC)
    assert now - timedelta(minutes=1) < datetime.fromisoformat(found["request.time"]) <= now


def test_expressions(gateway: tuple[Envoy, Service]) -> None:
    found = entries(gateway, "expressions")
    assert {text: found.get(text) for text in EXPRESSIONS} == EXPRESSIONS
