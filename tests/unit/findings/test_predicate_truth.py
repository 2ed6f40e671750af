"""What is said to hold for all requests of a rule, or for none, does: each is tried with requests."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuadrant.compiler.program import HostProgram, RuleProgram
from kuadrant.findings.predicate_truth import Predicate, selector_truth
from kuadrant.findings.reaching_requests import Reaching
from kuadrant.policy.condition import SelectorCondition
from kuadrant.policy.expression_check import checked
from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch
from kuadrant.reference_model.conditions import holds
from kuadrant.reference_model.expressions import Expressions
from kuadrant.reference_model.request import Request
from kuadrant.reference_model.routing import chosen

PATHS = ("/", "/a", "/a/", "/a/b", "/ab", "/b", "/a?x=/b", "/b?a")
HOSTS = ("a.example", "b.example", "x.a.example")
METHODS = ("GET", "POST")
LITERALS = (
    *PATHS,
    *HOSTS,
    *METHODS,
    "get",
    "a",
    "",
    "A.example:80",
    "?",
    "https",
    "HTTPS",
    "X-A",
    "10.0.0.1",
    "10.0.0.1:5",
)
ATTRIBUTES = (
    "request.method",
    "request.path",
    "request.url_path",
    "request.host",
    "request.scheme",
    "source.address",
    "source.remote_address",
)
TEXTS = st.sampled_from(LITERALS).map(lambda text: f"'{text}'")
ATOMS = st.one_of(
    st.builds("{} {} {}".format, st.sampled_from(ATTRIBUTES), st.sampled_from(["==", "!="]), TEXTS),
    st.builds("{1} == {0}".format, st.sampled_from(ATTRIBUTES), TEXTS),
    st.builds(
        "{}.{}({})".format,
        st.sampled_from(ATTRIBUTES),
        st.sampled_from(["startsWith", "endsWith", "contains"]),
        TEXTS,
    ),
    # Policies with a pattern that is none are refused before.
    st.builds("{}.matches({})".format, st.sampled_from(ATTRIBUTES), TEXTS.filter(lambda text: text != "'?'")),
    st.builds("{} in [{}, {}]".format, st.sampled_from(ATTRIBUTES), TEXTS, TEXTS),
    st.sampled_from(["'x-a' in request.headers", "request.headers['x-a'] == '1'", "has(request.referer)"]),
    st.builds(
        "request.headers.{}(h, {})".format,
        st.sampled_from(["exists", "all"]),
        st.one_of(
            st.builds("h {} {}".format, st.sampled_from(["==", "!="]), TEXTS),
            st.builds("h.{}({})".format, st.sampled_from(["startsWith", "endsWith", "contains"]), TEXTS),
            st.builds("h != {} && h == {}".format, TEXTS, TEXTS),
        ),
    ),
    st.sampled_from(["true", "false", "1 + 1 == 2", "'a' == 'b'", "request.size > 0"]),
)
PREDICATES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({}) && ({})".format, inner, inner),
        st.builds("({}) || ({})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({}) ? ({}) : ({})".format, inner, inner, inner),
    ),
    max_leaves=5,
)
MATCHES = st.builds(
    RequestMatch,
    path=st.one_of(
        st.none(),
        st.builds(PathMatch, st.sampled_from(["/", "/a", "/a/b"]), st.just("prefix")),
        st.builds(PathMatch, st.sampled_from(["/", "/a", "/a/b"]), st.just("exact")),
        st.builds(PathMatch, st.just("/a.*"), st.just("regex")),
    ),
    method=st.sampled_from([None, *METHODS]),
    headers=st.sampled_from([(), (StringMatch("x-a", "1"),)]),
)
HOSTNAMES = st.sampled_from(["*", "*.example", "*.a.example", "a.example"])
REQUESTS = st.builds(
    Request,
    authority=st.sampled_from([*HOSTS, "A.example:80"]),
    method=st.sampled_from(METHODS),
    target=st.sampled_from(PATHS),
    headers=st.sampled_from([(), (("x-a", "1"),), (("x-a", "2"), ("x-a", "1")), (("referer", "/a"),)]),
    attributes=st.sampled_from([{("source", "address"): "10.0.0.1:5"}]),
)


def reaches(match: RequestMatch, hostname: str, request: Request) -> bool:
    """Whether a request comes to the rule."""
    return chosen([HostProgram(hostname, (RuleProgram("a", "r", match),))], request) is not None


@pytest.mark.slow
@settings(max_examples=1500)
@given(PREDICATES, MATCHES, HOSTNAMES, st.lists(REQUESTS, min_size=5, max_size=20))
def test_what_is_said_of_all_requests_is_so_for_each(
    text: str, match: RequestMatch, hostname: str, requests: list[Request]
) -> None:
    predicate = Predicate(checked(text))
    verdict = predicate.truth(predicate.expression, Reaching(match, hostname))
    for request in requests:
        if verdict is not None and reaches(match, hostname, request):
            assert Expressions(request).holds(text) is verdict


@settings(max_examples=500)
@given(
    st.builds(
        SelectorCondition,
        st.sampled_from(ATTRIBUTES),
        st.sampled_from(["eq", "neq", "startswith", "endswith", "incl"]),
        st.sampled_from(LITERALS),
    ),
    MATCHES,
    HOSTNAMES,
    st.lists(REQUESTS, min_size=5, max_size=20),
)
def test_what_is_said_of_a_selector_is_so_for_each_request(
    condition: SelectorCondition, match: RequestMatch, hostname: str, requests: list[Request]
) -> None:
    verdict = selector_truth(condition, Reaching(match, hostname, plain_host=True))
    for request in requests:
        if verdict is not None and reaches(match, hostname, request):
            assert holds(condition, request, Expressions(request)) is verdict


TOYS = Reaching(RequestMatch(PathMatch("/toys"), "GET"), "*.a.example")


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("request.method == 'GET'", True),
        ("request.method in ['HEAD', 'GET']", True),
        ("request.method != 'POST' && request.url_path.startsWith('/to')", True),
        ("request.path.startsWith('/toys')", True),
        ("request.path.contains('oys')", True),
        ("request.url_path == '/toys'", None),
        ("request.url_path == '/cars'", False),
        ("request.url_path.startsWith('/toys/')", None),
        ("request.path == '/toystore?x=1'", False),
        ("request.host == 'X.a.example:8080'", None),
        ("request.host == 'a.example'", False),
        ("request.size > 10 || request.method == 'GET'", True),
        ("request.size > 10 && request.method == 'PUT'", False),
        ("request.size > 10", None),
        ("request.method == 'GET' ? request.method == 'PUT' : request.size > 1", False),
        ("[1, 2].exists(x, x == 2)", None),
        ("request.scheme == 'HTTPS'", False),
        ("request.scheme in ['Http', 'ftp']", False),
        ("request.scheme == 'https'", None),
        ("request.scheme.startsWith('http')", True),
        ("request.url_path.contains('?')", False),
        ("request.url_path.endsWith('?page=1')", False),
        ("request.path.contains('?')", None),
        # A path such as /a??page=1 has such a query.
        ("request.query.startsWith('?')", None),
        ("request.headers.exists(h, h == 'X-User')", False),
        ("request.headers.exists(h, h.startsWith('X-') || h == 'Via')", False),
        ("request.headers.exists(h, h == 'x-user')", None),
        ("request.headers.all(h, h != 'X-User')", True),
        ("request.headers.all(h, h != 'x-user')", None),
        ("request.headers.exists(h, h == 'X-User' || request.headers[h] == 'A')", None),
        ("'a'.matches('b')", False),
    ],
)
def test_what_is_known_of_a_get_for_toys(text: str, verdict: bool | None) -> None:
    predicate = Predicate(checked(text))
    assert predicate.truth(predicate.expression, TOYS) is verdict
