"""Whom a policy affects, and how it is said on Gateways, listeners and routes.

What others say there is not touched.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kuadrant.api import documents
from kuadrant.compiler import compile_gateways
from kuadrant.status import Affected, AffectedObjects, gateway_status, route_status

NOW, LATER = "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"

GATEWAYS = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: ns}
spec:
  gatewayClassName: istio
  listeners:
  - {name: a, port: 80, protocol: HTTP, hostname: a.com}
  - {name: b, port: 80, protocol: HTTP, hostname: b.com}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: other, namespace: ns}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: both, namespace: ns}
spec: {parentRefs: [{name: gw, sectionName: a}, {name: other}], hostnames: [a.com]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: nowhere, namespace: ns}
spec: {parentRefs: [{name: missing}], hostnames: [a.com]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: calls, namespace: ns}
spec: {parentRefs: [{name: gw, sectionName: b}], hostnames: [b.com]}
"""


def _policy(name: str, kind: str, target: str, section: str = "") -> str:
    section = f", sectionName: {section}" if section else ""
    return f"""
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {{name: {name}, namespace: ns}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: {kind}, name: {target}{section}}}
  limits: {{x: {{rates: [{{limit: 1, window: 1s}}]}}}}
"""


def _affected(*policies: str) -> Affected:
    folder = documents.read([("in.yaml", GATEWAYS + "".join(policies))])
    assert not folder.problems
    return AffectedObjects().of(folder.objects, compile_gateways(folder.objects).policies)


ON_GATEWAY = _policy("on-gateway", "Gateway", "gw")
ON_LISTENER = _policy("on-listener", "Gateway", "gw", "a")
ON_ROUTE = _policy("on-route", "HTTPRoute", "both")
ON_RULE = _policy("on-rule", "HTTPRoute", "both", "rule-1")


@pytest.mark.row(137)
def test_a_listener_is_affected_by_its_own_policies_and_its_gateway_s() -> None:
    result = _affected(ON_GATEWAY, ON_LISTENER)
    assert result.gateways == {"ns/gw": ("ns/on-gateway",)}
    assert result.listeners == {
        ("ns/gw", "a"): ("ns/on-gateway", "ns/on-listener"),
        ("ns/gw", "b"): ("ns/on-gateway",),
    }


@pytest.mark.row(138)
def test_a_route_is_affected_under_each_gateway_by_what_is_above_it_there() -> None:
    result = _affected(ON_GATEWAY, ON_LISTENER, ON_ROUTE, ON_RULE)
    assert result.routes == {
        ("HTTPRoute", "ns/both"): {
            "ns/gw": ("ns/on-gateway", "ns/on-listener", "ns/on-route", "ns/on-rule"),
            "ns/other": ("ns/on-route", "ns/on-rule"),
        },
        ("GRPCRoute", "ns/calls"): {"ns/gw": ("ns/on-gateway",)},
    }


@pytest.mark.row(114)
def test_a_route_without_policy_of_its_own_is_affected_by_its_gateway_s() -> None:
    assert _affected(ON_GATEWAY).routes["HTTPRoute", "ns/both"] == {"ns/gw": ("ns/on-gateway",)}


def test_a_route_that_no_gateway_takes_is_not_affected() -> None:
    assert _affected(_policy("lost", "HTTPRoute", "nowhere")).routes == {}


def test_a_policy_that_is_not_accepted_affects_nothing() -> None:
    assert _affected(_policy("wrong", "Gateway", "gw", "no-such-listener")) == Affected({}, {}, {})


def _condition(message: str, generation: int = 3, since: str = NOW) -> dict[str, Any]:
    return {
        "type": "kuadrant.io/RateLimitPolicyAffected",
        "status": "True",
        "reason": "Accepted",
        "message": f"Object affected by RateLimitPolicy [{message}]",
        "observedGeneration": generation,
        "lastTransitionTime": since,
    }


