"""The names, ports and addresses of an installation, and what its pods may do.

People have them in their scripts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.api import documents
from kuadrant.api.caller_token import SECRET
from kuadrant.kube.lease import LEASES
from kuadrant.operator.core import service_pods
from kuadrant.operator.push import certificate
from kuadrant.operator.secrets.stored_secret import SECRETS
from kuadrant.operator.service_pod_keeper import BUDGETS, DEPLOYMENTS

if TYPE_CHECKING:
    from pathlib import Path

    Installation = Any

NAME = "kuadrant-operator-controller-manager"
NAMESPACE = "kuadrant-system"
POD_LABELS = {"app": "kuadrant", "control-plane": "controller-manager"}
OWN_GROUPS = {
    "kuadrant.io",
    "extensions.istio.io",
    "networking.istio.io",
    "gateway.envoyproxy.io",
    "limitador.kuadrant.io",
}
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
    selectors = [
        installation.one("Service", f"{NAME}-wasm-shim-service")["spec"]["selector"],
        installation.one("Service", f"{NAME}-metrics-service")["spec"]["selector"],
    ]
    assert selectors == [POD_LABELS] * len(selectors)
    assert pod["metadata"]["labels"] == POD_LABELS


def test_every_deployment_has_a_budget_and_a_network_policy_for_its_pods(installation: Installation) -> None:
    for deployment in installation.all("Deployment"):
        name, labels = deployment["metadata"]["name"], deployment["spec"]["template"]["metadata"]["labels"]
        selector = deployment["spec"]["selector"]["matchLabels"]
        assert selector.items() <= labels.items()
        assert [
            installation.one("PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"],
            installation.one("NetworkPolicy", name)["spec"]["podSelector"]["matchLabels"],
        ] == [selector] * 2


def test_an_update_takes_no_pod_away_before_another_is_there(installation: Installation) -> None:
    for deployment in installation.all("Deployment"):
        assert deployment["spec"]["strategy"] == {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_the_ports(manager: dict[str, Any]) -> None:
    assert {port["name"]: port["containerPort"] for port in manager["ports"]} == {
        "metrics": 8080,
        "probes": 8081,
        "wasm-shim": 8082,
        "push": 8083,
    }


def test_every_service_leads_to_ports_that_the_pods_behind_it_have(installation: Installation) -> None:
    pods = [deployment["spec"]["template"] for deployment in installation.all("Deployment")]
    for service in installation.all("Service"):
        selector = service["spec"]["selector"]
        (pod,) = [pod for pod in pods if selector.items() <= pod["metadata"]["labels"].items()]
        ports = {port["name"] for container in pod["spec"]["containers"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_the_network_lets_in_what_is_for_one_of_the_pods_ports(installation: Installation) -> None:
    for deployment in installation.all("Deployment"):
        policy = installation.one("NetworkPolicy", deployment["metadata"]["name"])["spec"]
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        open_ports = [port["port"] for rule in policy["ingress"] for port in rule["ports"]]
        assert sorted(open_ports) == sorted(port["name"] for port in container["ports"])


def test_the_probes(manager: dict[str, Any]) -> None:
    probes = [manager[probe]["httpGet"] for probe in ("livenessProbe", "readinessProbe")]
    assert probes == [{"path": "/healthz", "port": "probes"}, {"path": "/readyz", "port": "probes"}]


def test_what_the_pod_asks_of_its_node(manager: dict[str, Any]) -> None:
    assert manager["resources"] == {
        "requests": {"cpu": "100m", "memory": "200Mi"},
        "limits": {"memory": "512Mi"},
    }


def test_who_is_asked_for_each_limited_request_asks_for_more_than_who_decides(
    installation: Installation,
) -> None:
    pod = installation.one("Deployment", "kuadrant-ratelimit")["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"] == {
        "requests": {"cpu": "200m", "memory": "128Mi"},
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
        if {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE} in binding["subjects"]:
            rules += installation.one(binding["roleRef"]["kind"], binding["roleRef"]["name"])["rules"]
    assert rules
    return rules


def test_the_pods_run_as_the_account_that_the_rights_are_given_to(pod: dict[str, Any]) -> None:
    assert pod["spec"]["serviceAccountName"] == NAME


def test_every_account_that_is_named_is_there(installation: Installation) -> None:
    for deployment in installation.all("Deployment"):
        installation.one("ServiceAccount", deployment["spec"]["template"]["spec"]["serviceAccountName"])
    for binding in (*installation.all("ClusterRoleBinding"), *installation.all("RoleBinding")):
        (subject,) = binding["subjects"]
        assert installation.one(subject["kind"], subject["name"])["metadata"]["namespace"] == NAMESPACE


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
        ("authentication.k8s.io", "tokenreviews"),
        ("events.k8s.io", "events"),
        ("monitoring.coreos.com", "servicemonitors"),
        ("monitoring.coreos.com", "podmonitors"),
    }


def test_the_operator_can_read_no_secret_but_its_own(installation: Installation) -> None:
    assert "secrets" not in {
        name for rule in _rules(installation, "ClusterRole") for name in rule["resources"]
    }


def test_no_more_than_these_rights_is_given_in_the_operator_s_namespace_alone(
    installation: Installation,
) -> None:
    assert _rules(installation, "Role") == [
        {
            "apiGroups": [LEASES.group],
            "resources": [LEASES.plural],
            "verbs": ["get", "create", "update"],
        },
        {
            "apiGroups": [SECRETS.group],
            "resources": [SECRETS.plural],
            "resourceNames": [certificate.NAME, SECRET],
            "verbs": ["list", "watch", "update"],
        },
        {
            "apiGroups": [SECRETS.group],
            "resources": [SECRETS.plural],
            "verbs": ["create"],
        },
        *(
            {
                "apiGroups": [kind.group],
                "resources": [kind.plural],
                "resourceNames": [service_pods.NAME],
                "verbs": ["list", "watch", "patch"],
            }
            for kind in (DEPLOYMENTS, BUDGETS)
        ),
    ]


def test_everything_is_in_one_namespace_or_in_none(installation: Installation) -> None:
    namespaces = {document["metadata"].get("namespace") for document in installation.objects}
    assert namespaces == {NAMESPACE, None}


def test_nothing_is_there_twice(installation: Installation) -> None:
    keys = [(document["kind"], document["metadata"]["name"]) for document in installation.objects]
    assert len(keys) == len(set(keys))


def test_every_file_is_part_of_the_installation(installation: Installation, config: Path) -> None:
    """A manifest that no kustomization names would be missing without a word."""
    for folder in ("crd", "rbac", "manager", "network", "ratelimit"):
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
