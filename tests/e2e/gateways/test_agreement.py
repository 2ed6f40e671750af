"""Router and shim choose the same rule.

No rate limit service is there, so the shim answers 500 to every request whose rule has an action, and lets
every other one pass to the router, whose redirect tells the rule that it chose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kuadrant import wasm
from kuadrant.compiler.program import Action, Forwarding, HostProgram, LimitAction, Redirect, RuleProgram
from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch
from kuadrant.reference_model import Request, chosen

from ...unit.dialects import reference  # noqa: TID252  (tests are no package)
from .conftest import Answer, Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.e2e

LIMITED = (Action("default/route", (LimitAction("limit.a__1"),)),)


def _rule(place: int, match: RequestMatch, *, limited: bool) -> RuleProgram:
    name = f"{'limited' if limited else 'free'}-{place}"
    forwarding = Forwarding(redirect=Redirect(hostname=f"{name}.test", port=80))
    return RuleProgram(name, "default/route", match, LIMITED if limited else (), forwarding)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    one = Gateway(tmp_path_factory.mktemp("envoy"), (), {}, module=wasm.current().data)
    try:
        one.wait_ready()
        yield one
    finally:
        one.close()


def _outcome(answer: Answer) -> str:
    """Return the name of the rule that redirected, or the status."""
    if answer.status != 302:
        return str(answer.status)
    return answer.headers["location"].removeprefix("http://").partition(".")[0]


def _expected(rule: RuleProgram | None) -> str:
    if rule is None:
        return "404"
    return "500" if rule.actions else rule.name


_rules = st.lists(
    st.tuples(reference.matches, st.booleans()), min_size=1, max_size=6, unique_by=lambda rule: rule[0]
)


@settings(max_examples=150, deadline=None)
@given(
    rules=st.lists(
        st.tuples(reference.hostnames, _rules), min_size=1, max_size=4, unique_by=lambda host: host[0]
    ),
    requests=st.lists(reference.requests, min_size=1, max_size=8),
)
def test_a_request_is_limited_if_and_only_if_its_rule_is(
    gateway: Gateway,
    rules: list[tuple[str, list[tuple[RequestMatch, bool]]]],
    requests: list[Request],
) -> None:
    hosts = tuple(
        HostProgram(
            hostname,
            tuple(_rule(place, match, limited=limited) for place, (match, limited) in enumerate(own)),
        )
        for hostname, own in rules
    )
    gateway.change(hosts)
    for request in requests:
        answer = gateway.request(
            request.method, request.target, host=request.authority, headers=request.headers
        )
        assert _outcome(answer) == _expected(chosen(hosts, request)), request


def _match(path: str, kind: str = "prefix", **rest: object) -> RequestMatch:
    return RequestMatch(PathMatch(path, kind), **rest)  # type: ignore[arg-type]


def _mixed(hostname: str, *, first_limited: bool) -> HostProgram:
    matches = (
        _match("/a", "exact"),
        _match("/a/b/", "exact"),
        _match("/[ab]{1,900}/a", "regex"),
        _match("/a/b"),
        _match("/b", headers=(StringMatch("x-a", "1"),)),
        _match("/b", headers=(StringMatch("x-a", "1.*", "regex"),)),
        _match("/ab", query=(StringMatch("p", "1"),)),
        _match("/ab", query=(StringMatch("p", "[0-9]", "regex"),)),
        _match("/ab", method="POST"),
        _match("/"),
    )
    rules = (
        _rule(place, match, limited=(place % 2 == 0) == first_limited) for place, match in enumerate(matches)
    )
    return HostProgram(hostname, tuple(rules))


ODD_HOSTS = (
    _mixed("*", first_limited=True),
    _mixed("*.com", first_limited=False),
    _mixed("a.com", first_limited=True),
    _mixed("*.a.com", first_limited=False),
)


@pytest.fixture(scope="module")
def odd_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    one = Gateway(tmp_path_factory.mktemp("envoy"), ODD_HOSTS, {}, module=wasm.current().data)
    try:
        one.wait_ready()
        yield one
    finally:
        one.close()


def _glued(pieces: Sequence[str], most: int) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(pieces), max_size=most).map("".join)


_odd_names = _glued(["a.com", "A.COM", "b", ".", ":", "80", "x", "[", "]", "@", "-", "_", ","], 5)
_odd_targets = _glued(
    [
        "a",
        "b",
        "ab",
        "/",
        "//",
        ".",
        "..",
        "%2F",
        "%2f",
        "%5C",
        "%61",
        "%3F",
        ";",
        "\\",
        "?",
        "&",
        "p",
        "=",
        "1",
        "p=1",
        "+",
        "#",
        "%",
    ],
    8,
).map(lambda rest: "/" + rest)
_odd_values = _glued(["1", "2", ",", " ", "\t", "é"], 3)


@settings(max_examples=600, deadline=None)
@given(
    host=_odd_names,
    method=st.sampled_from(["GET", "POST"]),
    target=_odd_targets,
    headers=st.lists(st.tuples(st.sampled_from(["x-a", "X-A", "x-b"]), _odd_values), max_size=3),
)
@example(host="a.com:x", method="GET", target="/", headers=[])
@example(host="a.com:", method="GET", target="/a/b", headers=[])
@example(host="a.com", method="GET", target="/b", headers=[("x-a", "1"), ("x-a", "1")])
@example(host="a.com", method="GET", target="/b", headers=[("x-a", "2"), ("x-a", "1")])
def test_however_odd_a_request_is_no_limited_rule_serves_it_without_being_asked_for(
    odd_gateway: Gateway, host: str, method: str, target: str, headers: list[tuple[str, str]]
) -> None:
    sent = [(name, value.encode().decode("latin-1")) for name, value in headers]
    outcome = _outcome(odd_gateway.request(method, target, host=host, headers=sent))
    assert not outcome.startswith("limited"), odd_gateway.log()
    # 307 is the answer to an escaped slash, 400 to what is no HTTP.
    assert outcome.startswith("free") or outcome in {"307", "400", "500"}
