"""The names, ports and addresses of an installation, which people have in their scripts, and what its pods may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.api import documents
from kuadrant.kube.lease import LEASES

if TYPE_CHECKING:
    from pathlib import Path

    Installation = Any

NAME = "kuadrant-operator-controller-manager"
NAMESPACE = "kuadrant-system"
POD_LABELS = {"app": "kuadrant", "control-plane": "controller-manager"}
OWN_GROUPS = {"kuadrant.io", "extensions.istio.io", "networking.istio.io", "limitador.kuadrant.io"}
WRITES = {"create", "update", "patch", "delete", "deletecollection", "*"}


def test_the_module_server_s_service_is_the_one_of_every_address(installation: Installation) -> None:
    assert installation.one("Service", f"{NAME}-wasm-shim-service") == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "labels": {"app": "kuadrant", "control-plane": "controller-manager"},
            "name": "kuadrant-operator-controller-manager-wasm-shim-service",
            "namespace": "kuadrant-system",
        },
        "spec": {
            "ports": [{"name": "wasm-shim", "port": 8082, "protocol": "TCP", "targetPort": "wasm-shim"}],
            "selector": {"app": "kuadrant", "control-plane": "controller-manager"},
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
    }


@pytest.fixture
def pod(installation: Installation) -> dict[str, Any]:
    deployment = installation.one("Deployment", NAME)
    assert deployment["metadata"]["namespace"] == NAMESPACE
    pod: dict[str, Any] = deployment["spec"]["template"]
    return pod


@pytest.fixture
def manager(pod: dict[str, Any]) -> dict[str, Any]:
    (container,) = pod["spec"]["containers"]
    assert isinstance(container, dict)
    return container


def test_whatever_selects_the_operator_s_pods_finds_them(
    installation: Installation, pod: dict[str, Any]
) -> None:
    deployment = installation.one("Deployment", NAME)
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        installation.one("PodDisruptionBudget", NAME)["spec"]["selector"]["matchLabels"],
        installation.one("NetworkPolicy", NAME)["spec"]["podSelector"]["matchLabels"],
        *(service["spec"]["selector"] for service in installation.all("Service")),
    ]
    assert selectors == [pod["metadata"]["labels"]] * len(selectors) == [POD_LABELS] * len(selectors)


def test_the_ports(manager: dict[str, Any]) -> None:
    assert {port["name"]: port["containerPort"] for port in manager["ports"]} == {
        "metrics": 8080,
        "probes": 8081,
        "wasm-shim": 8082,
    }


def test_every_port_that_is_named_elsewhere_is_a_port_of_the_pod(
    installation: Installation, manager: dict[str, Any]
) -> None:
    ports = {port["name"] for port in manager["ports"]}
    services = {
        port["targetPort"] for service in installation.all("Service") for port in service["spec"]["ports"]
    }
    policies = {
        port["port"]
        for policy in installation.all("NetworkPolicy")
        for rule in policy["spec"]["ingress"]
        for port in rule["ports"]
    }
    probes = {manager[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe")}
    assert services | policies | probes == ports


def test_the_probes(manager: dict[str, Any]) -> None:
    assert [manager[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")] == [
        "/healthz",
        "/readyz",
    ]


def test_the_pod_has_no_more_rights_on_its_node_than_it_needs(
    pod: dict[str, Any], manager: dict[str, Any]
) -> None:
    assert pod["spec"]["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert manager["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def test_what_the_pod_asks_of_its_node(manager: dict[str, Any]) -> None:
    assert manager["resources"] == {
        "requests": {"cpu": "200m", "memory": "200Mi"},
        "limits": {"memory": "512Mi"},
    }


def test_logs_are_as_in_production_unless_somebody_says_otherwise(manager: dict[str, Any]) -> None:
    assert {variable["name"] for variable in manager["env"]} == {"POD_NAME", "POD_NAMESPACE"}


def test_a_replica_is_there_during_an_update_and_while_a_node_is_drained(installation: Installation) -> None:
    spec = installation.one("Deployment", NAME)["spec"]
    assert (spec["replicas"], spec["strategy"]["rollingUpdate"]["maxUnavailable"]) == (2, 0)
    assert installation.one("PodDisruptionBudget", NAME)["spec"]["maxUnavailable"] == 1


def _rules(installation: Installation, kind: str) -> list[dict[str, Any]]:
    """The rules that the operator's account has by roles of ``kind``."""
    bindings = {"ClusterRole": "ClusterRoleBinding", "Role": "RoleBinding"}
    rules = []
    for binding in installation.all(bindings[kind]):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}]
        rules += installation.one(binding["roleRef"]["kind"], binding["roleRef"]["name"])["rules"]
    return rules


