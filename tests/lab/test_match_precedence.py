"""Which of several rules that match a request the real gateway takes, and that ours is the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.walk import ENVOY_GATEWAY, ISTIO, Walk, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "order.toystore.com"
RULES = {
    "regex": "{path: {type: RegularExpression, value: '/toys/[0-9]+'}}",
    "prefix": "{path: {type: PathPrefix, value: /toys}}",
    "method": "{path: {type: PathPrefix, value: /dolls}, method: GET}",
    "headers": (
        "{path: {type: PathPrefix, value: /dolls}, headers: [{name: x, value: '1'}, {name: 'y', value: '1'}]}"
    ),
}
ROUTE = f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: order}}
spec:
  parentRefs: [{{name: GATEWAY, namespace: NAMESPACE}}]
  hostnames: [{HOST}]
  rules:
"""
RULE = """
  - matches: [MATCH]
    filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: rule, value: NAME}]}}]
    backendRefs: [{name: toystore, port: 80}]
"""
POLICY = """
apiVersion: kuadrant.io/v1beta2
kind: RateLimitPolicy
metadata: {name: order}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: order}
  limits:
    "nothing":
      rates: [{limit: 0, duration: 10, unit: second}]
      routeSelectors: [{matches: [MATCH]}]
"""
REQUESTS = {"number": ("/toys/12", ()), "dolls": ("/dolls", ("-H", "x: 1", "-H", "y: 1"))}
# Gateway API would have regex or prefix as the implementation likes, and the method.
TAKEN = {
    ISTIO: {"number": "prefix", "dolls": "method"},
    ENVOY_GATEWAY: {"number": "regex", "dolls": "headers"},
}


@pytest.fixture(scope="module")
def route(walk: Walk) -> Iterator[Walk]:
    rules = "".join(RULE.replace("MATCH", match).replace("NAME", name) for name, match in RULES.items())
    provided = walk.provided
    walk.apply((ROUTE + rules).replace("GATEWAY", provided.gateway).replace("NAMESPACE", provided.namespace))
    wait(lambda: answer(walk, "number")[0] == "200")
    yield walk
    walk.lab.run("kubectl", "delete", "httproute", "order")


def answer(walk: Walk, request: str) -> list[str]:
    """Status and rule of the answer."""
    path, headers = REQUESTS[request]
    url = walk.url.removesuffix("/toys") + path
    form = "%{http_code} %header{rule}"
    command = (
        "curl",
        "--silent",
        "--output",
        "/dev/null",
        "--write-out",
        form,
        "-H",
        f"Host: {HOST}",
        *headers,
    )
    return walk.lab.run(*command, url).split()


@pytest.mark.parametrize("walk", [(ISTIO,), (ENVOY_GATEWAY,)], ids=["istio", "envoy-gateway"], indirect=True)
def test_the_rule_that_the_gateway_takes_is_the_one_that_is_limited(route: Walk) -> None:
    for request, rule in TAKEN[route.provided].items():
        assert answer(route, request) == ["200", rule]
        route.apply(POLICY.replace("MATCH", RULES[rule]))
        try:
            wait(lambda request=request: answer(route, request)[0] == "429", 30)  # type: ignore[misc]
        finally:
            route.lab.run("kubectl", "delete", "ratelimitpolicy", "order")
        wait(lambda request=request: answer(route, request)[0] == "200", 30)  # type: ignore[misc]
