"""The chart, rendered by Helm's own engine, gives what kustomize gives for config/default."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from lab import programs
from scripts.installation import CONFIG, NAMESPACE
from tests.integration.config.helm import named, rendered

if TYPE_CHECKING:
    from pathlib import Path

KEEP = {"helm.sh/resource-policy": "keep"}


def built(folder: str) -> list[dict[str, Any]]:
    """What kustomize makes of a folder of config/."""
    command = [str(programs.path_of("kubectl")), "kustomize", str(CONFIG / folder)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return list(yaml.safe_load_all(printed))


@pytest.fixture(scope="module")
def kustomized() -> list[dict[str, Any]]:
    return built("default")


def test_with_its_own_values_it_is_config_default_in_the_release_s_namespace(
    kustomized: list[dict[str, Any]],
) -> None:
    expected = named(kustomized)
    del expected["Namespace", NAMESPACE]  # Helm's: helm install --create-namespace
    for (kind, _), document in expected.items():
        if kind == "CustomResourceDefinition":
            document["metadata"]["annotations"] = {**document["metadata"].get("annotations", {}), **KEEP}
    assert named(rendered()) == expected


def test_another_namespace_is_the_one_of_everything() -> None:
    documents = rendered(namespace="limits")
    assert {one["metadata"].get("namespace") for one in documents} == {"limits", None}
    assert NAMESPACE not in yaml.safe_dump(
        [one for one in documents if one["kind"] != "CustomResourceDefinition"]
    )


def test_the_rate_limit_service_can_be_left_to_the_limitador_operator() -> None:
    names = [one["metadata"]["name"] for one in rendered("ratelimit: {enabled: false}")]
    assert "kuadrant-operator-controller-manager" in names
    assert not [name for name in names if "limitador" in name or name == "kuadrant-ratelimit"]


def test_alerts_and_dashboards_come_by_a_value_as_with_kustomize() -> None:
    asked = "{rules: true, dashboards: true, labels: {release: p}, docs: 'https://docs.example/'}"
    documents = named(rendered(f"monitoring: {asked}"))
    expected = named(built("monitoring"))
    del expected["ConfigMap", "kuadrant-custom-resource-state"]
    for key, document in expected.items():
        document["metadata"]["labels"]["release"] = "p"
        links = yaml.safe_dump(document).replace("docs/runbooks.md", "https://docs.example/docs/runbooks.md")
        assert documents[key] == yaml.safe_load(links)
    assert not expected.keys() & named(rendered()).keys()


def _network(values: str) -> dict[str, dict[str, Any]]:
    """The network policies that the chart gives with these values, by name."""
    documents = rendered(f"networkPolicies: {values}")
    return {one["metadata"]["name"]: one["spec"] for one in documents if one["kind"] == "NetworkPolicy"}


def test_only_gateways_ask_where_that_is_wanted_as_with_the_component(tmp_path: Path) -> None:
    folders = {name: os.path.relpath(CONFIG / name, tmp_path) for name in ("default", "gateways-only")}
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{folders['default']}]\ncomponents: [{folders['gateways-only']}]\n"
    )
    command = [str(programs.path_of("kubectl")), "kustomize", str(tmp_path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    component = {
        one["metadata"]["name"]: one["spec"]
        for one in yaml.safe_load_all(printed)
        if one["kind"] == "NetworkPolicy"
    }
    assert _network("{callers: gateways}") == component != _network("{}")


def test_more_gateways_may_ask_fetch_and_be_pushed_to() -> None:
    nodes = {"ipBlock": {"cidr": "10.0.0.0/24"}}
    policies = _network("{callers: gateways, gateways: [{ipBlock: {cidr: 10.0.0.0/24}}]}")
    open_to_them = {
        port["port"]
        for spec in policies.values()
        for rule in spec["ingress"]
        if nodes in rule.get("from", ())
        for port in rule["ports"]
    }
    assert open_to_them == {"grpc", "wasm-shim", "push"}


def test_a_list_without_ports_opens_none() -> None:
    """Kubernetes takes a rule with an empty list of ports for one with all of them."""
    for spec in _network("{apiServerPorts: [7443], storePorts: []}").values():
        assert all(rule["ports"] for rule in spec["egress"])
        ports = {port["port"] for rule in spec["egress"] for port in rule["ports"]}
        assert ports - {8082, 8083} == {53, 5353, 7443}


def test_there_can_be_no_network_policies() -> None:
    assert _network("{enabled: false}") == {}
