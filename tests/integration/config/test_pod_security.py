"""A real API server holds the pods of the namespace to what its labels say, and lets ours in."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from scripts.installation import CONFIG, NAMESPACE, built

if TYPE_CHECKING:
    import httpx2

    Server = Any

OBJECTS = [document for _, document in built(CONFIG / "default")]
NAMES = [one["metadata"]["name"] for one in OBJECTS if one["kind"] == "Deployment"]


@pytest.fixture(scope="module")
def namespace(server: Server) -> Server:
    """The server with the namespace and the accounts of an installation."""
    for kind, path in (
        ("Namespace", "namespaces"),
        ("ServiceAccount", f"namespaces/{NAMESPACE}/serviceaccounts"),
    ):
        for document in OBJECTS:
            if document["kind"] == kind:
                server.http.post(f"/api/v1/{path}", json=document).raise_for_status()
    return server


def pod(name: str) -> dict[str, Any]:
    """The pod that the Deployment of that name makes."""
    (template,) = [
        one["spec"]["template"]
        for one in OBJECTS
        if (one["kind"], one["metadata"]["name"]) == ("Deployment", name)
    ]
    return copy.deepcopy({"apiVersion": "v1", "kind": "Pod", **template, "metadata": {"name": "pod"}})


def created(server: Server, document: dict[str, Any]) -> httpx2.Response:
    """What comes of creating a pod, as a trial."""
    answer: httpx2.Response = server.http.post(
        f"/api/v1/namespaces/{NAMESPACE}/pods", json=document, params={"dryRun": "All"}
    )
    return answer


@pytest.mark.parametrize("name", NAMES)
def test_our_pods_start_without_a_warning(namespace: Server, name: str) -> None:
    answer = created(namespace, pod(name))
    assert answer.status_code == 201, answer.text
    assert "warning" not in answer.headers


@pytest.mark.parametrize("name", NAMES)
def test_a_token_is_in_the_pod_because_it_asks_for_one(namespace: Server, name: str) -> None:
    mounts = created(namespace, pod(name)).json()["spec"]["containers"][0]["volumeMounts"]
    assert [mount["mountPath"] for mount in mounts] == ["/var/run/secrets/kubernetes.io/serviceaccount"]
    other = pod(name)
    del other["spec"]["automountServiceAccountToken"]
    assert "volumeMounts" not in created(namespace, other).json()["spec"]["containers"][0]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_pods_with_less_do_not(namespace: Server, name: str) -> None:
    for context, field in (
        ("pod", "runAsNonRoot"),
        ("pod", "seccompProfile"),
        ("container", "allowPrivilegeEscalation"),
        ("container", "capabilities"),
    ):
        less = pod(name)
        place = less["spec"] if context == "pod" else less["spec"]["containers"][0]
        del place["securityContext"][field]
        answer = created(namespace, less)
        assert answer.status_code == 403
        assert 'violates PodSecurity "restricted:v1.30"' in answer.json()["message"]
        assert field in answer.json()["message"]
