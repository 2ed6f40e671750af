"""The monitors are those that Kuadrant's operator makes, and select what the installation has."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from kuadrant.api.kuadrant import Kuadrant
from kuadrant.operator.core.fields_not_in_effect import MONITORS
from kuadrant.operator.core.monitors import monitors
from scripts.installation import CONFIG, built

INSTALLED = [document for _, document in built(CONFIG / "default")]
ENABLED = {"observability": {"enable": True}}
PROVIDERS = {
    ("shop", "web"): "Istio",
    ("shop", "api"): "Istio",
    ("edge", "web"): "Envoy Gateway",
    ("lost", "web"): "",
}


def kuadrant(spec: Any) -> Kuadrant:
    metadata = {"namespace": "kuadrant-system", "name": "kuadrant"}
    return msgspec.convert({"metadata": metadata, "spec": spec}, Kuadrant)


def made(spec: Any, served: tuple[str, ...] = MONITORS) -> dict[str, dict[str, Any]]:
    found = monitors((kuadrant(spec),), served, PROVIDERS, "kuadrant-system", "envoy-gateway-system")
    return {f"{one['kind']} {one['metadata']['namespace']}/{one['metadata']['name']}": one for one in found}


def test_each_part_has_one_under_the_name_that_kuadrants_users_know() -> None:
    assert [*made(ENABLED)] == [
        "ServiceMonitor kuadrant-system/kuadrant-operator-monitor",
        "PodMonitor kuadrant-system/kuadrant-limitador-monitor",
        "PodMonitor shop/istio-pod-monitor",
        "PodMonitor edge/envoy-stats-monitor",
    ]
    for one in made(ENABLED).values():
        assert one["metadata"]["labels"]["kuadrant.io/observability"] == "true"


@pytest.mark.parametrize("spec", [{}, {"observability": {}}, {"observability": {"enable": False}}])
def test_unless_the_kuadrant_asks_for_them_there_are_none(spec: Any) -> None:
    assert made(spec) == {}
    assert monitors((), MONITORS, PROVIDERS, "a", "b") == ()


def test_kinds_that_the_cluster_does_not_have_are_left_out() -> None:
    assert [*made(ENABLED, ("PodMonitor",))] == [*made(ENABLED)][1:]


def test_the_operators_selects_one_service_with_its_port() -> None:
    spec = made(ENABLED)["ServiceMonitor kuadrant-system/kuadrant-operator-monitor"]["spec"]
    (endpoint,) = spec["endpoints"]
    selected = [
        one["metadata"]["name"]
        for one in INSTALLED
        if one["kind"] == "Service"
        and one["metadata"]["namespace"] in spec["namespaceSelector"]["matchNames"]
        and one["metadata"]["labels"].items() >= spec["selector"]["matchLabels"].items()
        and endpoint["port"] in {port["name"] for port in one["spec"]["ports"]}
    ]
    assert selected == ["kuadrant-operator-metrics"]


def test_the_rate_limit_services_selects_its_pods_and_those_of_the_limitador_operator() -> None:
    spec = made(ENABLED)["PodMonitor kuadrant-system/kuadrant-limitador-monitor"]["spec"]
    (expression,) = spec["selector"]["matchExpressions"]
    ours = {
        one["metadata"]["name"]: one["spec"]["template"] for one in INSTALLED if one["kind"] == "Deployment"
    }
    theirs = {"app": "limitador", "limitador-resource": "limitador"}

    def selects(labels: dict[str, str]) -> bool:
        has = labels.items() >= spec["selector"]["matchLabels"].items()
        return has and labels[expression["key"]] in expression["values"]

    selected = [name for name, pod in ours.items() if selects(pod["metadata"]["labels"])]
    assert selected == ["kuadrant-ratelimit"]
    assert selects(theirs)
    (container,) = ours["kuadrant-ratelimit"]["spec"]["containers"]
    assert spec["podMetricsEndpoints"][0]["port"] in {port["name"] for port in container["ports"]}


def test_the_rate_limit_services_service_has_the_name_and_the_label_of_limitadors() -> None:
    (service,) = (one for one in INSTALLED if one["metadata"]["name"] == "limitador-limitador")
    assert service["kind"] == "Service"
    assert service["metadata"]["labels"]["limitador-resource"] == "limitador"
    assert {one["name"]: one["port"] for one in service["spec"]["ports"]} == {"grpc": 8081, "http": 8080}


@pytest.mark.parametrize(
    ("address", "target"), [("15020;10.0.0.7", "10.0.0.7:15020"), ("15020;fd00::1", "[fd00::1]:15020")]
)
def test_gateways_of_istio_are_asked_at_the_port_that_they_name(address: str, target: str) -> None:
    (endpoint,) = made(ENABLED)["PodMonitor shop/istio-pod-monitor"]["spec"]["podMetricsEndpoints"]
    found = [
        match.expand(re.sub(r"\$(\d)", r"\\\1", one["replacement"]))
        for one in endpoint["relabelings"]
        if one.get("targetLabel") == "__address__" and (match := re.fullmatch(one["regex"], address))
    ]
    assert found == [target]
