"""The shim finds the rule of every request whose route Envoy's own router finds.

Where it does not, nothing is limited.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import cluster, limited, send, service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Answer, Envoy, Json, Service

pytestmark = pytest.mark.e2e

HOSTS = ["api.toystore.com", "*.toystore.com", "*.v1.toystore.com", "[::1]", "*"]
MATCHES: list[Json] = [
    {"path": {"type": "exact", "value": "/toys"}, "method": "POST"},
    {"path": {"type": "exact", "value": "/toys"}},
    {"path": {"type": "exact", "value": "/%74oys"}},
    {"path": {"type": "exact", "value": "/"}},
    {"path": {"type": "prefix", "value": "/toys/big"}},
    {"path": {"type": "prefix", "value": "/toys"}},
    {"path": {"type": "regex", "value": "/v[0-9]+(/.*)?"}},
    {"path": {"type": "regex", "value": "/a|/b"}},
    {"headers": [{"name": "x-tenant", "type": "exact", "value": "a"}]},
    {"headers": [{"name": "x-tenant", "type": "exact", "value": "a,b"}]},
    {"headers": [{"name": "x-tenant", "type": "exact", "value": "a, b"}]},
    {"headers": [{"name": "x-tenant", "type": "exact", "value": ""}]},
    {"headers": [{"name": "x-version", "type": "regex", "value": "v[0-9]|w"}]},
    {"headers": [{"name": "cookie", "type": "exact", "value": "c=1; d=2"}]},
    {"headers": [{"name": "host", "type": "exact", "value": "special"}]},
    {"headers": [{"name": "user-agent", "type": "exact", "value": "x"}]},
    {"query": [{"name": "q", "type": "exact", "value": "a"}]},
    {"query": [{"name": "q", "type": "exact", "value": "%61"}]},
    {"query": [{"name": "q", "type": "exact", "value": "a b"}]},
    {"query": [{"name": "q", "type": "exact", "value": "a+b"}]},
    {"query": [{"name": "q", "type": "exact", "value": ""}]},
    {"query": [{"name": "%71", "type": "exact", "value": "a"}]},
    {"query": [{"name": "r", "type": "regex", "value": "v[0-9]|w"}]},
    {"query": [{"name": "r", "type": "regex", "value": '["\\\\]'}]},
    {"path": {"type": "prefix", "value": "/last"}},
    {"headers": [{"name": "host", "type": "exact", "value": "a,b"}]},
]


def route(match: Json, name: str) -> Json:
    """The route that Envoy's router takes for a match of Gateway API."""
    result: Json = {}
    path = match.get("path", {"type": "prefix", "value": "/"})
    if path["type"] == "exact":
        result["path"] = path["value"]
    elif path["type"] == "regex":
        result["safe_regex"] = {"regex": path["value"]}
    elif path["value"] == "/":
        result["prefix"] = "/"
    else:
        result["path_separated_prefix"] = path["value"]

    def string(one: Json) -> Json:
        return {"safe_regex": {"regex": one["value"]}} if one["type"] == "regex" else {"exact": one["value"]}

    headers = [{"name": one["name"], "string_match": string(one)} for one in match.get("headers", [])]
    if "method" in match:
        headers.append({"name": ":method", "string_match": {"exact": match["method"]}})
    result["headers"] = headers
    result["query_parameters"] = [
        {"name": one["name"], "string_match": string(one)} for one in match.get("query", [])
    ]
    answer = {"status": 200, "body": {"inline_string": name}}
    return {"match": result, "direct_response": answer}