PROGRAMMED = {"type": "Programmed", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}


def _gateway() -> dict[str, Any]:
    return {
        "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": "ns", "generation": 3},
        "status": {
            "addresses": [{"value": "10.0.0.1"}],
            "conditions": [PROGRAMMED],
            "listeners": [
                {"name": "a", "attachedRoutes": 1, "supportedKinds": [], "conditions": [PROGRAMMED]},
                {"name": "b", "attachedRoutes": 0, "supportedKinds": [], "conditions": []},
            ],
        },
    }


def test_gateway_and_listeners_are_told_beside_what_others_say() -> None:
    document = _gateway()
    status = gateway_status(document, _affected(ON_GATEWAY, ON_LISTENER), NOW)
    assert status == {
        "addresses": [{"value": "10.0.0.1"}],
        "conditions": [PROGRAMMED, _condition("ns/on-gateway")],
        "listeners": [
            {
                "name": "a",
                "attachedRoutes": 1,
                "supportedKinds": [],
                "conditions": [PROGRAMMED, _condition("ns/on-gateway ns/on-listener")],
            },
            {
                "name": "b",
                "attachedRoutes": 0,
                "supportedKinds": [],
                "conditions": [_condition("ns/on-gateway")],
            },
        ],
    }
    assert document == _gateway()


@pytest.mark.row(170)
def test_of_more_policies_than_a_message_has_room_for_the_first_are_named_and_the_rest_counted() -> None:
    names = tuple(f"ns/{'x' * 245}{number:03}" for number in range(200))
    listeners: list[dict[str, Any]] = [{"name": str(number), "conditions": []} for number in range(64)]
    document = {"metadata": {"namespace": "ns", "name": "gw"}, "status": {"listeners": listeners}}
    every = {("ns/gw", listener["name"]): names for listener in listeners}
    told = gateway_status(document, Affected({"ns/gw": names}, every, {}), NOW)

    assert told is not None
    assert len(msgspec.json.encode(told)) < 512 << 10
    message = told["conditions"][0]["message"]
    assert message.startswith(f"Object affected by RateLimitPolicy [{names[0]} {names[1]} ")
    assert message.endswith("] and 184 more")


def test_a_gateway_that_was_told_is_not_told_again() -> None:
    everybody = _affected(ON_GATEWAY, ON_LISTENER)
    told = _gateway() | {"status": gateway_status(_gateway(), everybody, NOW)}
    assert gateway_status(told, everybody, LATER) is None


@pytest.mark.row(139)
def test_a_gateway_that_is_not_affected_any_more_is_as_before() -> None:
    told = _gateway() | {"status": gateway_status(_gateway(), _affected(ON_GATEWAY), NOW)}
    assert gateway_status(told, _affected(), LATER) == _gateway()["status"]


@pytest.mark.parametrize("status", [{}, {"status": {}}, {"status": {"conditions": None}}])
def test_a_gateway_without_status_is_told(status: dict[str, Any]) -> None:
    document = {key: value for key, value in _gateway().items() if key != "status"} | status
    assert gateway_status(document, _affected(ON_GATEWAY), NOW) == {
        "conditions": [_condition("ns/on-gateway")]
    }
    assert gateway_status(document, _affected(), NOW) is None


ISTIO = {
    "parentRef": {"name": "gw", "sectionName": "a"},
    "controllerName": "istio.io/gateway-controller",
    "conditions": [PROGRAMMED],
}


def _route(*parents: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "HTTPRoute",
        "metadata": {"name": "both", "namespace": "ns", "generation": 3},
        "status": {"parents": [*parents]},
    }


def _entry(gateway: str, message: str) -> dict[str, Any]:
    return {
        "parentRef": {
            "group": "gateway.networking.k8s.io",
            "kind": "Gateway",
            "namespace": "ns",
            "name": gateway,
        },
        "controllerName": "kuadrant.io/policy-controller",
        "conditions": [_condition(message)],
    }


