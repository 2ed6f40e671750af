"""What becomes of a request that a rule has."""

from __future__ import annotations

import socket
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.compiler.program import (
    Backend,
    Forwarding,
    HeaderChange,
    HostProgram,
    PathChange,
    Redirect,
    Rewrite,
    RuleProgram,
)
from kuadrant.gateways import envoy
from kuadrant.policy.match import PathMatch, RequestMatch
from tests.ports import free_port

from .conftest import Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


pytestmark = pytest.mark.e2e

HERE = Backend("default", "here", 80)
OTHER = Backend("default", "other", 80)
EMPTY = Backend("default", "empty", 80)
DOWN = Backend("default", "down", 80)
SLOW = Backend("default", "slow", 80)
UNKNOWN = Backend("default", "unknown", 80)
FORBIDDEN = Backend("secret", "here", 80, allowed=False)
ODD_VALUE = "100% %REQ(host)% ü"

FORWARDINGS: dict[str, Forwarding] = {
    "plain": Forwarding((HERE,)),
    "weighted": Forwarding(
        (Backend("default", "here", 80, weight=3), Backend("default", "other", 80, weight=1))
    ),
    "zero-share": Forwarding((Backend("default", "other", 80, weight=0), HERE)),
    "no-backend": Forwarding(),
    "all-zero": Forwarding((Backend("default", "here", 80, weight=0),)),
    "forbidden": Forwarding((FORBIDDEN,)),
    "half-forbidden": Forwarding((HERE, FORBIDDEN)),
    "unsupported": Forwarding((HERE,), unsupported=("RequestMirror",)),
    "host-header": Forwarding((HERE,), request_headers=HeaderChange(set=(("host", "x.com"),))),
    "line-break": Forwarding((HERE,), request_headers=HeaderChange(add=(("x-a", "a\r\nb"),))),
    "no-text": Forwarding((HERE,), response_headers=HeaderChange(set=(("x-a", "a\0"),))),
    "no-name": Forwarding((HERE,), response_headers=HeaderChange(remove=("",))),
    "path-break": Forwarding((HERE,), rewrite=Rewrite(path=PathChange("full", "/a\nb"))),
    "empty": Forwarding((EMPTY,)),
    "down": Forwarding((DOWN,)),
    "unknown": Forwarding((UNKNOWN,)),
    "slow": Forwarding((SLOW,), timeout_seconds=0.05),
    "headers": Forwarding(
        (HERE,),
        request_headers=HeaderChange(
            (("x-set", "s"), ("x-odd", ODD_VALUE)), (("x-add", "new"),), ("x-gone",)
        ),
        response_headers=HeaderChange((("x-set", "s"),), (("x-add", "a"),), ("x-from-backend",)),
    ),
    "rewrite-host": Forwarding((HERE,), rewrite=Rewrite("inner.example.com")),
    "rewrite-full": Forwarding((HERE,), rewrite=Rewrite(path=PathChange("full", "/all\\1"))),
    "rewrite-prefix": Forwarding((HERE,), rewrite=Rewrite(path=PathChange("prefix", "/new"))),
    "rewrite-slash": Forwarding((HERE,), rewrite=Rewrite(path=PathChange("prefix", "/new/"))),
    "rewrite-away": Forwarding((HERE,), rewrite=Rewrite(path=PathChange("prefix", "/"))),
    "rewrite-(a.b)": Forwarding((HERE,), rewrite=Rewrite(path=PathChange("prefix", "/"))),
    "to-host": Forwarding(redirect=Redirect(hostname="other.example.com")),
    "to-https": Forwarding(redirect=Redirect(scheme="https", status=301)),
    "to-http": Forwarding(redirect=Redirect(scheme="http")),
    "to-port": Forwarding(redirect=Redirect(port=8443, scheme="https")),
    "to-443": Forwarding(redirect=Redirect(port=443)),
    "to-nothing-new": Forwarding(redirect=Redirect(status=307)),
    "to-path": Forwarding(redirect=Redirect(path=PathChange("full", "/there"), status=303)),
    "to-prefix": Forwarding(redirect=Redirect(path=PathChange("prefix", "/there"), status=308)),
    "to-root": Forwarding(redirect=Redirect(path=PathChange("prefix", ""))),
    "to-headers": Forwarding(redirect=Redirect(), response_headers=HeaderChange(set=(("x-set", "s"),))),
    "to-odd-status": Forwarding(redirect=Redirect(status=300)),
}


def _rule(name: str, match: RequestMatch, forwarding: Forwarding) -> RuleProgram:
    return RuleProgram(name, "default/route", match, (), forwarding)


