"""The module is told the rules of a host name in the order in which the gateway's own router tries them."""

from __future__ import annotations

import gc
import random
from typing import TYPE_CHECKING

import msgspec
import pytest

from kuadrant.api import documents
from kuadrant.compiler import Compiler
from kuadrant.compiler.program import RuleProgram
from kuadrant.gateways import envoy_gateway, istio
from kuadrant.operator.core.router_order import InRouterOrder
from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch

if TYPE_CHECKING:
    from kuadrant.api.objects import Objects
    from kuadrant.compiler import Compilation
    from kuadrant.gateways.provider import Provider

ISTIO, ENVOY_GATEWAY = istio.CONTROLLERS[0], envoy_gateway.CONTROLLERS[0]
WORLD = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: class}
spec: {controllerName: %s}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: ns}
spec: {gatewayClassName: class, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route, namespace: ns}
spec:
  parentRefs: [{name: gw}]
  hostnames: [a.com]
  rules:
  - matches: [{path: {type: RegularExpression, value: "/toys/[0-9]+"}}]
  - matches: [{path: {type: PathPrefix, value: /toys}}]
  - matches: [{path: {type: Exact, value: /toys/all}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: other, namespace: ns}
spec:
  parentRefs: [{name: gw}]
  hostnames: [b.com]
  rules: [{matches: [{path: {value: /}}]}]
"""


def _objects(text: str) -> Objects:
    folder = documents.read([("in.yaml", text)])
    assert not folder.problems
    return folder.objects


def _paths(compilation: Compilation) -> list[str]:
    (program,) = compilation.programs
    (host,) = (host for host in program.listeners[0].hosts if host.hostname == "a.com")
    return [rule.match.path.value for rule in host.rules if rule.match.path]


@pytest.mark.parametrize(
    ("controller", "paths"),
    [
        (ISTIO, ["/toys/all", "/toys", "/toys/[0-9]+"]),
        (ENVOY_GATEWAY, ["/toys/all", "/toys/[0-9]+", "/toys"]),
        ("example.com/another", ["/toys/all", "/toys/[0-9]+", "/toys"]),
    ],
)
def test_each_provider_has_its_place_for_regular_expressions(controller: str, paths: list[str]) -> None:
    assert _paths(InRouterOrder(Compiler().compile)(_objects(WORLD % controller))) == paths


def test_what_does_not_change_stays_the_same_instance_and_what_is_gone_is_forgotten() -> None:
    compiled = InRouterOrder(Compiler().compile)
    objects = _objects(WORLD % ISTIO)
    first = compiled(objects)
    assert compiled(msgspec.structs.replace(objects)) is first

    (route,) = (one for one in objects.http_routes if one.metadata.name == "other")
    spec = msgspec.structs.replace(route.spec, hostnames=("c.com",))
    others = tuple(one for one in objects.http_routes if one is not route)
    again = compiled(
        msgspec.structs.replace(objects, http_routes=(*others, msgspec.structs.replace(route, spec=spec)))
    )

    def host(compilation: Compilation) -> object:
        return {one.hostname: one for one in compilation.programs[0].listeners[0].hosts}["a.com"]

    assert again is not first
    assert host(again) is host(first)
    del first
    compiled(msgspec.structs.replace(objects, http_routes=()))
    del again
    compiled(msgspec.structs.replace(objects, gateways=(), http_routes=()))
    gc.collect()
    assert [len(hosts) for hosts in compiled._hosts.values()] == [0, 0]


def test_a_gateway_that_another_provider_takes_over_has_that_one_s_order() -> None:
    compiled = InRouterOrder(Compiler().compile)
    for controller in (ISTIO, ENVOY_GATEWAY, ISTIO):
        compilation = compiled(_objects(WORLD % controller))
        assert (_paths(compilation)[1] == "/toys") is (controller == ISTIO)


EXACT, REGEX = StringMatch("x", "1"), StringMatch("y", "1", "regex")


def _match(path: PathMatch | None, **parts: object) -> RuleProgram:
    return RuleProgram("rule", "ns/route", RequestMatch(path, **parts))  # type: ignore[arg-type]


A, PREFIX, LONGER = PathMatch("/a", "exact"), PathMatch("/a"), PathMatch("/a/b")
EXPRESSION, LONGER_EXPRESSION = PathMatch("/a.*", "regex"), PathMatch("/é.*", "regex")
IN_ISTIO = (
    _match(A),
    _match(LONGER),
    _match(PREFIX),
    _match(PathMatch("/")),
    _match(LONGER_EXPRESSION),
    _match(EXPRESSION),
    _match(None),
)
IN_ENVOY_GATEWAY = (
    _match(A),
    _match(LONGER_EXPRESSION),
    _match(EXPRESSION),
    _match(LONGER),
    _match(PREFIX, headers=(EXACT, REGEX)),
    _match(PREFIX, headers=(REGEX, REGEX)),
    # A method is as much as an exact header.
    _match(PREFIX, method="GET"),
    _match(PREFIX, headers=(REGEX,)),
    _match(PREFIX, query=(REGEX, REGEX)),
    _match(PREFIX, query=(EXACT,)),
    _match(PREFIX, query=(REGEX,)),
    _match(PathMatch("/"), headers=(EXACT,)),
    _match(None, headers=(REGEX,)),
    _match(PathMatch("/")),
)


@pytest.mark.parametrize(
    ("provider", "rules"),
    [(istio, IN_ISTIO), (envoy_gateway, IN_ENVOY_GATEWAY)],
    ids=["Istio", "Envoy Gateway"],
)
def test_the_order_of_a_provider(provider: Provider, rules: tuple[RuleProgram, ...]) -> None:
    shuffled = list(rules)
    random.Random(1).shuffle(shuffled)
    assert sorted(shuffled, key=provider.match_precedence) == list(rules)


@pytest.mark.parametrize("provider", [istio, envoy_gateway])
def test_what_is_equal_to_a_provider_stays_as_gateway_api_orders_it(provider: Provider) -> None:
    rules = [_match(PREFIX), _match(PREFIX), _match(PREFIX)]
    assert all(a is b for a, b in zip(sorted(rules, key=provider.match_precedence), rules, strict=True))
