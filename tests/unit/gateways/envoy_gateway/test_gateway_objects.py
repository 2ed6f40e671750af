"""The objects of a gateway: what they depend on, and what they refuse."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

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
from kuadrant.gateways import envoy, envoy_gateway
from kuadrant.gateways.delivery_mode import PushTarget
from kuadrant.gateways.envoy_gateway import Observation
from kuadrant.gateways.module_address import served_module
from kuadrant.gateways.provider import GatewayObjects, GatewaySettings, PodSelector, Rendering
from kuadrant.policy.match import RequestMatch

MODULE = served_module("module.example", 8082, "ab" * 32)
LIMITS = envoy.Address("limits.example", 8081)


def _gateway(*ports: int) -> Gateway:
    listeners = tuple(
        Listener(name=f"l{number}", port=port, protocol="HTTP") for number, port in enumerate(ports)
    )
    return Gateway(
        metadata=ObjectMeta(name="gw", namespace="ns", uid="1"),
        spec=GatewaySpec(gateway_class_name="eg", listeners=listeners),
    )


def _program(**scopes: int) -> GatewayProgram:
    """A limit on a.com for each port, under a scope of its own."""
    listeners = []
    for scope, port in scopes.items():
        action = Action(scope, (LimitAction("limit.all"),))
        rule = RuleProgram(name="r", route="default/route", match=RequestMatch(), actions=(action,))
        listeners.append(ListenerProgram((f"of-{port}",), port, "HTTP", (HostProgram("a.com", (rule,)),)))
    return GatewayProgram("ns", "gw", tuple(listeners), ())


def _settings(*, by_address: bool = True, padding: int = 0) -> GatewaySettings:
    def configure(hosts: tuple[HostProgram, ...], by: str = "cluster") -> bytes:
        return msgspec.json.encode(
            {"hosts": [host.hostname for host in hosts], "by": by, "padding": "x" * padding}
        )

    return GatewaySettings(
        module=MODULE,
        rendering=Rendering(
            configure, (lambda hosts, address: configure(hosts, address.host)) if by_address else None
        ),
        rate_limit=LIMITS,
    )


def _objects(
    observed: Observation, settings: GatewaySettings | None = None, program: GatewayProgram | None = None
) -> GatewayObjects:
    return envoy_gateway.gateway_objects(
        _gateway(80), program or _program(a=80), observed, settings or _settings()
    )


def _push(*, by_address: bool = True) -> GatewaySettings:
    server = PushTarget(address=envoy.Address("push.example", 8083), authority="PEM")
    return replace(_settings(by_address=by_address), push=server, delivery="push")


def _extension(objects: GatewayObjects) -> dict[str, Any]:
    (extension,) = objects.objects[1]["spec"]["wasm"]
    assert isinstance(extension, dict)
    return extension


def test_the_cluster_is_made_before_the_policy_that_may_use_it() -> None:
    assert [one["kind"] for one in _objects(Observation()).objects] == [
        "EnvoyPatchPolicy",
        "EnvoyExtensionPolicy",
    ]
    assert [kind.name for kind in envoy_gateway.KINDS] == ["EnvoyPatchPolicy", "EnvoyExtensionPolicy"]


@pytest.mark.parametrize(("has_cluster", "by"), [(True, "cluster"), (False, "limits.example")])
def test_the_service_is_asked_by_its_cluster_once_that_is_there(has_cluster: bool, by: str) -> None:
    assert _extension(_objects(Observation(has_cluster=has_cluster)))["config"]["by"] == by


def test_a_module_that_knows_clusters_only_waits_for_one() -> None:
    told = _objects(Observation(), _settings(by_address=False))
    # Only the cluster is made; what was there before stays.
    assert [one["kind"] for one in told.objects] == ["EnvoyPatchPolicy"]
    assert "extensionApis.enableEnvoyPatchPolicy" in (told.problem or "")
    assert _extension(_objects(Observation(has_cluster=True), _settings(by_address=False)))


def test_a_gateway_asks_once_patches_are_carried_out_and_is_told_until_then() -> None:
    before = _objects(Observation(refusal="disabled"), _push())
    assert [one["kind"] for one in before.objects] == ["EnvoyPatchPolicy", "EnvoyExtensionPolicy"]
    assert "ns/gw is to be pushed to" in (before.problem or "")
    assert (before.problem or "").endswith("; Envoy Gateway says: disabled")
    assert before.pushed == {}

    asking = _objects(Observation(has_cluster=True), _push())
    assert [one["metadata"]["name"] for one in asking.objects] == [
        "kuadrant-ratelimiting-gw",
        "kuadrant-push-gw",
    ]
    assert asking.problem is None
    assert [msgspec.json.decode(text)["by"] for text in asking.pushed.values()] == ["cluster"]


def test_a_gateway_that_asks_without_limits_is_told_so_and_nothing_is_made() -> None:
    idle = _objects(Observation(has_cluster=True), _push(), _program())
    assert idle.objects == ()
    assert [msgspec.json.decode(text)["hosts"] for text in idle.pushed.values()] == [[]]


def test_pods_are_the_gateways_where_envoy_gateway_makes_them() -> None:
    settings = replace(_settings(), envoy_gateway_namespace="system")
    assert _objects(Observation(), settings).pods == PodSelector(
        frozenset({"system", "ns"}),
        {
            "gateway.envoyproxy.io/owning-gateway-name": "gw",
            "gateway.envoyproxy.io/owning-gateway-namespace": "ns",
        },
    )


def test_a_module_is_another_machine_for_envoy_by_its_environment() -> None:
    extension = _extension(_objects(Observation()))
    assert MODULE.sha256 in extension["env"]["hostKeys"][0]
    assert extension["failOpen"] is False


def test_an_address_after_a_failure_is_proven_right_before_it_is_written() -> None:
    failed = Observation(sha256=MODULE.sha256, number=4, failed=True)
    again = _objects(failed)
    assert again.prove == MODULE.at_try(5)
    assert _extension(again)["code"]["http"]["url"] == MODULE.at_try(5).url
    assert _objects(Observation(sha256=MODULE.sha256, number=5)).prove is None


def test_every_listener_of_a_port_is_named_and_no_more_than_there_may_be() -> None:
    ports = [80, *[8080] * 16]
    program = _program(a=80, b=8080)
    both = envoy_gateway.gateway_objects(_gateway(*ports), program, Observation(), _settings()).objects[1:]
    assert [len(one["spec"]["targetRefs"]) for one in both] == [1, 16]
    many = envoy_gateway.gateway_objects(_gateway(*ports, 8080), program, Observation(), _settings())
    assert many.objects == ()
    assert "port 8080 has 17 listeners" in (many.problem or "")


def test_an_object_that_is_too_large_is_not_written() -> None:
    assert "KiB" in (_objects(Observation(), _settings(padding=600 * 1024)).problem or "")


@pytest.mark.parametrize(
    ("kind", "name", "ours"),
    [
        ("EnvoyExtensionPolicy", "kuadrant-gw", True),
        ("EnvoyExtensionPolicy", "kuadrant-gw-port-80", True),
        ("EnvoyExtensionPolicy", "kuadrant-gw-port-x", False),
        ("EnvoyExtensionPolicy", "other", False),
        ("EnvoyPatchPolicy", "kuadrant-ratelimiting-gw", True),
        ("EnvoyPatchPolicy", "kuadrant-push-gw", True),
        ("EnvoyPatchPolicy", "kuadrant-push-gw-http3", True),
        ("EnvoyPatchPolicy", "kuadrant-auth-gw", False),
    ],
)
def test_ours_is_what_a_gateway_controls_under_a_name_of_ours(kind: str, name: str, ours: bool) -> None:
    reference = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "name": "gw",
        "controller": True,
    }
    document = {
        "kind": kind,
        "metadata": {"name": name, "namespace": "ns", "ownerReferences": [reference]},
    }
    assert envoy_gateway.owner(document) == ("gw" if ours else None)
    del document["metadata"]["ownerReferences"]  # type: ignore[attr-defined]
    assert envoy_gateway.owner(document) is None
