"""What is deleted: everything of ours that is not wanted, whichever version made it, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from kuadrant.gateways import istio
from kuadrant.gateways.obsolete_objects import obsolete
from kuadrant.gateways.provider import GatewayObjects


def _object(kind: str, name: str, gateway: str | None, *, namespace: str = "ns", spec: Any = None) -> Any:
    owners = [
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "name": gateway, "controller": True}
    ]
    metadata = {"name": name, "namespace": namespace} | ({"ownerReferences": owners} if gateway else {})
    return {"kind": kind, "metadata": metadata, "spec": spec or {}}


PLUGIN = _object("WasmPlugin", "kuadrant-gw", "gw")
CLUSTER = _object("EnvoyFilter", "kuadrant-ratelimiting-cluster-gw", "gw")
WANTED = GatewayObjects("ns", "gw", (CLUSTER, PLUGIN))


def test_what_is_wanted_stays() -> None:
    assert obsolete([PLUGIN, CLUSTER], [WANTED], [istio]) == ()


@pytest.mark.parametrize(
    "gateways", [[], [GatewayObjects("ns", "gw")]], ids=["no gateway of Istio", "no limits"]
)
def test_what_is_not_wanted_goes_and_a_plugin_before_its_cluster(gateways: list[GatewayObjects]) -> None:
    assert obsolete([CLUSTER, PLUGIN], gateways, [istio]) == (PLUGIN, CLUSTER)


def test_nothing_of_a_gateway_with_a_problem_goes() -> None:
    assert obsolete([PLUGIN, CLUSTER], [GatewayObjects("ns", "gw", problem="too large")], [istio]) == ()


def test_plugins_of_single_ports_go_when_there_is_one_for_all() -> None:
    single = _object("WasmPlugin", "kuadrant-gw-port-80", "gw")
    foreign = _object("WasmPlugin", "kuadrant-gw-port-x", "gw")
    assert obsolete([single, foreign, PLUGIN], [WANTED], [istio]) == (single,)


@pytest.mark.row(133)
@pytest.mark.parametrize("name", ["kuadrant-ratelimiting-gw", "kuadrant-gw"])
def test_filters_of_former_versions_go(name: str) -> None:
    former = _object("EnvoyFilter", name, "gw")
    assert obsolete([former, PLUGIN], [WANTED], [istio]) == (former,)


@pytest.mark.parametrize("service", ['{"service": "auth-service"}', '{\\"service\\":\\"auth-service\\"}'])
def test_a_filter_that_guards_by_authorization_stays(service: str) -> None:
    former = _object("EnvoyFilter", "kuadrant-gw", "gw", spec={"configPatches": [{"value": service}]})
    assert obsolete([former], [WANTED], [istio]) == ()


@pytest.mark.parametrize(
    "foreign",
    [
        _object("EnvoyFilter", "kuadrant-auth-gw", "gw"),
        _object("EnvoyFilter", "kuadrant-gw", None),
        _object("WasmPlugin", "somebody-s", "gw"),
        _object("WasmPlugin", "kuadrant-other", "gw"),
        {
            "kind": "WasmPlugin",
            "metadata": {
                "name": "kuadrant-gw",
                "namespace": "ns",
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "Service", "name": "gw", "controller": True}
                ],
            },
        },
    ],
    ids=["authorization", "nobody's", "other name", "name of another gateway", "of a Service"],
)
def test_what_is_not_ours_stays(foreign: Any) -> None:
    assert obsolete([foreign], [], [istio]) == ()


def test_a_gateway_of_the_same_name_elsewhere_is_another() -> None:
    elsewhere = _object("WasmPlugin", "kuadrant-gw", "gw", namespace="elsewhere")
    assert obsolete([PLUGIN, elsewhere], [WANTED], [istio]) == (elsewhere,)
