"""Each fault is found by its code; where nothing is wrong, nothing is found."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.api.kuadrant import FINALIZER
from kuadrant.doctor import SYMPTOMS, examined
from kuadrant.doctor.facts import MODULE_SERVICE, RATELIMIT, RATELIMIT_SERVICE
from kuadrant.uninstall.installation import OPERATOR
from scripts.installation import NAMESPACE
from tests.unit.doctor.healthy import NOW, Cluster

if TYPE_CHECKING:
    from collections.abc import Callable

OWNED = {
    "labels": {"kuadrant.io/managed": "true"},
    "ownerReferences": [
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "name": "istio", "controller": True}
    ],
}
DELETED = {"deletionTimestamp": "2026-06-01T00:00:00Z", "finalizers": [FINALIZER]}


def _pods(name: str, **fields: Any) -> dict[str, Any]:
    return {"spec": {"podSelector": {}, "policyTypes": [name], **fields}}


def _env(cluster: Cluster, **values: Any) -> None:
    cluster.values |= values


def _deployment(cluster: Cluster, name: str) -> dict[str, Any]:
    return cluster.get("Deployment", name)


def _no_provider(cluster: Cluster) -> None:
    for name in ("wasmplugins.extensions.istio.io", "envoyextensionpolicies.gateway.envoyproxy.io"):
        cluster.remove("CustomResourceDefinition", name)


def _other_operator(cluster: Cluster) -> None:
    (container,) = _deployment(cluster, OPERATOR)["spec"]["template"]["spec"]["containers"]
    container["args"] = ["--leader-elect"]


def _other_image(cluster: Cluster) -> None:
    (container,) = _deployment(cluster, RATELIMIT)["spec"]["template"]["spec"]["containers"]
    container["image"] = "kuadrant-operator:old"


def _no_rights(cluster: Cluster) -> None:
    role = cluster.get("ClusterRole", "kuadrant-operator-manager-role")
    role["rules"] = [rule for rule in role["rules"] if "wasmplugins" not in rule["resources"]]


def _other_kind(cluster: Cluster) -> None:
    cluster.remove("CustomResourceDefinition", "ratelimitpolicies.kuadrant.io")
    cluster.define("ratelimitpolicies.kuadrant.io")


def _stored(cluster: Cluster) -> None:
    cluster.get("CustomResourceDefinition", "kuadrants.kuadrant.io")["status"] = {
        "storedVersions": ["v1alpha1"]
    }


def _closed(cluster: Cluster) -> None:
    cluster.remove("NetworkPolicy", OPERATOR)
    cluster.put("NetworkPolicy", "deny", **_pods("Ingress"))


def _left_over(cluster: Cluster) -> None:
    cluster.remove("Deployment", OPERATOR)
    cluster.put("WasmPlugin", "kuadrant-istio", "gateways", metadata=OWNED)


def _stuck(cluster: Cluster) -> None:
    cluster.remove("Deployment", OPERATOR)
    cluster.put("Kuadrant", "kuadrant", metadata=DELETED)


def _unpulled(cluster: Cluster) -> None:
    waiting = {"image": "kuadrant-operator:latest", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    cluster.put("Pod", "operator-1", status={"containerStatuses": [waiting]})


def _watching(cluster: Cluster, *, edited: str = "2026-05-01T00:00:00Z", **fields: Any) -> None:
    limit = {"rates": [{"limit": 1, "window": "1m"}], "mode": "Shadow"}
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "toystore"}
    managed = [
        {"manager": "kubectl", "operation": "Apply", "time": edited},
        {"manager": "kuadrant-operator", "operation": "Apply", "time": "2026-05-31T00:00:00Z"},
        {"manager": "another", "subresource": "status", "time": "2026-05-31T00:00:00Z"},
    ]
    metadata = {"managedFields": managed, **fields.pop("metadata", {})}
    spec = {"targetRef": target, "limits": {"tried": limit | fields}}
    cluster.put("RateLimitPolicy", "toystore", "default", metadata=metadata, spec=spec)


FAULTS: dict[str, tuple[str, Callable[[Cluster], object]]] = {
    "Kubernetes is too old": ("kubernetes-version", lambda one: _env(one, server=(1, 29))),
    "no Gateway API": (
        "gateway-api",
        lambda one: one.remove("CustomResourceDefinition", "httproutes.gateway.networking.k8s.io"),
    ),
    "no provider": ("provider", _no_provider),
    "istiod is away": (
        "control-plane",
        lambda one: one.get("EndpointSlice", "istiod-1").update(endpoints=[]),
    ),
    "a class that does not exist": ("gateway-class", lambda one: one.remove("GatewayClass", "eg")),
    "a class of somebody else": (
        "foreign-class",
        lambda one: one.get("GatewayClass", "eg")["spec"].update(controllerName="example.com/x"),
    ),
    "a class that nobody takes": (
        "class-not-accepted",
        lambda one: one.get("GatewayClass", "eg").pop("status"),
    ),
    "no way of delivery": (
        "delivery",
        lambda one: one.get("Gateway", "istio")["metadata"].update(
            annotations={"kuadrant.io/wasm-delivery": "pushed"}
        ),
    ),
    "push without EnvoyPatchPolicies": (
        "patches-off",
        lambda one: (
            one.get("Gateway", "eg")["metadata"].update(annotations={"kuadrant.io/wasm-delivery": "push"}),
            one.put("ConfigMap", "envoy-gateway-config", "eg", data={"envoy-gateway.yaml": "provider: {}"}),
        ),
    ),
    "nobody answers for names": (
        "cluster-names",
        lambda one: one.get("EndpointSlice", "kube-dns-1")["endpoints"][0].update(
            conditions={"ready": False}
        ),
    ),
    "another cluster domain": (
        "name-not-resolved",
        lambda one: _env(one, unresolved=("a.svc.cluster.local",)),
    ),
    "a clock that is wrong": ("clock", lambda one: _env(one, ahead=-40.0)),
    "no right to look": ("not-read", lambda one: _env(one, unread={"Secret": "403 you may not"})),
    "the limitador-operator's Service": (
        "limitador-service",
        lambda one: one.get("Service", RATELIMIT_SERVICE)["spec"].update(clusterIP="None"),
    ),
    "Kuadrant's own operator": ("other-operator", _other_operator),
    "a kind that is not defined": (
        "definition",
        lambda one: one.remove("CustomResourceDefinition", "limitadors.limitador.kuadrant.io"),
    ),
    "Kuadrant's own definition": ("other-definition", _other_kind),
    "a version that is gone": ("stored-version", _stored),
    "no Kuadrant": ("no-kuadrant", lambda one: one.remove("Kuadrant", "kuadrant")),
    "two Kuadrants": ("two-kuadrants", lambda one: one.put("Kuadrant", "another", "elsewhere")),
    "a Kuadrant that nobody lets go": ("kuadrant-stuck", _stuck),
    "objects of an installation that has gone": ("left-over", _left_over),
    "an operator that does not run": (
        "not-running",
        lambda one: _deployment(one, OPERATOR).update(status={"readyReplicas": 0}),
    ),
    "an image that cannot be had": ("image", _unpulled),
    "no Service for the module": ("service", lambda one: one.remove("Service", MODULE_SERVICE)),
    "nobody behind a Service": (
        "service",
        lambda one: one.get("EndpointSlice", f"{RATELIMIT_SERVICE}-1").update(endpoints=[]),
    ),
    "two images": ("images-differ", _other_image),
    "a single replica": ("one-replica", lambda one: _deployment(one, OPERATOR)["spec"].update(replicas=1)),
    "replicas that count apart": (
        "count-apart",
        lambda one: _deployment(one, RATELIMIT)["spec"].update(replicas=3),
    ),
    "a right that is missing": ("rights", _no_rights),
    "no binding": (
        "rights",
        lambda one: one.remove("ClusterRoleBinding", "kuadrant-operator-manager-rolebinding"),
    ),
    "a policy that is refused": (
        "policies-refused",
        lambda one: one.put(
            "RateLimitPolicy",
            "toystore",
            "default",
            status={"conditions": [{"type": "Accepted", "status": "False"}]},
        ),
    ),
    "a limit that has watched for a month": ("shadow-forgotten", _watching),
    "a policy that shuts gateways out": ("port-closed", _closed),
    "a policy that keeps gateways in": (
        "egress-closed",
        lambda one: one.put("NetworkPolicy", "deny", "gateways", **_pods("Egress", egress=[])),
    ),
    "a certificate that has ended": (
        "certificate",
        lambda one: one.certificate(NOW - dt.timedelta(days=5 * 365 + 10)),
    ),
    "no certificate": (
        "certificate",
        lambda one: one.put("Secret", "kuadrant-push-server", data={"tls.crt": "?"}),
    ),
    "a certificate that ends soon": (
        "certificate-ends",
        lambda one: one.certificate(NOW - dt.timedelta(days=5 * 365 - 10)),
    ),
    "an object that is large": (
        "object-size",
        lambda one: one.put(
            "EnvoyExtensionPolicy", "kuadrant-eg", "gateways", metadata=OWNED, spec="x" * 500_000
        ),
    ),
}


def codes(cluster: Cluster) -> list[str]:
    return [one.code for one in examined(cluster.facts())]


def test_where_nothing_is_wrong_nothing_is_found() -> None:
    assert codes(Cluster()) == []


def test_before_an_installation_only_what_would_be_in_its_way_is_told() -> None:
    cluster = Cluster()
    for kind in ("Deployment", "Service", "Kuadrant", "NetworkPolicy", "ClusterRole", "ClusterRoleBinding"):
        cluster.objects[kind] = [
            one for one in cluster.objects[kind] if one["metadata"]["name"] == "kube-dns"
        ]
    cluster.objects["CustomResourceDefinition"] = [
        one
        for one in cluster.objects["CustomResourceDefinition"]
        if "kuadrant" not in one["metadata"]["name"]
    ]
    assert codes(cluster) == []
    assert not cluster.facts().is_installed


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str) -> None:
    code, spoil = FAULTS[fault]
    cluster = Cluster()
    spoil(cluster)

    found = [one for one in examined(cluster.facts()) if one.code == code]
    assert found, codes(cluster)
    assert found[0].page == f"docs/doctor.md#{code}"
    assert found[0].do.endswith((".", ")."))
    # Faults have few consequences that are told beside them.
    assert len(set(codes(cluster))) <= 3


def test_every_code_has_a_fault() -> None:
    assert {code for code, _ in FAULTS.values()} == set(SYMPTOMS)


def test_the_gravest_come_first() -> None:
    cluster = Cluster()
    for name in ("a single replica", "two Kuadrants", "no Service for the module"):
        FAULTS[name][1](cluster)
    assert codes(cluster) == ["service", "two-kuadrants", "one-replica"]


@pytest.mark.parametrize(
    "ingress",
    [
        [{"ports": [{"port": 8000, "endPort": 9000}]}],
        [{"ports": [{"port": "wasm-shim"}, {"port": "push"}]}],
        [{"from": [{"podSelector": {}}]}],
    ],
    ids=["a range", "by name", "every port"],
)
def test_a_policy_that_lets_gateways_in_is_none_that_shuts_them_out(ingress: list[dict[str, Any]]) -> None:
    cluster = Cluster()
    cluster.remove("NetworkPolicy", OPERATOR)
    cluster.remove("NetworkPolicy", RATELIMIT)
    selector = {"matchLabels": {"app": "kuadrant", "control-plane": "controller-manager"}}
    cluster.put("NetworkPolicy", "own", spec={"podSelector": selector, "ingress": ingress})
    assert codes(cluster) == []


def test_the_namespace_of_the_installation_is_that_of_its_objects() -> None:
    facts = Cluster().facts()
    assert facts.operator is not None
    assert facts.operator["metadata"]["namespace"] == NAMESPACE


def test_a_limit_in_shadow_is_told_by_its_name_and_for_how_long_nobody_edited_it() -> None:
    cluster = Cluster()
    _watching(cluster)
    (found,) = examined(cluster.facts())
    assert found.message == (
        "the limit tried of RateLimitPolicy default/toystore is in shadow, and was not edited for 31 days"
    )


EXTENSIONS = {"annotations": {"kuadrant.io/extensions": "limits: {tried: {mode: Shadow}}"}}


@pytest.mark.parametrize(
    ("fields", "is_told"),
    [
        ({"edited": "2026-05-18T00:00:00Z"}, True),
        ({"edited": "2026-05-18T00:00:01Z"}, False),
        ({"mode": "Soft"}, False),
        ({"mode": "Enforce"}, False),
        ({"mode": "Enforce", "enforcePercent": 0}, True),
        ({"mode": "Enforce", "enforcePercent": 10}, False),
        ({"mode": None, "metadata": EXTENSIONS}, True),
        # Nobody says when it was edited.
        ({"metadata": {"managedFields": []}}, False),
        # It is no policy that anybody can read.
        ({"rates": 7}, False),
    ],
)
def test_only_what_refuses_nobody_and_rests_is_forgotten(fields: dict[str, Any], *, is_told: bool) -> None:
    cluster = Cluster()
    _watching(cluster, **fields)
    assert codes(cluster) == (["shadow-forgotten"] if is_told else [])