def rules(host: str) -> list[tuple[str, Json]]:
    return [(f"{host} {number}", match) for number, match in enumerate(MATCHES)]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Envoy, Service]]:
    """The same rules twice, as routes and for the shim.

    The answer of a route is its name, that of the shim's service the rule's name.
    """
    from .conftest import Envoy, Service

    def action(name: str) -> Json:
        return {"service": "limiter", "scope": "s", "limits": [{"entries": [{"key": name, "value": "1"}]}]}

    configuration = {
        "version": 1,
        "services": {"limiter": service()},
        "hosts": [
            {
                "hostname": host,
                "rules": [{"name": name, "actions": [action(name)], **match} for name, match in rules(host)],
            }
            for host in HOSTS
        ],
    }
    virtual_hosts = [
        {"name": host, "domains": [host], "routes": [route(match, name) for name, match in rules(host)]}
        for host in HOSTS
    ]
    limiter = Service()

    def echo(request: bytes) -> bytes:
        found = re.search(rb"\x0a.([a-z*\[][^\x12]* [0-9]+)\x12\x011", request, re.DOTALL)
        assert found
        name = found[1]
        pair = b"\x0a\x06x-rule\x12" + bytes([len(name)]) + name
        return b"\x08\x01\x1a" + bytes([len(pair)]) + pair

    limiter.answer = echo
    envoy = Envoy(
        tmp_path_factory.mktemp("routing"),
        [
            limited("plain", configuration, virtual_hosts),
            limited(
                "normal",
                configuration,
                virtual_hosts,
                normalize_path=True,
                merge_slashes=True,
                path_with_escaped_slashes_action="UNESCAPE_AND_FORWARD",
            ),
        ],
        [cluster("limiter", limiter.port, http2=True)],
    )
    yield envoy, limiter
    envoy.stop()
    limiter.stop()


def found(answer: Answer) -> tuple[str | None, str | None]:
    """What the router found and what the shim found."""
    return (answer.body.decode() if answer.status == 200 else None), ", ".join(
        answer.values("x-rule")
    ) or None


def agree(port: int, head: str | bytes) -> str | None:
    answer = send(port, head)
    if answer.status == 400:
        return None
    by_router, by_shim = found(answer)
    assert by_shim == by_router, head
    return by_router


AUTHORITIES = [
    ("api.toystore.com", "api.toystore.com"),
    ("API.ToyStore.com:8080", "api.toystore.com"),
    ("api.toystore.com:", "api.toystore.com"),
    ("api.toystore.com:http", "api.toystore.com"),
    ("api.toystore.com:80:80", "*"),
    ("api.toystore.com:]", "*"),
    ("api.toystore.com.", "*"),
    ("a.v1.toystore.com", "*.v1.toystore.com"),
    ("v1.toystore.com", "*.toystore.com"),
    (".toystore.com", "*"),
    ("a..toystore.com", "*.toystore.com"),
    ("toystore.com", "*"),
    ("[::1]", "[::1]"),
    ("[::1]:80", "[::1]"),
    ("[::1]:", "[::1]"),
    ("::1", "*"),
    ("[::1", "*"),
    (":80", "*"),
    ("user@api.toystore.com", "*.toystore.com"),
]


@pytest.mark.parametrize(("authority", "host"), AUTHORITIES)
def test_hosts(gateway: tuple[Envoy, Service], authority: str, host: str) -> None:
    assert agree(gateway[0].ports["plain"], f"GET /toys HTTP/1.1\r\nHost: {authority}") == f"{host} 1"


def name(number: int | None) -> str | None:
    return None if number is None else f"* {number}"


@pytest.mark.parametrize(
    ("target", "plain", "normal"),
    [
        ("/toys", 1, 1),
        ("/toys?x", 1, 1),
        ("/toys/", 5, 5),
        ("/toys/1", 5, 5),
        ("/toys/big", 4, 4),
        ("/toys/bigger", 5, 5),
        ("/toystore", None, None),
        ("/%74oys", 2, 1),
        ("/toys%2Fbig", None, 4),
        ("//toys", None, 1),
        ("/x/../toys", None, 1),
        ("/./toys", None, 1),
        ("/", 3, 3),
        ("/v1", 6, 6),
        ("/v12/x?y", 6, 6),
        ("/xv1", None, None),
        ("/a", 7, 7),
        ("/ab", None, None),
        ("http://other/toys", 1, 1),
        ("/last/?q", 20, 20),
        ("/last/", 24, 24),
    ],
)
def test_paths(gateway: tuple[Envoy, Service], target: str, plain: int | None, normal: int | None) -> None:
    head = f"GET {target} HTTP/1.1\r\nHost: other"
    assert agree(gateway[0].ports["plain"], head) == name(plain)
    assert agree(gateway[0].ports["normal"], head) == name(normal)