def test_a_route_gets_an_entry_for_each_gateway_beside_those_of_others() -> None:
    assert route_status(_route(ISTIO), _affected(ON_GATEWAY, ON_ROUTE), NOW) == {
        "parents": [ISTIO, _entry("gw", "ns/on-gateway ns/on-route"), _entry("other", "ns/on-route")]
    }


def test_entries_of_controllers_leave_no_room_for_more_than_a_status_may_have() -> None:
    theirs = [{"parentRef": {"name": f"gw-{number}"}, "controllerName": "x"} for number in range(31)]
    document = {"kind": "HTTPRoute", "metadata": {"namespace": "ns", "name": "r"}}
    affected = Affected({}, {}, {("HTTPRoute", "ns/r"): {"ns/a": ("ns/p",), "ns/b": ("ns/p",)}})
    told = route_status({**document, "status": {"parents": theirs}}, affected, NOW)

    assert told is not None
    assert told["parents"][:31] == theirs
    assert [one["parentRef"]["name"] for one in told["parents"][31:]] == ["a"]
    assert route_status({**document, "status": {"parents": [*theirs, *theirs]}}, affected, NOW) is None


def test_a_route_that_was_told_is_not_told_again() -> None:
    everybody = _affected(ON_GATEWAY, ON_ROUTE)
    told = _route() | {"status": route_status(_route(ISTIO), everybody, NOW)}
    assert route_status(told, everybody, LATER) is None


def test_an_entry_that_says_nothing_any_more_goes() -> None:
    document = _route(_entry("other", "ns/on-route"), ISTIO, _entry("gw", "ns/on-gateway"))
    assert route_status(document, _affected(ON_GATEWAY), LATER) == {
        "parents": [ISTIO, _entry("gw", "ns/on-gateway")]
    }
    assert route_status(document, _affected(), LATER) == {"parents": [ISTIO]}


def test_what_another_part_of_kuadrant_says_in_our_entry_stays() -> None:
    theirs = {"type": "kuadrant.io/AuthPolicyAffected", "status": "True"}
    entry = _entry("gw", "ns/on-gateway")
    entry["conditions"].insert(0, theirs)
    assert route_status(_route(entry), _affected(), LATER) == {"parents": [entry | {"conditions": [theirs]}]}


def test_a_route_without_status_and_policies_is_left_alone() -> None:
    assert route_status({"kind": "HTTPRoute", "metadata": _route()["metadata"]}, _affected(), NOW) is None


def test_what_is_found_again_is_the_same_instance_whatever_else_changed() -> None:
    folder = documents.read([("in.yaml", GATEWAYS + ON_GATEWAY + ON_ROUTE)])
    finder = AffectedObjects()
    first = finder.of(folder.objects, compile_gateways(folder.objects).policies)
    edited = documents.read([("in.yaml", GATEWAYS + ON_GATEWAY + ON_ROUTE.replace("limit: 1", "limit: 2"))])
    objects = msgspec.structs.replace(folder.objects, rate_limit_policies=edited.objects.rate_limit_policies)

    assert finder.of(objects, compile_gateways(objects).policies) is first


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda objects: {"gateways": objects.gateways[:1]}, id="a gateway less"),
        pytest.param(lambda objects: {"http_routes": objects.http_routes[1:]}, id="a route less"),
        pytest.param(lambda _: {"rate_limit_policies": ()}, id="no policies"),
    ],
)
def test_after_a_change_it_finds_what_one_that_starts_anew_finds(change: Any) -> None:
    folder = documents.read([("in.yaml", GATEWAYS + ON_GATEWAY + ON_ROUTE)])
    finder = AffectedObjects()
    finder.of(folder.objects, compile_gateways(folder.objects).policies)
    objects = msgspec.structs.replace(folder.objects, **change(folder.objects))
    facts = compile_gateways(objects).policies

    assert finder.of(objects, facts) == AffectedObjects().of(objects, facts)
