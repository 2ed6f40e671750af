"""Which rule the router chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuadrant.compiler.program import Forwarding, HostProgram, Redirect, RuleProgram
from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch
from kuadrant.reference_model import Request, chosen

from ...unit.dialects import reference  # noqa: TID252  (tests are no package)
from .conftest import Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.e2e


def _host(hostname: str, *matches: RequestMatch, first: int = 0) -> HostProgram:
    """Return a host whose rules redirect to ``<place of the rule>.test``.

    So an answer tells the rule.
    """
    return HostProgram(
        hostname,
        tuple(
            RuleProgram(
                f"{hostname} {place}",
                "default/route",
                match,
                (),
                Forwarding(redirect=Redirect(hostname=f"{place}.test", port=80)),
            )
            for place, match in enumerate(matches, first)
        ),
    )


def _path(value: str, kind: str = "prefix", **rest: object) -> RequestMatch:
    return RequestMatch(PathMatch(value, kind), **rest)  # type: ignore[arg-type]


HOSTS = (
    _host("*", RequestMatch()),
    _host("*.example.com", _path("/only"), first=10),
    _host("*.deep.example.com", RequestMatch(), first=20),
    _host(
        "api.example.com",
        _path("/exact", "exact"),
        _path("/v[0-9]+/[^/]*", "regex"),
        _path("/toys/special", method="POST"),
        _path("/toys", method="POST"),
        _path("/toys"),
        _path("/headers", headers=(StringMatch("x-a", "1"), StringMatch("x-b", "v[0-9]", "regex"))),
        _path("/headers", headers=(StringMatch("x-a", "1"),)),
        _path("/headers", headers=(StringMatch("x-a", "1,2"),)),
        _path("/query", query=(StringMatch("a", "1"), StringMatch("b", ".+", "regex"))),
        _path("/query", query=(StringMatch("a", "a%20b"),)),
        _path("", "regex"),
        _path("/(long[a-z]{1,900}|long[0-9]{1,90})/x", "regex"),
        first=30,
    ),
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    one = Gateway(tmp_path_factory.mktemp("envoy"), HOSTS, {})
    try:
        one.wait_ready()
        yield one
    finally:
        one.close()


def _chosen(
    gateway: Gateway, method: str, target: str, host: str, headers: Sequence[tuple[str, str]] = ()
) -> int | None:
    """Return the place of the rule that answered, or None for 404."""
    answer = gateway.request(method, target, host=host, headers=headers)
    if answer.status == 404:
        return None
    assert answer.status == 302, answer.status
    return int(answer.headers["location"].removeprefix("http://").partition(".")[0])


@pytest.mark.parametrize(
    ("method", "target", "rule"),
    [
        ("GET", "/exact", 30),
        ("GET", "/exact?x=1", 30),
        ("GET", "/exact/", None),
        ("GET", "/Exact", None),
        ("GET", "/v12/x", 31),
        ("GET", "/v12/x?y", 31),
        ("GET", "/v12/x/y", None),
        ("GET", "/av12/x", None),
        ("POST", "/toys/special", 32),
        ("GET", "/toys/special", 34),
        ("POST", "/toys/specials", 33),
        ("PUT", "/toys", 34),
        ("GET", "/toys", 34),
        ("GET", "/toys/", 34),
        ("GET", "/toys/1/2", 34),
        ("GET", "/toystore", None),
        ("GET", "/", None),
        ("GET", "/query?a=1&b=2", 38),
        ("GET", "/query?b=2&a=1", 38),
        ("GET", "/query?a=1&b=", None),
        ("GET", "/query?a=1", None),
        ("GET", "/query?a=2&a=1&b=2", None),
        ("GET", "/query?a=a%20b", 39),
        ("GET", "/query?a=a+b", None),
        ("GET", "/longer/x", 41),
        ("GET", "/long/x", None),
    ],
)
def test_a_path_a_method_and_a_query_choose_the_rule(
    gateway: Gateway, method: str, target: str, rule: int | None
) -> None:
    assert _chosen(gateway, method, target, "api.example.com") == rule


@pytest.mark.parametrize(
    ("headers", "rule"),
    [
        ([("x-a", "1"), ("x-b", "v1")], 35),
        ([("X-B", "v1"), ("X-A", "1")], 35),
        ([("x-a", "1"), ("x-b", "v12")], 36),
        ([("x-a", "1")], 36),
        ([("x-a", "2"), ("x-a", "1")], 36),
        ([("x-a", "1,2")], 37),
        ([("x-a", "2")], None),
        ([], None),
    ],
)
def test_headers_choose_the_rule(gateway: Gateway, headers: list[tuple[str, str]], rule: int | None) -> None:
    assert _chosen(gateway, "GET", "/headers", "api.example.com", headers) == rule


@pytest.mark.parametrize(
    ("host", "target", "rule"),
    [
        ("api.example.com", "/toys", 34),
        ("API.Example.COM", "/toys", 34),
        ("api.example.com:8080", "/toys", 34),
        ("other.example.com", "/only", 10),
        ("other.example.com:80", "/only", 10),
        ("two.labels.example.com", "/only", 10),
        ("x.deep.example.com", "/only", 20),
        ("deep.example.com", "/only", 10),
        ("example.com", "/only", 0),
        ("example.org", "/toys", 0),
        ("[::1]:8080", "/", 0),
    ],
)
def test_the_most_specific_host_answers(gateway: Gateway, host: str, target: str, rule: int) -> None:
    assert _chosen(gateway, "GET", target, host) == rule


def test_a_host_that_has_no_rule_for_a_request_does_not_hand_it_to_a_wildcard(gateway: Gateway) -> None:
    assert _chosen(gateway, "GET", "/only", "api.example.com") is None
    assert _chosen(gateway, "GET", "/toys", "other.example.com") is None


@pytest.mark.parametrize(
    ("host", "rule"),
    [
        ("api.example.com:", 34),
        ("api.example.com:x", 34),
        ("api.example.com:8080:1", 0),
        ("api.example.com.", 0),
    ],
)
def test_what_follows_the_last_colon_is_taken_for_the_port_and_a_trailing_dot_stays(
    gateway: Gateway, host: str, rule: int
) -> None:
    """The shim has to see the same host.

    Else somebody could choose a rule of one host and the backend of another.
    """
    assert _chosen(gateway, "GET", "/toys", host) == rule


@settings(max_examples=300, deadline=None)
@given(
    rules=st.lists(reference.matches, min_size=1, max_size=6, unique=True),
    requests=st.lists(reference.requests, min_size=1, max_size=8),
)
def test_the_router_chooses_the_first_rule_whose_parts_all_hold(
    gateway: Gateway, rules: list[RequestMatch], requests: list[Request]
) -> None:
    hosts = (_host("*.com", *rules), _host("*.a.com", *reversed(rules), first=100))
    gateway.change(hosts)
    for request in requests:
        expected = chosen(hosts, request)
        got = _chosen(gateway, request.method, request.target, request.host, request.headers)
        assert got == _place(expected), request


def _place(rule: RuleProgram | None) -> int | None:
    if rule is None:
        return None
    assert rule.forwarding.redirect is not None
    assert rule.forwarding.redirect.hostname is not None
    return int(rule.forwarding.redirect.hostname.partition(".")[0])