HOSTS = (
    HostProgram(
        "api.example.com",
        (
            _rule(
                "exact",
                RequestMatch(PathMatch("/exact", "exact")),
                Forwarding((HERE,), rewrite=Rewrite(path=PathChange("prefix", "/x"))),
            ),
            *(
                _rule(name, RequestMatch(PathMatch(f"/{name}")), forwarding)
                for name, forwarding in FORWARDINGS.items()
            ),
        ),
    ),
    HostProgram(
        "*.example.com",
        (
            _rule("https", RequestMatch(PathMatch("/to-https")), FORWARDINGS["to-https"]),
            _rule(
                "root",
                RequestMatch(PathMatch("/")),
                Forwarding((HERE,), rewrite=Rewrite(path=PathChange("prefix", "/new"))),
            ),
        ),
    ),
)


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, backends: tuple[envoy.Address, envoy.Address]
) -> Iterator[Gateway]:
    # It takes connections, because the kernel does so, and never answers.
    silent = socket.create_server(("127.0.0.1", 0))
    endpoints = {
        ("default", "slow", 80): (envoy.Address("127.0.0.1", silent.getsockname()[1]),),
        ("default", "here", 80): (backends[0],),
        ("default", "other", 80): (backends[1],),
        ("default", "empty", 80): (),
        ("default", "down", 80): (envoy.Address("127.0.0.1", free_port()),),
    }
    one = Gateway(tmp_path_factory.mktemp("envoy"), HOSTS, endpoints)
    try:
        one.wait_ready()
        yield one
    finally:
        one.close()
        silent.close()


def _seen(
    gateway: Gateway, target: str, host: str = "api.example.com", *headers: tuple[str, str]
) -> dict[str, Any]:
    answer = gateway.request("GET", target, host=host, headers=headers)
    assert answer.status == 200
    return answer.seen


def _location(gateway: Gateway, target: str, host: str = "api.example.com") -> tuple[int, str]:
    answer = gateway.request("GET", target, host=host)
    return answer.status, answer.headers["location"]


def test_a_request_reaches_its_backend_as_it_was_sent(
    gateway: Gateway, backends: tuple[envoy.Address, ...]
) -> None:
    seen = _seen(gateway, "/plain/a%20b?q=1&q=%2F", "API.example.com:8080", ("x-own", "1"))
    assert (seen["port"], seen["method"], seen["target"]) == (
        backends[0].port,
        "GET",
        "/plain/a%20b?q=1&q=%2F",
    )
    headers = dict(seen["headers"])
    assert headers["host"] == "API.example.com:8080"
    assert headers["x-own"] == "1"
    assert headers["x-forwarded-proto"] == "http"


def test_answers_say_nothing_of_envoy(gateway: Gateway) -> None:
    answer = gateway.request("GET", "/plain", host="api.example.com")
    assert "envoy" not in str(answer.headers)
    assert "server" not in gateway.request("GET", "/nothing", host="api.example.com").headers


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("/plain//a", "/plain/a"),
        ("/x/../plain/a", "/plain/a"),
        ("/plain/./a", "/plain/a"),
        ("/plain/%7Ea", "/plain/~a"),
    ],
)
def test_the_path_is_made_plain_before_it_is_looked_at(gateway: Gateway, sent: str, seen: str) -> None:
    assert _seen(gateway, sent)["target"] == seen


def test_an_escaped_slash_is_answered_with_the_plain_path(gateway: Gateway) -> None:
    assert _location(gateway, "/plain%2Fa") == (307, "/plain/a")


def test_backends_get_their_shares(gateway: Gateway, backends: tuple[envoy.Address, ...]) -> None:
    ports = Counter(_seen(gateway, "/weighted")["port"] for _ in range(200))
    # 150 are expected; 120 or 180 happen once in more than 100,000 runs.
    assert 120 < ports[backends[0].port] < 180
    assert ports.total() == 200


def test_a_backend_without_a_share_gets_nothing(
    gateway: Gateway, backends: tuple[envoy.Address, ...]
) -> None:
    assert {_seen(gateway, "/zero-share")["port"] for _ in range(10)} == {backends[0].port}


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ("no-backend", 500),
        ("all-zero", 500),
        ("forbidden", 500),
        ("unsupported", 500),
        ("host-header", 500),
        ("line-break", 500),
        ("no-text", 500),
        ("no-name", 500),
        ("path-break", 500),
        ("to-odd-status", 500),
        ("exact", 500),
        ("empty", 503),
        ("down", 503),
        ("unknown", 503),
        ("slow", 504),
        ("no-such-rule", 404),
    ],
)
def test_what_cannot_be_carried_out_is_refused(gateway: Gateway, rule: str, status: int) -> None:
    assert gateway.request("GET", f"/{rule}", host="api.example.com").status == status


def test_the_share_of_a_forbidden_backend_is_refused(gateway: Gateway) -> None:
    statuses = Counter(
        gateway.request("GET", "/half-forbidden", host="api.example.com").status for _ in range(60)
    )
    assert set(statuses) == {200, 500}


