"""What a gateway gets, beside the golden cases.

Order, marks, the module's address, and what is too large to store.
"""

from __future__ import annotations

import msgspec
import pytest

from kuadrant.api.gateway import Gateway, GatewaySpec, Listener
from kuadrant.api.meta import ObjectMeta
from kuadrant.compiler.program import (
    Action,
    GatewayProgram,
    HostProgram,
    LimitAction,
    ListenerProgram,
    RuleProgram,
)
from kuadrant.gateways import envoy, istio
from kuadrant.gateways.module_address import served_module
from kuadrant.gateways.provider import GatewayObjects, GatewaySettings, Rendering
from kuadrant.policy.match import RequestMatch

GATEWAY = Gateway(
    metadata=ObjectMeta(name="gw", namespace="ns", uid="1f"),
    spec=GatewaySpec(
        gateway_class_name="istio", listeners=(Listener(name="http", port=80, protocol="HTTP"),)
    ),
)
LIMITED = (
    RuleProgram("rule", "ns/route", RequestMatch(), (Action("ns/route", (LimitAction("limit.x__1"),)),)),
)
PODS = istio.Selection({istio.GATEWAY_NAME: "gw"}, by_reference=True)


def _program(*hostnames: str) -> GatewayProgram:
    hosts = tuple(HostProgram(hostname, LIMITED) for hostname in hostnames)
    return GatewayProgram("ns", "gw", (ListenerProgram(("http",), 80, "HTTP", hosts),), ())


def _objects(
    program: GatewayProgram, pods: istio.Selection | istio.NotSelectable = PODS, *, padding: int = 0
) -> GatewayObjects:
    def configure(hosts: tuple[HostProgram, ...]) -> bytes:
        return msgspec.json.encode({"hosts": [host.hostname for host in hosts], "padding": "x" * padding})

    settings = GatewaySettings(
        module=served_module("module.example", 8082, "ab" * 32),
        rendering=Rendering(configure),
        rate_limit=envoy.Address("limits.example", 8081),
    )
    return istio.gateway_objects(GATEWAY, program, pods, settings)


def test_the_cluster_is_made_before_the_plugin_that_needs_it() -> None:
    assert [(one["kind"], one["metadata"]["name"]) for one in _objects(_program("a.com")).objects] == [
        ("EnvoyFilter", istio.envoy_filter_name("gw")),
        ("WasmPlugin", istio.wasm_plugin_name("gw")),
    ]


@pytest.mark.row(153)
def test_a_gateway_that_limits_nothing_has_no_objects() -> None:
    result = _objects(_program())
    assert (result.objects, result.problem) == ((), None)


def test_objects_carry_our_label_and_go_with_their_gateway() -> None:
    for document in _objects(_program("a.com")).objects:
        assert document["metadata"]["labels"]["kuadrant.io/managed"] == "true"
        assert document["metadata"]["ownerReferences"] == [
            {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "Gateway",
                "name": "gw",
                "uid": "1f",
                "controller": True,
            }
        ]


def test_the_same_program_gives_the_same_bytes() -> None:
    once, again = (_objects(_program("b.com", "a.com")) for _ in range(2))
    assert msgspec.json.encode(once) == msgspec.json.encode(again)


def test_what_is_too_large_to_store_is_not_decided() -> None:
    result = _objects(_program("a.com"), padding=512 * 1024)
    assert result.objects == ()
    assert result.problem == (
        "WasmPlugin ns/kuadrant-gw would have 513 KiB, more than the 512 KiB that are safe to store; "
        "it stays as it is until there are fewer limited rules"
    )


@pytest.mark.row(75)
@pytest.mark.parametrize(("form", "query"), [("pinned", f"?sha256={'ab' * 32}"), ("plain", "")])
def test_the_address_of_a_module(form: str, query: str) -> None:
    module = served_module("module.example", 8082, "ab" * 32, "pinned" if form == "pinned" else "plain")
    assert (module.url, module.sha256) == (f"http://module.example:8082/kuadrant-wasm-shim{query}", "ab" * 32)


def _differing() -> GatewayProgram:
    """Ports 80 and 443 limit a.com in different ways."""
    other = (
        RuleProgram("rule", "ns/route", RequestMatch(), (Action("ns/route", (LimitAction("limit.y__1"),)),)),
    )
    listeners = (
        ListenerProgram(("http",), 80, "HTTP", (HostProgram("a.com", LIMITED),)),
        ListenerProgram(("https",), 443, "HTTPS", (HostProgram("a.com", other),)),
    )
    return GatewayProgram("ns", "gw", listeners, ())


def test_ports_that_differ_have_a_plugin_each_for_the_pods_port() -> None:
    pods = istio.Selection({"istio": "ingressgateway"}, by_reference=False, pod_ports={80: 8080, 443: 443})
    _, *plugins = _objects(_differing(), pods).objects
    assert [(one["metadata"]["name"], one["spec"]["match"]) for one in plugins] == [
        ("kuadrant-gw-port-80", [{"ports": [{"number": 8080}]}]),
        ("kuadrant-gw-port-443", [{"ports": [{"number": 443}]}]),
    ]


@pytest.mark.parametrize(
    ("pod_ports", "reason"),
    [
        ({80: "http", 443: 8443}, "its Service leads port 80 to a name (http) instead of a number"),
        ({80: 8080, 443: 8080}, "its Service leads several of them to port 8080"),
        ({80: 8080}, "no Service is known that leads port 443 to them"),
    ],
    ids=["a name", "the same", "unknown"],
)
def test_a_port_that_no_plugin_can_mean_is_said(pod_ports: dict[int, int | str], reason: str) -> None:
    pods = istio.Selection({"istio": "ingressgateway"}, by_reference=False, pod_ports=pod_ports)
    problem = (
        "the pods of Gateway ns/gw cannot be selected: "
        f"its ports limit a host name in different ways, and {reason}"
    )
    assert _objects(_differing(), pods) == GatewayObjects("ns", "gw", problem=problem, inseparable=reason)
    assert _objects(_program("a.com"), pods).problem is None