@pytest.mark.parametrize(
    ("headers", "number"),
    [
        (["X-Tenant: a"], 8),
        (["x-tenant: a", "X-TENANT: b"], 8),
        (["x-tenant: b", "X-TENANT: a"], 8),
        (["x-tenant: b", "X-TENANT: c"], None),
        (["x-tenant: b", "X-TENANT:"], 11),
        (["x-tenant: a,b"], 9),
        (["x-tenant: a, b"], 10),
        (["x-tenant:   a  "], 8),
        (["x-tenant:"], 11),
        (["x-tenant: A"], None),
        (["x-version: v1"], 12),
        (["x-version: v12"], None),
        (["x-version: w"], 12),
        (["x-version: xw"], None),
        (["x-version: x", "x-version: w"], 12),
        (["cookie: c=1", "cookie: d=2"], None),
        (["cookie: c=1; d=2"], 13),
        (["user-agent: x"], 15),
        (["user-agent: x", "user-agent: y"], None),
    ],
)
def test_headers(gateway: tuple[Envoy, Service], headers: list[str], number: int | None) -> None:
    assert agree(
        gateway[0].ports["plain"], "\r\n".join(["GET /x HTTP/1.1", "Host: other", *headers])
    ) == name(number)


def test_the_header_host(gateway: tuple[Envoy, Service]) -> None:
    assert agree(gateway[0].ports["plain"], "GET /x HTTP/1.1\r\nHost: special") == name(14)
    assert agree(gateway[0].ports["plain"], "GET /x HTTP/1.1\r\nHost: a,b") == name(25)


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("q=a", 16),
        ("x=1&q=a", 16),
        ("q=a&q=b", 16),
        ("q=b&q=a", None),
        ("q=%61", 17),
        ("q=a%20b", None),
        ("q=a+b", 19),
        ("q", 20),
        ("q=", 20),
        ("q&q=a", 20),
        ("%71=a", 21),
        ("Q=a", None),
        ("q=a=b", None),
        ("?q=a", None),
        ("&&q=a&&", 16),
        ("r=v1", 22),
        ("r=v12", None),
        ("r=xw", None),
        ('r="', 23),
        ("r=\\", 23),
        ("r=v1;q=a", None),
        ("r=%76", None),
    ],
)
def test_query_parameters(gateway: tuple[Envoy, Service], query: str, number: int | None) -> None:
    assert agree(gateway[0].ports["plain"], f"GET /x?{query} HTTP/1.1\r\nHost: other") == name(number)


def test_methods(gateway: tuple[Envoy, Service]) -> None:
    assert agree(
        gateway[0].ports["plain"], "POST /toys HTTP/1.1\r\nHost: other\r\nContent-Length: 0"
    ) == name(0)
    assert agree(
        gateway[0].ports["plain"], "GET /toys HTTP/1.1\r\nHost: other\r\nX-HTTP-Method-Override: POST"
    ) == name(1)


def test_a_thousand_requests_made_of_these_parts(gateway: tuple[Envoy, Service]) -> None:
    chance = random.Random(4)
    pieces: list[Any] = [
        "/",
        "/toys",
        "/toys/",
        "big",
        "/v1",
        "/%74oys",
        "//",
        "/..",
        "/.",
        "%2f",
        ";x",
        "?q",
        "=a",
        "&",
        "?",
        "r=",
        "v1",
        "%00",
        "é",
        "+",
    ]
    hosts = [authority for authority, _ in AUTHORITIES]
    headers = [
        "x-tenant: a",
        "x-tenant: b",
        "x-tenant:",
        "x-version: w",
        "cookie: c=1",
        "cookie: d=2",
        "x-tenant: é",
    ]
    outcomes = set()
    for _ in range(1000):
        target = "/" * chance.randint(0, 1) + "".join(chance.choices(pieces, k=chance.randint(1, 6)))
        lines = [f"{chance.choice(['GET', 'PUT'])} {target} HTTP/1.1", f"Host: {chance.choice(hosts)}"]
        lines += chance.choices(headers, k=chance.randint(0, 3))
        outcomes.add(agree(gateway[0].ports[chance.choice(["plain", "normal"])], "\r\n".join(lines).encode()))
    assert len(outcomes) > 40