def test_no_host_is_404(gateway: Gateway) -> None:
    assert gateway.request("GET", "/plain", host="example.org").status == 404


def test_header_changes(gateway: Gateway) -> None:
    answer = gateway.request(
        "GET",
        "/headers",
        host="api.example.com",
        headers=[("x-set", "old"), ("x-add", "old"), ("x-gone", "old"), ("x-stays", "old")],
    )
    headers = answer.seen["headers"]
    assert [value for name, value in headers if name == "x-set"] == ["s"]
    assert [value for name, value in headers if name == "x-add"] in (["old", "new"], ["old,new"])
    assert [value for name, value in headers if name == "x-gone"] == []
    assert [value for name, value in headers if name == "x-stays"] == ["old"]
    assert [value.encode("latin-1").decode() for name, value in headers if name == "x-odd"] == [ODD_VALUE]
    assert (answer.headers["x-set"], answer.headers["x-add"]) == ("s", "a")
    assert "x-from-backend" not in answer.headers


def test_a_rewritten_host(gateway: Gateway) -> None:
    assert dict(_seen(gateway, "/rewrite-host")["headers"])["host"] == "inner.example.com"


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("/rewrite-full/x?q=1", "/all\\1?q=1"),
        ("/rewrite-prefix", "/new"),
        ("/rewrite-prefix/", "/new/"),
        ("/rewrite-prefix/x/y?q=1", "/new/x/y?q=1"),
        ("/rewrite-slash/x", "/new/x"),
        ("/rewrite-away", "/"),
        ("/rewrite-away/", "/"),
        ("/rewrite-away/x?q=1", "/x?q=1"),
        ("/rewrite-(a.b)/x", "/x"),
    ],
)
def test_a_rewritten_path(gateway: Gateway, sent: str, seen: str) -> None:
    """Gateway API: the examples of HTTPPathModifier.replacePrefixMatch."""
    assert _seen(gateway, sent)["target"] == seen


@pytest.mark.parametrize(("sent", "seen"), [("/", "/new/"), ("/x?q=1", "/new/x?q=1")])
def test_a_path_below_the_root_prefix_is_rewritten_below_the_new_one(
    gateway: Gateway, sent: str, seen: str
) -> None:
    assert _seen(gateway, sent, "wild.example.com")["target"] == seen


@pytest.mark.parametrize(
    ("sent", "status", "location"),
    [
        ("/to-host/x?q=1", 302, "http://other.example.com:{port}/to-host/x?q=1"),
        ("/to-https", 301, "https://api.example.com/to-https"),
        ("/to-http", 302, "http://api.example.com/to-http"),
        ("/to-port", 302, "https://api.example.com:8443/to-port"),
        ("/to-443", 302, "http://api.example.com:443/to-443"),
        ("/to-nothing-new", 307, "http://api.example.com:{port}/to-nothing-new"),
        ("/to-path/x?q=1", 303, "http://api.example.com:{port}/there?q=1"),
        ("/to-prefix/x?q=1", 308, "http://api.example.com:{port}/there/x?q=1"),
        ("/to-root/x", 302, "http://api.example.com:{port}/x"),
    ],
)
def test_redirects(gateway: Gateway, sent: str, status: int, location: str) -> None:
    """Gateway API: HTTPRequestRedirectFilter; the port of a scheme is not shown."""
    host = f"api.example.com:{gateway.port}"
    assert _location(gateway, sent, host) == (status, location.format(port=gateway.port))


def test_a_redirect_to_https_of_a_wildcard_host_leaves_the_old_port(gateway: Gateway) -> None:
    assert _location(gateway, "/to-https", "any.example.com:8000") == (
        301,
        "https://any.example.com:443/to-https",
    )


def test_a_redirect_changes_the_headers_of_its_answer(gateway: Gateway) -> None:
    assert gateway.request("GET", "/to-headers", host="api.example.com").headers["x-set"] == "s"


def test_a_connection_becomes_a_websocket(gateway: Gateway) -> None:
    head = (
        b"GET /plain HTTP/1.1\r\nhost: api.example.com\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
    )
    with (
        socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client,
        client.makefile("rb") as answers,
    ):
        client.sendall(head)
        assert answers.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
        while answers.readline() != b"\r\n":
            pass
        client.sendall(b"over the same connection\n")
        assert answers.readline() == b"over the same connection\n"


def test_a_port_that_another_envoy_serves_is_refused(gateway: Gateway, tmp_path: Path) -> None:
    """Two on one port would each get some of the connections, and each would count alone."""
    second = Gateway(tmp_path, HOSTS, {}, port=gateway.port)
    try:
        second.wait_for_log("Address already in use")
    finally:
        second.close()
    assert gateway.request("GET", "/plain", host="api.example.com").status == 200
