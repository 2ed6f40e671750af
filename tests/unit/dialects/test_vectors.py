"""What Kuadrant's operator writes for a match, held against what a match means here.

Golden vectors G.4 and G.5.

Its predicates are evaluated as they stand, with the functions that its shim adds to CEL. They hold for the
very requests that belong to the match, but for those that are named: there Kuadrant's words are wrong.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml
from cel_expr_python import cel
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.api.grpc_route import GRPCRoute
from kuadrant.api.http_route import HTTPRoute
from kuadrant.compiler.program import HostProgram, RuleProgram
from kuadrant.dialects.official import cel_text
from kuadrant.policy.match import PathMatch, RequestMatch
from kuadrant.policy.route import from_grpc_route, from_http_route
from kuadrant.reference_model import Request, chosen

if TYPE_CHECKING:
    from collections.abc import Iterable


def _query_map(query: str) -> dict[str, str]:
    """Of a parameter that comes again the first value is the one."""
    pairs = [parameter.partition("=")[::2] for parameter in query.split("&")] if query else []
    return dict(reversed(pairs))


_SHIM = cel.NewEnv(
    variables={"request": cel.Type.DYN},
    functions=[
        cel.FunctionDecl(
            "lowerAscii",
            [cel.Overload("lower", cel.Type.STRING, [cel.Type.STRING], is_member=True, impl=str.lower)],
        ),
        cel.FunctionDecl(
            "queryMap",
            [
                cel.Overload(
                    "map", cel.Type.Map(cel.Type.STRING, cel.Type.STRING), [cel.Type.STRING], impl=_query_map
                )
            ],
        ),
    ],
)


def _hold(predicates: Iterable[str], request: Request) -> bool:
    attributes = {
        "method": request.method,
        "url_path": request.path,
        "query": request.query,
        "headers": dict(request.headers),
    }
    return all(
        _SHIM.compile(text).eval(data={"request": attributes}).plain_value() is True for text in predicates
    )


def _belongs(match: RequestMatch, request: Request) -> bool:
    return chosen([HostProgram("*", (RuleProgram("rule", "ns/route", match),))], request) is not None


def _match(kind: type[HTTPRoute | GRPCRoute], text: str) -> RequestMatch:
    rule = {"matches": [yaml.safe_load(text)]}
    document = {"metadata": {"namespace": "ns", "name": "route"}, "spec": {"rules": [rule]}}
    route = msgspec.convert(document, kind)
    read = from_http_route(route) if isinstance(route, HTTPRoute) else from_grpc_route(route)
    return read.rules[0].matches[0]


HTTP_REQUESTS = tuple(
    Request(authority="a.com", method=method, target=f"{path}{query}", headers=headers)
    for method, path, query, headers in product(
        ("GET", "POST"),
        (
            "/",
            "/toys",
            "/toys/",
            "/toys/1",
            "/toystore",
            "/assets",
            "/assets/",
            "/v1",
            "/v12",
            "/v1/x",
            "/va",
        ),
        ("", "?q=v", "?q=w&q=v", "?q=v&q=w", "?q", "?p=v"),
        ((), (("x-tenant", "a"),), (("x-tenant", "A"),), (("x-other", "a"),)),
    )
)


@pytest.mark.row("G.4")
@pytest.mark.parametrize(
    ("match", "kuadrants", "ours", "wrong"),
    [
        pytest.param(
            "{method: GET, path: {type: PathPrefix, value: /toys}}",
            ["request.method == 'GET'", "request.url_path.startsWith('/toys')"],
            (
                "request.method == 'GET'",
                "request.url_path == '/toys' || request.url_path.startsWith('/toys/')",
            ),
            # A prefix ends at a segment (row 158).
            {"/toystore"},
            id="method GET, path prefix /toys",
        ),
        pytest.param(
            "{path: {type: Exact, value: /assets}}",
            ["request.url_path == '/assets'"],
            ("request.url_path == '/assets'",),
            set(),
            id="path exact /assets",
        ),
        pytest.param(
            r"{path: {type: RegularExpression, value: '^/v\d+'}}",
            # With the backslash that the vector lacks, without which it is no CEL.
            [r"request.url_path.matches('^/v\\d+')"],
            (r"request.url_path.matches('^(?:^/v\\d+)$')",),
            # A gateway matches the whole path.
            {"/v1/x"},
            id="path regex",
        ),
        pytest.param("{}", [], ("request.url_path.startsWith('/')",), set(), id="empty match"),
    ],
)
def test_predicates_of_an_http_match(
    match: str, kuadrants: list[str], ours: tuple[str, ...], wrong: set[str]
) -> None:
    read = _match(HTTPRoute, match)
    for request in HTTP_REQUESTS:
        agrees = _hold(kuadrants, request) == _belongs(read, request)
        assert agrees is not (request.path in wrong and read.method in (None, request.method)), request
        assert _hold(ours, request) == _belongs(read, request), request
    assert cel_text.predicates(read) == ours


@pytest.mark.row("G.4")
def test_the_vector_of_a_regular_expression_is_no_cel() -> None:
    with pytest.raises(RuntimeError, match="Syntax error"):
        _SHIM.compile(r"request.url_path.matches('^/v\d+')")


@pytest.mark.row("G.4")
@pytest.mark.parametrize(
    ("match", "kuadrants"),
    [
        pytest.param(
            "{headers: [{name: X-Tenant, value: a}]}",
            "request.headers.exists(h, h.lowerAscii() == 'x-tenant' && request.headers[h] == 'a')",
            id="header X-Tenant: a",
        ),
        pytest.param(
            "{queryParams: [{name: q, value: v}, {name: q, value: v}]}",
            "'q' in queryMap(request.query) ? queryMap(request.query)['q'] == 'v' : false",
            id="query q=v, twice",
        ),
    ],
)
def test_headers_and_query_parameters_mean_the_same(match: str, kuadrants: str) -> None:
    read = _match(HTTPRoute, match)
    assert len((*read.headers, *read.query)) == 1
    for request in HTTP_REQUESTS:
        assert _hold([kuadrants], request) == _belongs(read, request), request
    # Official modules are not told limits that these decide: no two of their versions know the same
    # functions.
    assert not cel_text.is_exact(read)


GRPC_REQUESTS = tuple(
    Request(authority="a.com", method="POST", target=path)
    for path in ("/", "/s", "/s/", "/s/m", "/s/mm", "/s/m/x", "/ss/m", "/t/m", "/t/n", "//m", "/m", "/x/s/m")
)


@pytest.mark.row("G.5")
@pytest.mark.parametrize(
    ("method", "kuadrants", "wrong"),
    [
        pytest.param(
            "{type: Exact, service: s, method: m}", ["request.url_path == '/s/m'"], set(), id="exact s, m"
        ),
        pytest.param("{service: s, method: m}", ["request.url_path == '/s/m'"], set(), id="s, m"),
        # Gateways route it as they do a prefix, which is for the bare service, too.
        pytest.param("{service: s}", ["request.url_path.startsWith('/s/')"], {"/s"}, id="exact s"),
        pytest.param("{method: m}", ["request.url_path.matches('^/[^/]+/m$')"], set(), id="exact m"),
        pytest.param(
            "{type: RegularExpression, service: s, method: m}",
            ["request.url_path.matches('^/s/m$')"],
            set(),
            id="regex s, m",
        ),
        # Gateways ask for a method of any name, not for one of no name.
        pytest.param(
            "{type: RegularExpression, service: s}",
            ["request.url_path.matches('^/s/.*$')"],
            {"/s/"},
            id="regex s",
        ),
        pytest.param(
            "{type: RegularExpression, method: m}",
            ["request.url_path.matches('^/[^/]+/m$')"],
            set(),
            id="regex m",
        ),
        pytest.param("null", [], set(), id="none"),
    ],
)
def test_predicates_of_a_grpc_match(method: str, kuadrants: list[str], wrong: set[str]) -> None:
    read = _match(GRPCRoute, f"{{method: {method}}}")
    for request in GRPC_REQUESTS:
        agrees = _hold(kuadrants, request) == _belongs(read, request)
        assert agrees is not (request.path in wrong), request
        assert _hold(cel_text.predicates(read), request) == _belongs(read, request), request


def test_the_shim_s_functions_are_what_they_are_said_to_be() -> None:
    attributes: dict[str, Any] = {"query": "a=1&a=2&b"}
    for text, value in (
        ("'X-Á'.lowerAscii()", "x-á"),
        ("queryMap(request.query)['a']", "1"),
        ("queryMap(request.query)['b']", ""),
    ):
        assert _SHIM.compile(text).eval(data={"request": attributes}).plain_value() == value


@pytest.mark.row(159)
@pytest.mark.parametrize("quoted", ["/it's", "' || true || '", "\\' || true || '", '"', "a\nb"])
def test_a_quote_in_a_path_or_a_method_opens_nothing(quoted: str) -> None:
    by_path = cel_text.predicates(RequestMatch(PathMatch(quoted, "exact")))
    by_method = cel_text.predicates(RequestMatch(method=quoted))
    assert not _hold(by_path, Request(authority="a.com", target="/any"))
    assert not _hold(by_method, Request(authority="a.com"))
    assert _hold(by_method, Request(authority="a.com", method=quoted))


@pytest.mark.row(159)
@given(st.text())
def test_no_text_ends_its_own_literal(text: str) -> None:
    assert _SHIM.compile(cel_text.literal(text)).eval(data={}).plain_value() == text
