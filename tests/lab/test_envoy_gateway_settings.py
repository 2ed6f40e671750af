"""What people set on Envoy Gateway beside us.

How it runs, how its gateways run, and policies of their own.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.lab.envoy_gateway import SYSTEM, Settings
from tests.lab.walk import ENVOY_GATEWAY, STRICT, Walk, wait, walking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.conftest import Lab

MARK = f"gateway.envoyproxy.io/owning-gateway-name={ENVOY_GATEWAY.gateway}"

MERGED = """
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: merged, namespace: envoy-gateway-system}
spec:
  mergeGateways: true
  provider:
    type: Kubernetes
    kubernetes:
      envoyDeployment: {container: {image: localhost/envoy:lab}}
      envoyService: {type: ClusterIP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: merged}
spec:
  controllerName: gateway.envoyproxy.io/gatewayclass-controller
  parametersRef:
    {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: merged, namespace: envoy-gateway-system}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: first, namespace: gateway-system}
spec:
  gatewayClassName: merged
  listeners: [{name: http, port: 8001, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: second, namespace: gateway-system}
spec:
  gatewayClassName: merged
  listeners: [{name: http, port: 8002, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
"""


def theirs(namespace: str, kind: str, name: str) -> str:
    """A policy of somebody else for a target."""
    return f"""
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata: {{name: theirs, namespace: {namespace}}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: {kind}, name: {name}}}]
  lua: [{{type: Inline, inline: 'function envoy_on_response(h) h:headers():add("theirs", "yes") end'}}]
"""


@pytest.fixture(scope="module")
def walk(lab: Lab) -> Iterator[Walk]:
    """The toystore behind the gateway, with its one request let through soon."""
    with walking(lab, ENVOY_GATEWAY) as one:
        one.apply(STRICT)
        wait(lambda: one.enforced() == "True")
        yield one


def limited(walk: Walk) -> bool:
    return walk.enforced() == "True" and walk.status("-X", "POST") == "429"


def headers(walk: Walk) -> str:
    """Those of an answer to a request without a limit."""
    return walk.lab.run("curl", "--silent", "--dump-header", "-", "-H", "Host: api.toystore.com", walk.url)


def configuration(walk: Walk) -> dict[str, object]:
    """How the module is told to ask the rate limit service."""
    said = walk.lab.run(*walk.provided.plugin, "jsonpath={.spec.wasm[0].config.services.ratelimit}")
    told: dict[str, object] = json.loads(said)
    return told


@pytest.fixture
def settings(lab: Lab) -> Iterator[Settings]:
    one = Settings(lab)
    try:
        yield one
    finally:
        one.undo()


def test_by_default_the_module_asks_the_service_by_its_address(walk: Walk) -> None:
    wait(lambda: limited(walk))
    assert (
        configuration(walk)["googleGrpc"]
        == "dns:///limitador-limitador.kuadrant-system.svc.cluster.local:8081"
    )


def test_where_patches_are_carried_out_it_asks_by_a_cluster(walk: Walk, settings: Settings) -> None:
    settings.enable("enableEnvoyPatchPolicy")
    wait(lambda: "cluster" in configuration(walk), 150)
    wait(lambda: limited(walk))
    settings.undo()
    wait(lambda: "googleGrpc" in configuration(walk), 150)
    wait(lambda: limited(walk))


def test_gateways_that_share_one_envoy_are_limited_each_as_its_own_policies_say(lab: Lab, walk: Walk) -> None:
    walk.apply(MERGED)
    try:
        for name in ("first", "second"):
            lab.run(
                *("kubectl", "wait", f"gateway/{name}", "-n", "gateway-system", "--timeout=90s"),
                "--for=condition=Programmed",
            )
        change = {"op": "replace", "path": "/spec/parentRefs/0/name", "value": "first"}
        lab.run("kubectl", "patch", "httproute", "toystore", "--type=json", "--patch", json.dumps([change]))
        first = Walk(lab, replace(ENVOY_GATEWAY, gateway="first"))
        wait(lambda: limited(first))
        assert "googleGrpc" in configuration(first)
        assert first.status() == "200"
    finally:
        walk.apply(walk.provided.route)
        lab.run("kubectl", "delete", "gateway/first", "gateway/second", "-n", "gateway-system")
        lab.run("kubectl", "delete", "gatewayclass/merged")
        lab.run("kubectl", "delete", "envoyproxy/merged", *SYSTEM)
        wait(lambda: limited(walk))


def test_gateways_whose_proxies_are_in_their_own_namespace_are_limited(
    walk: Walk, settings: Settings
) -> None:
    before = walk.url
    settings.beside_gateways()
    try:
        wait(lambda: Walk(walk.lab, walk.provided).url not in (before, "http://:80/toys"), 90)
        there = Walk(walk.lab, walk.provided)
        pods = ("kubectl", "wait", "--for=condition=Ready", "pod", "-n", walk.provided.namespace, "-l", MARK)
        walk.lab.run(*pods, "--timeout=90s")
        wait(lambda: limited(there), 60)
        assert there.status() == "200"
    finally:
        settings.undo()
        # It leaves behind what it made in the other place.
        made = "deployment,service,configmap,serviceaccount"
        walk.lab.run("kubectl", "delete", made, "-n", walk.provided.namespace, "-l", MARK)
    wait(lambda: Walk(walk.lab, walk.provided).url == before, 90)
    wait(lambda: limited(walk), 60)


def test_a_policy_of_somebody_else_that_is_merged_with_ours_runs_beside_it(
    walk: Walk, settings: Settings
) -> None:
    settings.enable("enableLua")
    policy = theirs("default", "HTTPRoute", "toystore") + "  mergeType: StrategicMerge\n"
    walk.apply(policy)
    try:
        wait(lambda: "theirs: yes" in headers(walk), 30)
        wait(lambda: limited(walk), 30)
        assert "theirs: yes" in headers(walk)
    finally:
        walk.lab.run("kubectl", "delete", "envoyextensionpolicy", "theirs")
    wait(lambda: limited(walk), 30)


def test_a_policy_of_somebody_else_on_a_route_takes_it_from_us_and_we_say_so(walk: Walk) -> None:
    policy = theirs("default", "HTTPRoute", "toystore")
    walk.apply(policy)
    try:
        wait(lambda: walk.enforced() == "False")
        assert "overridden by other envoyExtensionPolicies" in walk.enforced("message")
        assert "default/toystore" in walk.enforced("message")
    finally:
        walk.lab.run("kubectl", "delete", "envoyextensionpolicy", "theirs")
    wait(lambda: limited(walk), 30)


def created(walk: Walk, kind: str, name: str) -> datetime:
    field = "jsonpath={.metadata.creationTimestamp}"
    return datetime.fromisoformat(
        walk.lab.run("kubectl", "get", kind, name, "-n", "gateway-system", "-o", field)
    )


def test_an_older_policy_of_somebody_else_on_the_gateway_keeps_us_out_and_we_say_so(walk: Walk) -> None:
    gateway = walk.provided.gateway
    policy = theirs("gateway-system", "Gateway", gateway)
    walk.apply(policy)
    try:
        # Theirs becomes the older one; times of creation are in whole seconds.
        since = created(walk, "envoyextensionpolicy", "theirs")
        wait(lambda: datetime.now(UTC) >= since + timedelta(seconds=1), 5)
        walk.lab.run("kubectl", "delete", walk.provided.kind, f"kuadrant-{gateway}", "-n", "gateway-system")
        wait(lambda: "another EnvoyExtensionPolicy has already attached" in walk.enforced("message"), 30)
        assert walk.enforced() == "False"
    finally:
        walk.lab.run("kubectl", "delete", "envoyextensionpolicy", "theirs", "-n", "gateway-system")
    wait(lambda: limited(walk), 30)
