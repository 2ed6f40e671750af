"""A Gateway or route that a definition takes is known, whatever of it we cannot read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kuadrant.api.grpc_route import GRPCRouteMatch
from kuadrant.api.http_route import HTTPPathMatch, HTTPRoute, HTTPRouteMatch
from kuadrant.operator.core import kinds, stored_gateway_api
from tests.unit.operator.core.observed import GATEWAY, ROUTE, Cluster, filled
from tests.unit.operator.example import decide
from tests.unit.operator.known import known

if TYPE_CHECKING:
    from kuadrant.api.gateway import Gateway
    from kuadrant.operator.core.world import World

METADATA = {"name": "a", "namespace": "ns"}
NO_NAME = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["a b"]}}


def http(spec: dict[str, Any]) -> HTTPRoute:
    stored = msgspec.convert({"metadata": METADATA, "spec": spec}, kinds.StoredRoute)
    return stored_gateway_api.http_route(stored)


@pytest.mark.parametrize(
    "rule",
    [
        {"filters": [NO_NAME]},
        {"filters": [{"type": "OfALaterVersion", "ofALaterVersion": {}}]},
        {"backendRefs": [{"name": "x", "weight": -1, "filters": [NO_NAME]}]},
        {"timeouts": {"request": "1y"}},
    ],
    ids=["a header's name", "a filter of a later version", "a backend", "a time"],
)
def test_what_does_not_decide_about_limits_is_not_looked_at(rule: dict[str, Any]) -> None:
    """Gateways serve such routes: as if there were none, they would have no limits."""
    rules = [{**rule, "matches": [{"path": {"type": "Exact", "value": "/a"}}]}]
    route = http({"parentRefs": [{"name": "gw"}], "hostnames": ["a.com"], "rules": rules})

    assert [parent.name for parent in route.spec.parent_refs] == ["gw"]
    assert route.spec.hostnames == ("a.com",)
    assert [one.matches for one in route.spec.rules] == [
        (HTTPRouteMatch(path=HTTPPathMatch(type="Exact", value="/a")),)
    ]


def test_a_match_that_cannot_be_read_is_every_request() -> None:
    later = {"path": {"type": "OfALaterVersion", "value": "/a"}}
    known_one = {"path": {"value": "/b"}}
    (rule,) = http({"rules": [{"name": "A B", "matches": [later, known_one]}]}).spec.rules
    assert rule.name is None
    assert rule.matches == (HTTPRouteMatch(), HTTPRouteMatch(path=HTTPPathMatch(value="/b")))

    stored = msgspec.convert(
        {"metadata": METADATA, "spec": {"rules": [{"matches": [{"method": {"type": "Later"}}]}]}},
        kinds.StoredRoute,
    )
    assert stored_gateway_api.grpc_route(stored).spec.rules[0].matches == (GRPCRouteMatch(),)


def test_a_host_name_that_cannot_be_read_is_every_one() -> None:
    assert http({"hostnames": ["a.com", "of a later version"]}).spec.hostnames == ()


def test_a_parent_that_cannot_be_read_is_none_and_the_others_are_parents() -> None:
    parents = [{"name": ""}, {"name": "gw"}, {"name": "gw", "sectionName": "A B"}]
    assert [one.name for one in http({"parentRefs": parents}).spec.parent_refs] == ["gw"]


def test_without_a_rule_there_is_the_one_that_gateway_api_means() -> None:
    (rule,) = http({}).spec.rules
    assert rule.matches == (HTTPRouteMatch(),)


LISTENER = {"name": "a", "port": 80, "protocol": "HTTP"}


def gateway(*listeners: dict[str, Any]) -> Gateway:
    spec = {"gatewayClassName": "istio", "listeners": list(listeners)}
    return stored_gateway_api.gateway(
        msgspec.convert({"metadata": METADATA, "spec": spec}, kinds.StoredGateway)
    )


def test_a_selector_that_is_none_allows_nobody() -> None:
    selector = {"matchExpressions": [{"key": "a", "operator": "Later", "values": []}]}
    by_selector = {"namespaces": {"from": "Selector", "selector": selector}}
    read = gateway({**LISTENER, "allowedRoutes": by_selector}, {**LISTENER, "name": "b"})
    assert [(one.name, one.allowed_routes.namespaces.from_) for one in read.spec.listeners] == [
        ("a", "None"),
        ("b", "Same"),
    ]


def test_a_listener_that_no_provider_carries_out_is_left_out() -> None:
    none = {**LISTENER, "protocol": ":0/0"}
    assert [one.name for one in gateway(LISTENER, none).spec.listeners] == ["a"]
    assert gateway(none).spec.listeners == ()


def test_one_that_a_provider_may_carry_out_is_not_left_out() -> None:
    with pytest.raises(msgspec.ValidationError):
        gateway(LISTENER, {**LISTENER, "name": "b", "hostname": "of a later version"})


UNKNOWN = {**GATEWAY, "spec": {"gatewayClassName": "istio", "listeners": [{"name": "a"}]}}
OWNER = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "name": "gw",
    "controller": True,
}


def _with_plugin(cluster: Cluster) -> World:
    metadata = {"name": "kuadrant-gw", "namespace": "ns", "ownerReferences": [OWNER]}
    cluster.put(kinds.OF_PROVIDERS["WasmPlugin"], {"kind": "WasmPlugin", "metadata": metadata})
    return cluster.observer.world()


def test_what_a_gateway_has_stays_while_nothing_can_be_read_of_it() -> None:
    """For an operator that starts anew it is not as if the Gateway were gone."""
    cluster = Cluster()
    cluster.put(kinds.GATEWAYS, UNKNOWN)
    world = _with_plugin(cluster)
    assert [*world.unknown_gateways] == [("ns", "gw")]

    decided = decide(world, known()).gateways["ns", "gw"]
    assert decided.obsolete == ()
    assert (decided.wanted.problem or "").startswith("Gateway ns/gw cannot be read: ")

    cluster.remove(kinds.GATEWAYS, ("ns", "gw"))
    decided = decide(cluster.observer.world(), known()).gateways["ns", "gw"]
    assert len(decided.obsolete) == 1


def test_a_gateway_goes_on_in_the_last_form_that_could_be_read() -> None:
    cluster = filled()
    before = cluster.observer.world().objects.gateways
    cluster.put(kinds.GATEWAYS, UNKNOWN)
    world = _with_plugin(cluster)
    assert world.objects.gateways == before
    assert world.unknown_gateways == {}
    assert ROUTE["metadata"]["name"] == world.objects.http_routes[0].metadata.name
