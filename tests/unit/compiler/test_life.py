"""What gateways limit as policies and routes come, go and move.

Each state is decided as if there had been none before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.compiler import Compilation

    Compile = Callable[[str], Compilation]

GATEWAYS = "".join(
    f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: ns}}
spec: {{gatewayClassName: istio, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}
"""
    for name in "ab"
)
NOTHING: dict[str, dict[str, list[str]]] = {"a": {}, "b": {}}
versions = pytest.mark.parametrize("version", ["v1beta2", "v1"])


def _route(name: str, parent: str) -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: ns}}
spec:
  parentRefs: [{{name: {parent}}}]
  hostnames: [{name}.example.com]
  rules: [{{matches: [{{path: {{type: PathPrefix, value: /}}}}]}}]
"""


def _policy(version: str, name: str, kind: str, target: str, more: str = "") -> str:
    rate = "{limit: 5, window: 10s}" if version == "v1" else "{limit: 5, duration: 10, unit: second}"
    return f"""
---
apiVersion: kuadrant.io/{version}
kind: RateLimitPolicy
metadata: {{name: {name}, namespace: ns}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: {kind}, name: {target}}}
  limits: {{x: {{rates: [{rate}]{more}}}}}
"""


def _limited(compilation: Compilation) -> dict[str, dict[str, list[str]]]:
    """For each gateway the host names that have a limit, each with the policies that it comes from."""
    return {
        program.name: {
            host.hostname: sources
            for listener in program.listeners
            for host in listener.hosts
            if (
                sources := [
                    source
                    for rule in host.rules
                    for action in rule.actions
                    for limit in action.limits
                    for source in limit.sources
                ]
            )
        }
        for program in compilation.programs
    }


def _scopes(compilation: Compilation) -> list[str]:
    return [limit.namespace for limit in compilation.limits]


@pytest.mark.row(82)
@versions
def test_a_policy_of_a_gateway_is_for_its_routes_under_their_own_host_names(
    compile_text: Compile, version: str
) -> None:
    text = GATEWAYS + _route("r", "a") + _route("s", "b") + _policy(version, "p", "Gateway", "a")
    assert _limited(compile_text(text)) == {"a": {"r.example.com": ["ns/p"]}, "b": {}}


@pytest.mark.row(83)
@pytest.mark.row(93)
@pytest.mark.row(118)
@versions
def test_a_policy_of_a_gateway_without_routes_limits_nothing(compile_text: Compile, version: str) -> None:
    """Era A gave the rate limit service its limits all the same, and made a cluster for nobody."""
    compilation = compile_text(GATEWAYS + _policy(version, "p", "Gateway", "a"))
    assert (_limited(compilation), compilation.limits) == (NOTHING, ())


NO_RULE = ", routeSelectors: [{matches: [{method: PUT}]}]"


@pytest.mark.row(84)
def test_selectors_that_select_nothing_limit_nothing(compile_text: Compile) -> None:
    text = GATEWAYS + _route("r", "a") + _policy("v1beta2", "p", "HTTPRoute", "r", NO_RULE)
    assert _limited(compile_text(text)) == NOTHING


@pytest.mark.row(85)
def test_selectors_that_select_nothing_leave_the_other_policies_of_the_gateway_alone(
    compile_text: Compile,
) -> None:
    text = GATEWAYS + _route("r", "a") + _policy("v1beta2", "p", "HTTPRoute", "r", NO_RULE)
    text += _route("s", "a") + _policy("v1beta2", "q", "HTTPRoute", "s")
    assert _limited(compile_text(text)) == {"a": {"s.example.com": ["ns/q"]}, "b": {}}


@pytest.mark.row(86)
@pytest.mark.row(156)
@versions
def test_a_route_that_moves_leaves_the_policy_of_its_gateway_behind(
    compile_text: Compile, version: str
) -> None:
    policy = _policy(version, "p", "Gateway", "a")
    assert _limited(compile_text(GATEWAYS + policy + _route("r", "a")))["a"]
    assert _limited(compile_text(GATEWAYS + policy + _route("r", "b"))) == NOTHING


@pytest.mark.row(87)
@pytest.mark.row(156)
@versions
def test_a_route_that_moves_takes_its_own_policy_along(compile_text: Compile, version: str) -> None:
    policy = _policy(version, "p", "HTTPRoute", "r")
    before, after = (_limited(compile_text(GATEWAYS + policy + _route("r", parent))) for parent in ("a", "b"))
    assert before == {"a": {"r.example.com": ["ns/p"]}, "b": {}}
    assert after == {"a": {}, "b": {"r.example.com": ["ns/p"]}}


@pytest.mark.row(88)
@versions
def test_a_policy_that_changes_its_target_is_for_the_new_one_alone(
    compile_text: Compile, version: str
) -> None:
    routes = GATEWAYS + _route("r", "a") + _route("s", "a")
    before, after = (
        _limited(compile_text(routes + _policy(version, "p", "HTTPRoute", target))) for target in ("r", "s")
    )
    assert before["a"] == {"r.example.com": ["ns/p"]}
    assert after["a"] == {"s.example.com": ["ns/p"]}


@pytest.mark.row(89)
@versions
def test_a_route_that_gets_a_policy_of_its_own_is_no_longer_covered(
    compile_text: Compile, version: str
) -> None:
    text = GATEWAYS + _policy(version, "p", "Gateway", "a") + _route("r", "a")
    own = _policy(version, "q", "HTTPRoute", "r")
    assert _limited(compile_text(text + own))["a"] == {"r.example.com": ["ns/q"]}
    assert _limited(compile_text(text + own + _route("s", "a")))["a"] == {
        "r.example.com": ["ns/q"],
        "s.example.com": ["ns/p"],
    }


@pytest.mark.row(90)
@versions
def test_a_free_route_is_covered_as_soon_as_it_is_there(compile_text: Compile, version: str) -> None:
    text = GATEWAYS + _policy(version, "p", "Gateway", "a") + _route("r", "a")
    text += _policy(version, "q", "HTTPRoute", "r")
    assert "ns/p" not in str(_limited(compile_text(text)))
    assert _limited(compile_text(text + _route("s", "a")))["a"]["s.example.com"] == ["ns/p"]


@pytest.mark.row(110)
@versions
def test_the_limits_go_with_the_target(compile_text: Compile, version: str) -> None:
    policy = _policy(version, "p", "HTTPRoute", "r")
    assert _scopes(compile_text(GATEWAYS + _route("r", "a") + policy))
    assert _scopes(compile_text(GATEWAYS + policy)) == []
