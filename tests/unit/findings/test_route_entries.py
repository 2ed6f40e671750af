"""What a route asks for, each request of it has: held to what is decided for requests of all kinds."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from kuadrant.api import documents
from kuadrant.compiler import compile_gateways
from kuadrant.findings import findings
from kuadrant.reference_model import Counters, Request, decide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.reference_model.request import Value

WORLD = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, annotations: {kuadrant.io/identity: "%(source)s"}}
spec:
  gatewayClassName: any
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: toys}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [%(matches)s]
    backendRefs: [{name: app, port: 80}]
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: p}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toys}
  limits:
    a:
      rates: [{limit: 1000, window: 1h}]
      when: [{predicate: "%(when)s"}]
      counters: [{expression: "%(counter)s"}]
"""
ANY = "request.path != ''"
USER = "{headers: [{name: x-user, value: alice}]}"
USER_PATTERN = "{headers: [{name: x-user, value: '.*', type: RegularExpression}]}"
OF_PARAMETER = "queryMap(request.query)['b']"
NAME, NUMBER = "auth.identity.username", "auth.identity.userid"
CLAIMS: tuple[Value | None, ...] = (None, {}, {"sub": "a"}, {"sub": "a", "tier": "free"})


def requests() -> Iterator[Request]:
    """Requests with and without all that routes and policies of these tests ask for."""
    queries = ("", "?b=1", "?a=2&b=1", "?b", "?b=2&b=1", "?b=1&b=2", "?b=1=2", "?%62=1", "?a=2&c", "?a=2&B=1")
    targets = [f"/toys{query}" for query in queries]
    for target, user, claims in product(targets, (None, "", "alice", "bob"), CLAIMS):
        metadata: Value = {} if claims is None else {"envoy.filters.http.jwt_authn": {"payload": claims}}
        yield Request(
            authority="toys.example",
            target=target,
            headers=() if user is None else (("x-user", user),),
            attributes={("metadata", "filter_metadata"): metadata},
        )


@pytest.mark.parametrize(
    ("source", "matches", "when", "counter", "may_fail"),
    [
        pytest.param("none", USER, ANY, "request.headers['x-user']", False, id="a header that is asked for"),
        pytest.param("none", USER_PATTERN, ANY, "request.headers['x-user']", False, id="by a pattern"),
        pytest.param("none", f"{USER}, {{}}", ANY, "request.headers['x-user']", True, id="not by all"),
        pytest.param(
            "none", "{queryParams: [{name: b, value: '1'}]}", ANY, OF_PARAMETER, False, id="a parameter"
        ),
        pytest.param("none", "{queryParams: [{name: a, value: '2'}]}", ANY, OF_PARAMETER, True, id="another"),
        pytest.param("header:x-user", USER, ANY, NAME, False, id="the header of an identity"),
        pytest.param("header:x-user", USER_PATTERN, ANY, NAME, True, id="one that may be empty"),
        pytest.param("header:x-other", USER, ANY, NAME, True, id="another header"),
        pytest.param("header:x-user", "{}", f"has({NAME})", NUMBER, False, id="what comes together"),
        pytest.param("header:x-user", "{}", f"has({NUMBER})", NAME, False, id="either way"),
        pytest.param(
            "header:x-user", "{}", f"has({NAME})", "auth.identity.tier", True, id="what never comes"
        ),
        pytest.param("jwt", "{}", "has(auth.identity.sub)", "auth.identity.tier", True, id="claims"),
        pytest.param("jwt", "{}", "has(auth.identity.tier)", "auth.identity.tier", False, id="its own guard"),
    ],
)
def test_what_is_told_to_fail_is_what_fails_for_some_request(
    source: str, matches: str, when: str, counter: str, may_fail: bool
) -> None:
    text = WORLD % {"source": source, "matches": matches, "when": when, "counter": counter}
    folder = documents.read([("all.yaml", text)])
    compilation = compile_gateways(folder.objects)
    (program,) = compilation.programs

    told = {one.code for one in findings(folder, compilation)}
    counters = Counters(compilation.limits)
    outcomes = {decide(program, one, counters, 0.0).outcome for one in requests()}

    assert may_fail or "admitted" in outcomes
    assert ("failed" in outcomes) is may_fail
    assert bool(told & {"part-may-fail", "header-may-be-absent"}) is may_fail


def test_of_claims_it_is_said_that_one_is_no_sign_of_another() -> None:
    text = WORLD % {
        "source": "jwt",
        "matches": "{}",
        "when": "has(auth.identity.sub)",
        "counter": "auth.identity.tier",
    }
    folder = documents.read([("all.yaml", text)])
    (found,) = findings(folder, compile_gateways(folder.objects))
    assert found.message.startswith(
        "it fails for each request for which auth.identity has no 'tier' "
        "(whatever else a token has: that is up to who made it), which is answered with 500"
    )