def test_the_pods_run_as_the_account_that_the_rights_are_given_to(
    installation: Installation, pod: dict[str, Any]
) -> None:
    account = installation.one("ServiceAccount", pod["spec"]["serviceAccountName"])
    assert (account["metadata"]["name"], account["metadata"]["namespace"]) == (NAME, NAMESPACE)


def test_no_right_is_for_whatever_there_may_be(installation: Installation) -> None:
    rules = [
        rule
        for role in (*installation.all("ClusterRole"), *installation.all("Role"))
        for rule in role["rules"]
    ]
    named = [name for rule in rules for names in rule.values() for name in names]
    assert named
    assert "*" not in named


def test_the_operator_writes_its_own_kinds_and_the_statuses_of_others(installation: Installation) -> None:
    written = {
        (group, resource)
        for rule in _rules(installation, "ClusterRole")
        if WRITES & set(rule["verbs"])
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        if group not in OWN_GROUPS
    }
    assert written == {
        ("gateway.networking.k8s.io", "gateways/status"),
        ("gateway.networking.k8s.io", "grpcroutes/status"),
        ("gateway.networking.k8s.io", "httproutes/status"),
        ("events.k8s.io", "events"),
    }


def test_the_operator_cannot_read_secrets(installation: Installation) -> None:
    assert "secrets" not in {
        name for rule in _rules(installation, "ClusterRole") for name in rule["resources"]
    }


def test_the_lease_is_the_only_thing_that_is_given_in_the_operator_s_namespace_alone(
    installation: Installation,
) -> None:
    assert _rules(installation, "Role") == [
        {
            "apiGroups": [LEASES.group],
            "resources": [LEASES.plural],
            "verbs": ["get", "create", "update"],
        }
    ]


def test_everything_is_in_one_namespace_or_in_none(installation: Installation) -> None:
    namespaces = {document["metadata"].get("namespace") for document in installation.objects}
    assert namespaces == {NAMESPACE, None}


def test_nothing_is_there_twice(installation: Installation) -> None:
    keys = [(document["kind"], document["metadata"]["name"]) for document in installation.objects]
    assert len(keys) == len(set(keys))


def test_every_file_is_part_of_the_installation(installation: Installation, config: Path) -> None:
    """A manifest that no kustomization names would be missing without a word."""
    for folder in ("crd", "rbac", "manager", "network"):
        kustomization = (config / folder / "kustomization.yaml").read_text()
        files = {path.relative_to(config / folder).as_posix() for path in (config / folder).rglob("*.yaml")}
        assert [name for name in files - {"kustomization.yaml"} if f"- {name}\n" not in kustomization] == []
    assert installation.all("CustomResourceDefinition")


def test_the_admission_policy_is_bound(installation: Installation) -> None:
    (policy,) = installation.all("ValidatingAdmissionPolicy")
    (binding,) = installation.all("ValidatingAdmissionPolicyBinding")
    assert binding["spec"] == {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}
    assert policy["spec"]["failurePolicy"] == "Fail"


def test_the_samples_are_sound(config: Path) -> None:
    for path in sorted((config / "samples").glob("*.yaml")):
        folder = documents.read([(path.name, path.read_text())])
        assert (folder.problems, folder.notes) == ((), ())
