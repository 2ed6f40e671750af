"""Every pod of ours keeps to `restricted` and to more, in config/, the chart and the bundle."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from scripts.generate_bundle import BUNDLE
from tests.lab import faults
from tests.unit.config import templates
from tests.unit.config.pod_security import RESTRICTED, containers, violations

if TYPE_CHECKING:
    from pathlib import Path

    Installation = Any

LABELS = "pod-security.kubernetes.io/"
HOOKS = {"Job", "Pod"}
"""What ends limiting before the chart goes, and what tests it."""
OLDEST = "v1.30"  # the oldest Kubernetes that the chart and the bundle take


@pytest.fixture(scope="module")
def bundle() -> dict[str, Any]:
    version: dict[str, Any] = yaml.safe_load(
        (BUNDLE / "manifests/kuadrant-operator.clusterserviceversion.yaml").read_text()
    )
    return version


@pytest.fixture(scope="module")
def pods(installation: Installation, bundle: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The template of every pod, by where it is written."""
    found = {
        f"config {one['metadata']['name']}": one["spec"]["template"] for one in installation.all("Deployment")
    }
    for one in bundle["spec"]["install"]["spec"]["deployments"]:
        found[f"bundle {one['name']}"] = one["spec"]["template"]
    for one in templates.objects():
        if one["kind"] == "Deployment":
            found[f"chart {one['metadata']['name']}"] = one["spec"]["template"]
        if one["kind"] in HOOKS:
            found[f"hook {one['metadata']['name']}"] = (
                one["spec"]["template"] if one["kind"] == "Job" else one
            )
    assert len(found) == 3 * len(installation.all("Deployment")) + len(HOOKS)
    return found


def test_nothing_but_deployments_makes_pods(installation: Installation) -> None:
    """A kind that is new here is to be looked at by the tests of this file, too."""
    assert [
        one["kind"]
        for one in (*installation.objects, *templates.objects())
        if one["kind"] in {"Pod", "DaemonSet", "StatefulSet", "ReplicaSet", "Job", "CronJob"}
        if "helm.sh/hook" not in one["metadata"].get("annotations", {})
    ] == []


def test_every_pod_is_restricted(pods: dict[str, dict[str, Any]]) -> None:
    refused = {where: violations(pod) for where, pod in pods.items()}
    assert {where: fields for where, fields in refused.items() if fields} == {}


def test_so_is_the_one_that_tests_of_the_lab_put_beside_them() -> None:
    server = yaml.safe_load(faults.POD)
    assert server["metadata"]["namespace"] == "kuadrant-system"
    assert violations(server) == []


@pytest.mark.parametrize("section", ["containers", "initContainers", "ephemeralContainers"])
def test_a_container_of_any_kind_that_says_nothing_is_not(section: str) -> None:
    good = {
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "capabilities": {"drop": ["ALL"]},
    }
    pod = {"spec": {"containers": [{"securityContext": good}]}}
    assert violations(pod) == []
    pod["spec"].setdefault(section, []).append({})
    assert violations(pod) == [
        "capabilities.drop",
        "allowPrivilegeEscalation",
        "runAsNonRoot",
        "seccompProfile.type",
    ]


BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "HostProcess": ("securityContext", {"windowsOptions": {"hostProcess": True}}),
    "hostNetwork": ("", {"hostNetwork": True}),
    "hostPID": ("", {"hostPID": True}),
    "hostIPC": ("", {"hostIPC": True}),
    "privileged": ("container", {"securityContext": {"privileged": True}}),
    "capabilities.add": ("container", {"securityContext": {"capabilities": {"add": ["SYS_TIME"]}}}),
    "capabilities.drop": ("container", {"securityContext": {"capabilities": {"drop": ["CHOWN"]}}}),
    "volumes": ("", {"volumes": [{"name": "node", "hostPath": {"path": "/"}}]}),
    "hostPort": ("container", {"ports": [{"containerPort": 80, "hostPort": 80}]}),
    "host of probes and lifecycle hooks": (
        "container",
        {"livenessProbe": {"httpGet": {"host": "192.0.2.1", "port": 80}}},
    ),
    "AppArmor (annotations)": (
        "annotations",
        {"container.apparmor.security.beta.kubernetes.io/a": "unconfined"},
    ),
    "appArmorProfile.type": ("securityContext", {"appArmorProfile": {"type": "Unconfined"}}),
    "seLinuxOptions.type": ("securityContext", {"seLinuxOptions": {"type": "spc_t"}}),
    "seLinuxOptions.user": ("securityContext", {"seLinuxOptions": {"user": "root"}}),
    "seLinuxOptions.role": ("securityContext", {"seLinuxOptions": {"role": "admin"}}),
    "procMount": ("container", {"securityContext": {"procMount": "Unmasked"}}),
    "sysctls": ("securityContext", {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}),
    "allowPrivilegeEscalation": ("container", {"securityContext": {"allowPrivilegeEscalation": True}}),
    "runAsNonRoot": ("container", {"securityContext": {"runAsNonRoot": False}}),
    "runAsUser": ("container", {"securityContext": {"runAsUser": 0}}),
    "seccompProfile.type": ("container", {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
    "seccompProfile.type of the pod": ("securityContext", {"seccompProfile": {"type": "Unconfined"}}),
}


@pytest.mark.parametrize("row", RESTRICTED, ids=lambda row: row.name)
def test_a_field_that_is_set_to_what_is_forbidden_is_found(pods: dict[str, dict[str, Any]], row: Any) -> None:
    where, change = BAD[row.name]
    for pod in copy.deepcopy(list(pods.values())):
        places = {
            "": pod["spec"],
            "securityContext": pod["spec"]["securityContext"],
            "annotations": pod["metadata"].setdefault("annotations", {}),
            "container": pod["spec"]["containers"][0],
        }
        for field, value in change.items():
            place = places[where]
            if isinstance(value, dict) and isinstance(place.get(field), dict):
                place[field].update(value)
            else:
                place[field] = value
        assert row.name in violations(pod)


def test_every_container_has_a_root_that_nobody_writes_to_and_bounds(pods: dict[str, dict[str, Any]]) -> None:
    for pod in pods.values():
        for container in containers(pod):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            # No bound for the processor: what throttles us delays every limited request.
            assert container["resources"]["limits"].keys() == {"memory"}


def test_a_token_is_only_in_pods_that_ask_for_one(
    installation: Installation, pods: dict[str, dict[str, Any]]
) -> None:
    of_chart = [one for one in templates.objects() if one["kind"] == "ServiceAccount"]
    accounts = {one["metadata"]["name"]: one for one in (*of_chart, *installation.all("ServiceAccount"))}
    for pod in pods.values():
        assert accounts[pod["spec"]["serviceAccountName"]]["automountServiceAccountToken"] is False
        assert pod["spec"]["automountServiceAccountToken"] is True
    assert [one["automountServiceAccountToken"] for one in of_chart] == [False] * len(accounts)


def test_no_service_beside_a_pod_sets_its_settings(pods: dict[str, dict[str, Any]]) -> None:
    """A Service named ratelimit-grpc would set RATELIMIT_GRPC_PORT to tcp://ADDRESS:PORT."""
    assert {pod["spec"]["enableServiceLinks"] for pod in pods.values()} == {False}


def test_the_namespace_takes_no_other_pods(installation: Installation, bundle: dict[str, Any]) -> None:
    (namespace,) = installation.all("Namespace")
    labels = namespace["metadata"]["labels"]
    assert {
        name.removeprefix(LABELS): value for name, value in labels.items() if name.startswith(LABELS)
    } == {
        "enforce": "restricted",
        "enforce-version": OLDEST,
        "audit": "restricted",
        "audit-version": "latest",
        "warn": "restricted",
        "warn-version": "latest",
    }
    suggested = bundle["metadata"]["annotations"]["operatorframework.io/suggested-namespace-template"]
    assert yaml.safe_load(suggested) == namespace
    assert f"v{bundle['spec']['minKubeVersion']}" == f"{OLDEST}.0"


def test_beside_the_limitador_operator_only_the_service_and_what_is_enforced_differ(
    config: Path, installation: Installation
) -> None:
    """The pods that it makes have no security context at all."""
    other = yaml.safe_load((config / "limitador-operator/kustomization.yaml").read_text())
    default = yaml.safe_load((config / "default/kustomization.yaml").read_text())
    assert sorted({*other["resources"], "../ratelimit"}) == sorted(default["resources"])
    (patch,) = other["patches"]
    (namespace,) = installation.all("Namespace")
    assert patch["target"] == {"kind": "Namespace", "name": namespace["metadata"]["name"]}
    (change,) = yaml.safe_load((config / "limitador-operator" / patch["path"]).read_text())
    assert change == {
        "op": "replace",
        "path": f"/metadata/labels/{LABELS}enforce".replace(LABELS, LABELS.replace("/", "~1")),
        "value": "baseline",
    }
